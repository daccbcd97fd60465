//! `[listen]`.

use insta::assert_snapshot;

use super::*;
use crate::http::ClientCertificates;

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
fn certificates_of_clients_come_from_one_place() {
    let tls = |more: &str| format!("tls = {{ certificate = 'c', key = {{ file = 'k' }}{more} }}");
    let (asking, silent) = (tls(", client_certificates = true"), tls(", client_certificates = false"));
    let proxy = "behind_proxy = ['10.0.0.0/8']\n";
    for (lines, expected, why) in [
        (String::new(), ClientCertificates::NotAsked, "nobody asks"),
        (silent, ClientCertificates::NotAsked, "nobody asks"),
        (asking.clone(), ClientCertificates::FromHandshake, "the handshake"),
        (format!("{proxy}client_certificate_header = true"), ClientCertificates::FromProxy, "the proxy"),
        (format!("{proxy}client_certificate_header = false"), ClientCertificates::NotAsked, "a proxy that tells nothing"),
        (format!("{proxy}client_certificate_header = true\n{}", tls("")), ClientCertificates::FromProxy, "a proxy that speaks TLS"),
    ] {
        let listen = accepted(&format!("issuer = 'https://sts.example.com'\n[listen]\n{lines}")).listen;
        assert_eq!(listen.public.client_certificates, expected, "{why}");
        assert_eq!(listen.admin.client_certificates, ClientCertificates::NotAsked, "{why}");
    }
    for (lines, expected, why) in [
        (format!("{proxy}{asking}"), "the certificate of the proxy", "a handshake with the proxy"),
        ("client_certificate_header = true".into(), "only proxies are believed", "everybody could say so"),
        (format!("{proxy}client_certificate_header = 1"), "`true` or `false`", "a number"),
        (tls(", client_certificates = 'optional'"), "`true` or `false`", "a text"),
    ] {
        let report = fault(&format!("[listen]\n{lines}"));
        assert!(report.contains(expected), "{why}: {report}");
    }
}

#[test]
fn a_plain_issuer_is_for_one_machine() {
    accepted("issuer = 'http://127.0.0.1:8080'");
    let report = refused("issuer = 'http://127.0.0.1:8080'\n[listen]\npublic = '0.0.0.0:8080'\nbehind_proxy = ['10.0.0.0/8']");
    assert!(report.contains("one machine"), "{report}");
}
