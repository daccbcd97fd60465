//! Which addresses a connection may go to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The part of the network in which an issuer lives: `network` in its registration.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Network {
    /// `https` to globally reachable addresses.
    #[default]
    Public,
    /// `https` to globally reachable addresses, RFC 1918 and unique local ones; never loopback, link-local, metadata, multicast.
    Private,
    /// Loopback addresses only, where `http` is good enough: nobody else listens.
    Loopback,
}

impl Network {
    /// The word of the configuration: `public`, `private`, `loopback`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Loopback => "loopback",
        }
    }

    /// Reads the word of the configuration.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Public, Self::Private, Self::Loopback].into_iter().find(|network| network.name() == name)
    }

    /// Whether a connection may go to this address.
    #[must_use]
    pub fn admits(self, address: IpAddr) -> bool {
        let class = AddressClass::of(address);
        match self {
            Self::Public => class == AddressClass::Global,
            Self::Private => matches!(class, AddressClass::Global | AddressClass::Private | AddressClass::UniqueLocal),
            Self::Loopback => class == AddressClass::Loopback,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What kind of address it is (the IANA special-purpose registries, RFC 6890). Displayed as a phrase that follows "which is".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the phrase of each variant is its documentation")]
pub enum AddressClass {
    Benchmarking,
    CarrierGrade,
    Documentation,
    Global,
    Ipv4Compatible,
    Ipv4Mapped,
    LinkLocal,
    Loopback,
    Metadata,
    Multicast,
    Nat64,
    Private,
    Reserved,
    SiteLocal,
    SixToFour,
    Teredo,
    ThisNetwork,
    UniqueLocal,
}

impl AddressClass {
    /// Classifies an address. An IPv6 address that carries an IPv4 one is never looked into: no issuer needs such a spelling, and
    /// every one of them is a way around a list.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if let Some((_, class)) = SPECIAL.iter().find(|(net, _)| net.contains(&address)) {
            return *class;
        }
        match address {
            IpAddr::V4(_) => Self::Global,
            // Global unicast is 2000::/3 alone (RFC 4291 §2.4); the rest is unassigned, and may become anything.
            IpAddr::V6(address) if address.segments()[0] & 0xe000 == 0x2000 => Self::Global,
            IpAddr::V6(_) => Self::Reserved,
        }
    }
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Benchmarking => "for benchmarks only (RFC 2544)",
            Self::CarrierGrade => "shared by carrier-grade NAT (RFC 6598)",
            Self::Documentation => "for documentation only (RFC 5737, RFC 3849)",
            Self::Global => "public",
            Self::Ipv4Compatible => "an IPv4-compatible IPv6 address",
            Self::Ipv4Mapped => "an IPv4-mapped IPv6 address",
            Self::LinkLocal => "link-local (RFC 3927, RFC 4291)",
            Self::Loopback => "loopback",
            Self::Metadata => "a cloud metadata service",
            Self::Multicast => "multicast",
            Self::Nat64 => "a NAT64 address (RFC 6052, RFC 8215)",
            Self::Private => "private (RFC 1918)",
            Self::Reserved => "reserved",
            Self::SiteLocal => "site-local (RFC 3879)",
            Self::SixToFour => "a 6to4 address (RFC 3056)",
            Self::Teredo => "a Teredo address (RFC 4380)",
            Self::ThisNetwork => "unspecified (RFC 791)",
            Self::UniqueLocal => "unique local (RFC 4193)",
        })
    }
}

/// Everything that is not simply global, narrower ranges before the wider ones that hold them.
const SPECIAL: [(IpNet, AddressClass); 39] = [
    (v4([0, 0, 0, 0], 8), AddressClass::ThisNetwork),
    (v4([10, 0, 0, 0], 8), AddressClass::Private),
    // Alibaba Cloud.
    (v4([100, 100, 100, 200], 32), AddressClass::Metadata),
    (v4([100, 64, 0, 0], 10), AddressClass::CarrierGrade),
    (v4([127, 0, 0, 0], 8), AddressClass::Loopback),
    // Azure's host agent has a public-looking address of its own.
    (v4([168, 63, 129, 16], 32), AddressClass::Metadata),
    (v4([169, 254, 169, 254], 32), AddressClass::Metadata),
    // Amazon's task and pod credentials.
    (v4([169, 254, 170, 0], 24), AddressClass::Metadata),
    (v4([169, 254, 0, 0], 16), AddressClass::LinkLocal),
    (v4([172, 16, 0, 0], 12), AddressClass::Private),
    // Oracle Cloud's classic instances.
    (v4([192, 0, 0, 192], 32), AddressClass::Metadata),
    (v4([192, 0, 0, 0], 24), AddressClass::Reserved),
    (v4([192, 0, 2, 0], 24), AddressClass::Documentation),
    (v4([192, 88, 99, 0], 24), AddressClass::SixToFour),
    (v4([192, 168, 0, 0], 16), AddressClass::Private),
    (v4([198, 18, 0, 0], 15), AddressClass::Benchmarking),
    (v4([198, 51, 100, 0], 24), AddressClass::Documentation),
    (v4([203, 0, 113, 0], 24), AddressClass::Documentation),
    (v4([224, 0, 0, 0], 4), AddressClass::Multicast),
    // With the limited broadcast address.
    (v4([240, 0, 0, 0], 4), AddressClass::Reserved),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), AddressClass::ThisNetwork),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), AddressClass::Loopback),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), AddressClass::Ipv4Compatible),
    (v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), AddressClass::Ipv4Mapped),
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), AddressClass::Nat64),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), AddressClass::Nat64),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), AddressClass::Teredo),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), AddressClass::Benchmarking),
    // Protocol assignments, ORCHIDs among them (RFC 2928, RFC 7343).
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), AddressClass::Reserved),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), AddressClass::Documentation),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), AddressClass::SixToFour),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), AddressClass::Documentation),
    // Amazon; unique local by its prefix, so the private network must be kept from it by name.
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32), AddressClass::Metadata),
    // Google Cloud.
    (v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), AddressClass::Metadata),
    // Oracle Cloud.
    (v6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128), AddressClass::Metadata),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), AddressClass::UniqueLocal),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), AddressClass::LinkLocal),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), AddressClass::SiteLocal),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), AddressClass::Multicast),
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
}

const fn v6(segments: [u16; 8], prefix: u8) -> IpNet {
    let (mut bits, mut index) = (0_u128, 0);
    while index < segments.len() {
        bits = (bits << 16) | segments[index] as u128;
        index += 1;
    }
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), prefix))
}
