//! Every range, and its edges.

use std::net::{IpAddr, SocketAddr};

use super::super::resolver::admit;
use super::super::{AddressClass, FetchError, Network};

/// Address, admitted by public, by private, by loopback, why.
const TABLE: &[(&str, bool, bool, bool, &str)] = &[
    ("1.1.1.1", true, true, false, "public"),
    ("9.255.255.255", true, true, false, "just before 10/8"),
    ("11.0.0.0", true, true, false, "just after 10/8"),
    ("10.0.0.0", false, true, false, "RFC 1918"),
    ("10.255.255.255", false, true, false, "RFC 1918, last"),
    ("172.15.255.255", true, true, false, "just before 172.16/12"),
    ("172.16.0.1", false, true, false, "RFC 1918"),
    ("172.31.255.255", false, true, false, "RFC 1918, last"),
    ("172.32.0.0", true, true, false, "just after 172.16/12"),
    ("192.168.1.1", false, true, false, "RFC 1918"),
    ("127.0.0.1", false, false, true, "loopback"),
    ("127.255.255.254", false, false, true, "all of 127/8 is loopback"),
    ("0.0.0.0", false, false, false, "unspecified reaches loopback on Linux"),
    ("0.1.2.3", false, false, false, "0/8"),
    ("100.63.255.255", true, true, false, "just before CGNAT"),
    ("100.64.0.0", false, false, false, "CGNAT"),
    ("100.100.100.200", false, false, false, "metadata of Alibaba Cloud"),
    ("100.127.255.255", false, false, false, "CGNAT, last"),
    ("100.128.0.0", true, true, false, "just after CGNAT"),
    ("168.63.129.16", false, false, false, "host agent of Azure"),
    ("169.253.255.255", true, true, false, "just before link-local"),
    ("169.254.0.1", false, false, false, "link-local"),
    ("169.254.169.254", false, false, false, "metadata"),
    ("169.254.170.2", false, false, false, "task credentials of Amazon"),
    ("169.255.0.0", true, true, false, "just after link-local"),
    ("192.0.0.1", false, false, false, "protocol assignments"),
    ("192.0.0.192", false, false, false, "metadata of Oracle Cloud"),
    ("192.0.2.1", false, false, false, "TEST-NET-1"),
    ("192.0.3.0", true, true, false, "just after TEST-NET-1"),
    ("192.88.99.1", false, false, false, "relays of 6to4"),
    ("198.17.255.255", true, true, false, "just before benchmarking"),
    ("198.18.0.1", false, false, false, "benchmarking"),
    ("198.19.255.255", false, false, false, "benchmarking, last"),
    ("198.51.100.7", false, false, false, "TEST-NET-2"),
    ("203.0.113.7", false, false, false, "TEST-NET-3"),
    ("223.255.255.255", true, true, false, "just before multicast"),
    ("224.0.0.1", false, false, false, "multicast"),
    ("239.255.255.255", false, false, false, "multicast, last"),
    ("240.0.0.1", false, false, false, "reserved"),
    ("255.255.255.255", false, false, false, "broadcast"),
    ("2606:4700::1111", true, true, false, "public"),
    ("3ffe::1", true, true, false, "within 2000::/3"),
    ("::", false, false, false, "unspecified"),
    ("::1", false, false, true, "loopback"),
    ("::7f00:1", false, false, false, "IPv4-compatible 127.0.0.1"),
    ("::a00:1", false, false, false, "IPv4-compatible 10.0.0.1"),
    ("::ffff:127.0.0.1", false, false, false, "IPv4-mapped loopback, refused as loopback too"),
    ("::ffff:10.0.0.1", false, false, false, "IPv4-mapped private"),
    ("::ffff:1.1.1.1", false, false, false, "IPv4-mapped public: no server needs that spelling"),
    ("::ffff:0:127.0.0.1", false, false, false, "IPv4-translated"),
    ("64:ff9b::a9fe:a9fe", false, false, false, "NAT64 of the metadata address"),
    ("64:ff9b::101:101", false, false, false, "NAT64 of a public address"),
    ("64:ff9b:1::a00:1", false, false, false, "local NAT64"),
    ("64:ff9b:2::1", false, false, false, "not global unicast"),
    ("100::1", false, false, false, "discard-only"),
    ("2001::1", false, false, false, "Teredo"),
    ("2001:0:ffff::1", false, false, false, "Teredo, further in"),
    ("2001:2::1", false, false, false, "benchmarking"),
    ("2001:20::1", false, false, false, "ORCHID"),
    ("2001:1ff:ffff::1", false, false, false, "protocol assignments, last"),
    ("2001:200::1", true, true, false, "just after the protocol assignments"),
    ("2001:db8::1", false, false, false, "documentation"),
    ("2001:db9::1", true, true, false, "just after documentation"),
    ("2002:a00:1::", false, false, false, "6to4 of 10.0.0.1"),
    ("2002:7f00:1::1", false, false, false, "6to4 of loopback"),
    ("2003::1", true, true, false, "just after 6to4"),
    ("3fff::1", false, false, false, "documentation, RFC 9637"),
    ("4000::1", false, false, false, "not assigned"),
    ("5f00::1", false, false, false, "segment routing"),
    ("fbff::1", false, false, false, "not assigned"),
    ("fc00::1", false, true, false, "unique local"),
    ("fd12:3456::1", false, true, false, "unique local"),
    ("fd00:ec2::254", false, false, false, "metadata of Amazon, though unique local"),
    ("fd00:ec2::23", false, false, false, "pod identity of Amazon"),
    ("fd20:ce::254", false, false, false, "metadata of Google Cloud, though unique local"),
    ("fd20:ce::253", false, true, false, "its neighbour belongs to a customer"),
    ("fd00:c1::a9fe:a9fe", false, false, false, "metadata of Oracle Cloud"),
    ("fe80::1", false, false, false, "link-local"),
    ("febf::1", false, false, false, "link-local, last"),
    ("fec0::1", false, false, false, "site-local"),
    ("ff02::1", false, false, false, "multicast"),
];

