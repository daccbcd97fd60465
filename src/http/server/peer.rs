//! Whose request it is: the peer, or whom a trusted proxy says it forwards for.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// The address a request came from, as far as we can believe anybody. An extension of each request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PeerAddress(pub IpAddr);

/// The reverse proxies of a listener.
#[derive(Clone, Debug)]
pub(super) struct Proxies(Vec<IpNet>);

impl Proxies {
    pub(super) fn new(nets: Vec<IpNet>) -> Self {
        Self(nets)
    }

    /// Whether anybody may connect.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this peer may connect at all: where proxies are named, nobody else.
    pub(super) fn admits(&self, peer: IpAddr) -> bool {
        self.0.is_empty() || self.holds(peer.to_canonical())
    }

    /// The rightmost address of `X-Forwarded-For` that is no proxy of ours. Each proxy appends whom it saw, so everything to the
    /// left of that address is hearsay. An entry that is no address ends the walk at the proxy that vouched for it.
    pub(super) fn peer(&self, socket: IpAddr, headers: &HeaderMap) -> PeerAddress {
        let mut believed = socket.to_canonical();
        if self.0.is_empty() {
            return PeerAddress(believed);
        }
        for line in headers.get_all(FORWARDED_FOR).iter().rev() {
            for entry in line.as_bytes().rsplit(|byte| *byte == b',') {
                if !self.holds(believed) {
                    return PeerAddress(believed);
                }
                let Some(address) = std::str::from_utf8(entry).ok().and_then(address) else { return PeerAddress(believed) };
                believed = address;
            }
        }
        PeerAddress(believed)
    }

    fn holds(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }
}

/// `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1` or `[2001:db8::1]:443`.
fn address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let parsed = bare.parse().or_else(|_| entry.parse::<SocketAddr>().map(|socket| socket.ip()));
    parsed.ok().map(|address| address.to_canonical())
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> Proxies {
        Proxies::new(vec!["10.0.0.0/8".parse().unwrap(), "2001:db8:1::/48".parse().unwrap()])
    }

    #[test]
    fn only_proxies_are_believed() {
        for (socket, lines, expected, why) in [
            ("10.0.0.1", vec!["192.0.2.7"], "192.0.2.7", "one proxy"),
            ("10.0.0.1", vec!["6.6.6.6, 192.0.2.7"], "192.0.2.7", "what the client wrote itself is left of it"),
            ("10.0.0.1", vec!["192.0.2.7, 10.0.0.2"], "192.0.2.7", "two proxies in a row"),
            ("10.0.0.1", vec!["6.6.6.6", "192.0.2.7, 10.0.0.2"], "192.0.2.7", "lines are one list"),
            ("10.0.0.1", vec!["10.0.0.3, 10.0.0.2"], "10.0.0.3", "a client inside the proxies' network"),
            ("10.0.0.1", vec!["192.0.2.7, unknown"], "10.0.0.1", "no address: believe the one who vouched"),
            ("10.0.0.1", vec!["192.0.2.7, , 10.0.0.2"], "10.0.0.2", "an empty entry is no address"),
            ("10.0.0.1", vec!["192.0.2.7:4711"], "192.0.2.7", "with a port"),
            ("10.0.0.1", vec!["[2001:db8::7]:4711"], "2001:db8::7", "IPv6 with a port"),
            ("10.0.0.1", vec!["[2001:db8::7]"], "2001:db8::7", "IPv6 in brackets"),
            ("2001:db8:1::1", vec!["2001:db8::7"], "2001:db8::7", "an IPv6 proxy"),
            ("::ffff:10.0.0.1", vec!["::ffff:192.0.2.7"], "192.0.2.7", "IPv4-mapped addresses are IPv4"),
            ("10.0.0.1", vec![], "10.0.0.1", "no header"),
            ("192.0.2.9", vec!["6.6.6.6"], "192.0.2.9", "no proxy"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, line.parse().unwrap());
            }
            assert_eq!(proxies().peer(socket.parse().unwrap(), &headers).0, expected.parse::<IpAddr>().unwrap(), "{why}");
        }
    }

    #[test]
    fn without_proxies_nobody_is_believed() {
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, "6.6.6.6".parse().unwrap());
        let peer = Proxies::new(Vec::new()).peer("127.0.0.1".parse().unwrap(), &headers);
        assert_eq!(peer.0, "127.0.0.1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn where_proxies_are_named_nobody_else_may_connect() {
        for (peer, admitted) in
            [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("192.0.2.1", false), ("127.0.0.1", false), ("2001:db8:1::9", true)]
        {
            assert_eq!(proxies().admits(peer.parse().unwrap()), admitted, "{peer}");
        }
        assert!(Proxies::new(Vec::new()).admits("192.0.2.1".parse().unwrap()));
    }
}
