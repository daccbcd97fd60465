use super::*;
use crate::domain::Timestamp;

fn lines(metrics: &Metrics, part: &str) -> Vec<String> {
    metrics.encode().lines().filter(|line| !line.starts_with('#') && line.contains(part)).map(str::to_owned).collect()
}

#[test]
fn an_exchange_is_counted_and_timed() {
    let metrics = Metrics::new("1.2.3");
    let (issuer, target) = (IssuerName::parse("github").unwrap(), TargetName::parse("deploy").unwrap());
    let took = Duration::from_millis(3);
    let success = Exchange { issuer: Some(&issuer), target: Some(&target), outcome: "issued", reason: "", grant: "token-exchange", took };
    let rejected = Exchange { issuer: None, target: None, outcome: "rejected", reason: "unknown_issuer", ..success };
    for exchange in [success, success, rejected] {
        metrics.exchange(&exchange);
    }
    let mut counted = lines(&metrics, "cambist_exchanges_total");
    counted.sort();
    assert_eq!(
        counted,
        [
            r#"cambist_exchanges_total{issuer="",target="",outcome="rejected",reason="unknown_issuer",grant="token-exchange"} 1"#,
            r#"cambist_exchanges_total{issuer="github",target="deploy",outcome="issued",reason="",grant="token-exchange"} 2"#,
        ]
    );
    assert_eq!(
        lines(&metrics, r#"seconds_bucket{le="0.005",outcome="issued"}"#),
        [r#"cambist_exchange_duration_seconds_bucket{le="0.005",outcome="issued"} 2"#]
    );
}

#[test]
fn only_the_trust_in_force_is_shown() {
    let metrics = Metrics::new("1.2.3");
    for version in ["aaa", "aaa", "bbb"] {
        metrics.set_trust(version);
        assert_eq!(lines(&metrics, "cambist_trust_info"), [format!("cambist_trust_info{{version=\"{version}\"}} 1")]);
    }
}

#[test]
fn what_is_mended_goes_to_zero() {
    let metrics = Metrics::new("1.2.3");
    metrics.set_degraded(&["trust_refused"]);
    assert_eq!(lines(&metrics, "degraded"), [r#"cambist_degraded{reason="trust_refused"} 1"#]);
    metrics.set_degraded(&[]);
    assert_eq!(lines(&metrics, "degraded"), [r#"cambist_degraded{reason="trust_refused"} 0"#]);
}

#[test]
fn an_issuer_that_is_trusted_no_more_has_no_keys() {
    let metrics = Metrics::new("1.2.3");
    let issuer = IssuerName::parse("github").unwrap();
    metrics.set_issuer_keys(&issuer, 3);
    assert_eq!(lines(&metrics, "issuer_keys"), [r#"cambist_issuer_keys{issuer="github"} 3"#]);
    metrics.forget_issuer(&issuer);
    assert_eq!(lines(&metrics, "issuer_keys"), [""; 0]);
}

#[test]
fn every_metric_has_its_name() {
    let metrics = Metrics::new("1.2.3");
    metrics.replay("fresh", Duration::from_micros(200));
    metrics.trust_reload("accepted");
    metrics.issuer_fetch(&IssuerName::parse("github").unwrap(), "fetched");
    metrics.set_in_flight(1);
    metrics.set_key_ring_version(u64::MAX);
    let text = metrics.encode();
    for line in [
        r#"cambist_build_info{version="1.2.3"} 1"#,
        r#"cambist_replay_total{outcome="fresh"} 1"#,
        r#"cambist_replay_duration_seconds_bucket{le="0.00025",outcome="fresh"} 1"#,
        "cambist_fences_total 0",
        r#"cambist_trust_reloads_total{outcome="accepted"} 1"#,
        r#"cambist_issuer_fetches_total{issuer="github",outcome="fetched"} 1"#,
        "cambist_in_flight 1",
        "cambist_key_ring_version 9223372036854775807",
        "# EOF",
    ] {
        assert!(text.lines().any(|written| written == line), "{line} is missing in:\n{text}");
    }
}

#[test]
fn the_store_and_its_fences_are_told() {
    let metrics = Metrics::new("1.2.3");
    assert_eq!(lines(&metrics, "cambist_store_connections"), [""; 0], "SQLite has none");
    metrics.set_fences(2, Timestamp::from_unix(1_800_000_000));
    let numbers = StoreNumbers { clock_offset: Some(-2), connections_up: 1, connections_wanted: 2, lease_age: Some(0.5), retries: 3 };
    metrics.set_store(&numbers);
    // A second look at the same numbers adds nothing.
    metrics.set_store(&StoreNumbers { lease_age: None, clock_offset: None, ..numbers });
    let mut shown = [lines(&metrics, "cambist_store"), lines(&metrics, "cambist_fence")].concat();
    shown.sort();
    assert_eq!(
        shown,
        [
            "cambist_fence_until_seconds 1800000000",
            "cambist_fences_total 2",
            "cambist_store_clock_offset_seconds -2",
            r#"cambist_store_connections{state="up"} 1"#,
            r#"cambist_store_connections{state="wanted"} 2"#,
            "cambist_store_lease_age_seconds 0.5",
            "cambist_store_retries_total 3",
        ]
    );
}
