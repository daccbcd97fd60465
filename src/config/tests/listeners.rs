//! `[listen]`.

use insta::assert_snapshot;

use super::*;

#[test]
fn a_listener_that_others_reach_needs_protection() {
    for (lines, why) in [
        ("[listen]\npublic = '0.0.0.0:8080'", "any address"),
        ("[listen]\npublic = '[::]:8080'", "any IPv6 address"),
        ("[listen]\nadmin = '192.0.2.1:9090'", "the admin listener too"),
    ] {
        assert!(fault(lines).contains("plain text"), "{why}");
    }
    for (lines, why) in [
        ("[listen]\npublic = '127.8.9.1:8080'", "all of 127.0.0.0/8 is loopback"),
        ("[listen]\npublic = '[::ffff:127.0.0.1]:8080'", "so is its IPv6 form"),
        ("[listen]\npublic = '0.0.0.0:8080'\nbehind_proxy = ['10.0.0.0/8']", "a proxy in front"),
        ("[listen]\npublic = '0.0.0.0:8080'\ntls = { certificate = 'c', key = { file = 'k' } }", "TLS"),
    ] {
        let settings = accepted(&format!("issuer = 'https://sts.example.com'\n{lines}"));
        assert!(settings.listen.admin.is_loopback() && settings.listen.admin.tls.is_none(), "{why}");
    }
    assert_snapshot!(
        fault("[listen]\npublic = '0.0.0.0:8080'"),
        @r#"etc/cambist.toml:3:10: error: listen.public: 0.0.0.0:8080 is reachable from other machines, and tokens would travel in plain text: add `tls = { certificate = "…", key = { file = "…" } }`, or `behind_proxy = ["<network of the proxy>"]`, or listen on 127.0.0.1"#
    );
}

#[test]
fn a_guard_covers_the_admin_listener_only_beyond_loopback() {
    for (admin, guarded) in [("127.0.0.1:9090", false), ("10.1.2.3:9090", true)] {
        let text = format!("issuer = 'https://sts.example.com'\n[listen]\nadmin = '{admin}'\nbehind_proxy = ['10.0.0.0/8']");
        let listen = accepted(&text).listen;
        assert_eq!((listen.public.behind_proxy.len(), listen.admin.behind_proxy.len()), (1, usize::from(guarded)), "{admin}");
    }
}

#[test]
fn a_faulty_guard_is_one_fault_not_two() {
    assert!(fault("[listen]\npublic = '0.0.0.0:1'\nbehind_proxy = ['10.0.0.1']").contains("prefix length"));
    assert!(fault("[listen]\npublic = '0.0.0.0:1'\ntls = { key = { file = 'k' } }").contains("`certificate` is missing"));
}

#[test]
fn listeners_and_their_limits_make_sense() {
    for (lines, expected, why) in [
        ("public = '127.0.0.1:9090'", "both 127.0.0.1:9090", "one port for both"),
        ("behind_proxy = []", "networks of the proxy", "an empty list protects nothing"),
        ("behind_proxy = ['0.0.0.0/0']", "anybody could forge", "everybody is no proxy"),
        ("behind_proxy = ['10.1.2.3/8']", "write 10.0.0.0/8", "a host is no network"),
        ("max_connections = 0", "1 to 1000000", "nobody could connect"),
        ("max_in_flight = '5'", "1 to 1000000", "a text is no number"),
        ("public = ':8080'", "such as 127.0.0.1:8080", "no address"),
    ] {
        let report = fault(&format!("[listen]\n{lines}"));
        assert!(report.contains(expected), "{why}: {report}");
    }
    let any_port = accepted("issuer = 'https://sts.example.com'\n[listen]\npublic = '127.0.0.1:0'\nadmin = '127.0.0.1:0'");
    assert_eq!(any_port.listen.public.address.port(), 0);
}

#[test]
fn a_plain_issuer_is_for_one_machine() {
    accepted("issuer = 'http://127.0.0.1:8080'");
    let report = refused("issuer = 'http://127.0.0.1:8080'\n[listen]\npublic = '0.0.0.0:8080'\nbehind_proxy = ['10.0.0.0/8']");
    assert!(report.contains("one machine"), "{report}");
}
