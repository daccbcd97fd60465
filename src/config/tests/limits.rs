//! `[limits]`

use super::*;
use crate::limits::{LimitsSettings, Rate};

#[test]
fn a_limit_is_a_rate_with_a_burst_or_off() {
    let limits = |lines: &str| accepted(&format!("issuer = \"https://sts.example.com\"\n{lines}")).limits;
    assert_eq!(limits(""), LimitsSettings::default());
    assert_eq!(limits("[limits]\n"), LimitsSettings::default());
    let written =
        limits("[limits]\nper_peer = { rate = \"5/m\", burst = 9 }\nper_relationship = { rate = \"7/s\" }\nper_subject = false\n");
    let peer = written.per_peer.unwrap();
    assert_eq!((peer.rate.interval().as_secs(), peer.rate.burst().get(), peer.loopback), (12, 9, true));
    assert_eq!(written.per_relationship, Rate::parse("7/s").ok(), "without a burst: what comes in one unit of time");
    assert_eq!(written.per_subject, None);
    assert!(!LimitsSettings::default().per_peer.unwrap().loopback, "by default nobody on this machine, where a proxy may be");
}

#[test]
fn what_is_wrong_with_a_limit_is_said() {
    assert_snapshot!(fault("[limits]\nper_peer = true"), @r#"etc/cambist.toml:3:12: error: limits.per_peer: expected { rate = "50/s", burst = 200 }, or `false` for no limit"#);
    assert_snapshot!(fault("[limits]\nper_subject = { rate = \"50\" }"), @"etc/cambist.toml:3:24: error: limits.per_subject.rate: a rate is a whole number of 1 to 1000000 in a second, a minute or an hour: `50/s`, `600/m`, `1000/h`");
    assert_snapshot!(fault("[limits]\nper_subject = { burst = 5 }"), @r#"etc/cambist.toml:3:15: error: limits.per_subject: `rate` is missing: write how many are allowed in which time: rate = "50/s""#);
    assert_snapshot!(fault("[limits]\nper_subject = { rate = \"5/s\", burst = 0 }"), @"etc/cambist.toml:3:39: error: limits.per_subject.burst: expected a whole number of 1 to 1000000");
    assert_snapshot!(fault("[limits]\nper_client = false"), @"etc/cambist.toml:3:1: error: limits: unknown field `per_client`, expected one of `per_peer`, `per_relationship`, `per_subject`");
}