#[test]
fn each_network_admits_its_own_addresses_and_no_others() {
    for (address, public, private, loopback, why) in TABLE {
        let parsed: IpAddr = address.parse().unwrap();
        let admitted = [Network::Public, Network::Private, Network::Loopback].map(|network| network.admits(parsed));
        assert_eq!(admitted, [*public, *private, *loopback], "{why}: {address} is {}", AddressClass::of(parsed));
    }
}

#[test]
fn of_the_addresses_of_a_name_only_admitted_ones_are_used() {
    let at = |addresses: &[&str]| addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect::<Vec<_>>();
    for (network, found, admitted, why) in [
        (Network::Public, &["1.1.1.1", "10.0.0.1"][..], &["1.1.1.1"][..], "the private one is left out"),
        (Network::Private, &["127.0.0.1", "10.0.0.1"], &["10.0.0.1"], "loopback never comes with private"),
        (Network::Loopback, &["10.0.0.1", "::1", "127.0.0.1"], &["::1", "127.0.0.1"], "loopback alone"),
    ] {
        assert_eq!(admit(network, "issuer.example", at(found).into_iter()), Ok(at(admitted)), "{why}");
    }
}

#[test]
fn a_name_without_an_admitted_address_is_refused_by_its_class() {
    let refused = |network, address: &str| {
        let address = SocketAddr::new(address.parse().unwrap(), 443);
        admit(network, "issuer.example", [address].into_iter()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(
        refused(Network::Public, "10.0.0.1"),
        @r#"`issuer.example` is 10.0.0.1, which is private (RFC 1918) and refused with network = "public"; an issuer inside your own network needs network = "private""#
    );
    insta::assert_snapshot!(
        refused(Network::Private, "169.254.169.254"),
        @r#"`issuer.example` is 169.254.169.254, which is a cloud metadata service and refused with network = "private""#
    );
    insta::assert_snapshot!(
        refused(Network::Private, "::1"),
        @r#"`issuer.example` is ::1, which is loopback and refused with network = "private"; an issuer on this machine needs network = "loopback""#
    );
    let nothing = admit(Network::Public, "issuer.example", std::iter::empty());
    assert_eq!(nothing, Err(FetchError::NotResolved { host: "issuer.example".into() }));
}

#[test]
fn a_network_is_named_as_in_the_configuration() {
    for network in [Network::Public, Network::Private, Network::Loopback] {
        assert_eq!(Network::from_name(network.name()), Some(network));
    }
    assert_eq!(Network::from_name("Public"), None);
    assert_eq!(Network::default(), Network::Public);
}
