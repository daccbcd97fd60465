//! Where we listen, and who may connect.

use std::io;
use std::net::SocketAddr;

use ipnet::IpNet;
use tokio::net::TcpListener;

use super::client_certificate::ClientCertificates;
use super::peer::Proxies;
use super::tls::{Tls, TlsError, TlsFiles};
use super::{DEADLINES, Deadlines};

/// One listener.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListenerSettings {
    /// Where to listen; port 0 lets the operating system choose.
    pub address: SocketAddr,
    /// Speak TLS, with these files.
    pub tls: Option<TlsFiles>,
    /// Reverse proxies: nobody else may connect, and their `X-Forwarded-For` is believed. Empty: anybody may, and it is ignored.
    pub behind_proxy: Vec<IpNet>,
    /// Who tells about the certificates of clients.
    pub client_certificates: ClientCertificates,
    /// Connections served at once; at least 1.
    pub max_connections: usize,
}

impl ListenerSettings {
    /// Connections served at once, unless somebody chooses otherwise.
    pub const DEFAULT_MAX_CONNECTIONS: usize = 1_024;

    /// A plaintext listener, as it is right on loopback.
    #[must_use]
    pub fn plaintext(address: SocketAddr) -> Self {
        Self {
            address,
            tls: None,
            behind_proxy: Vec::new(),
            client_certificates: ClientCertificates::default(),
            max_connections: Self::DEFAULT_MAX_CONNECTIONS,
        }
    }

    /// Whether these settings are safe. Reads no file and binds nothing.
    pub fn validate(&self) -> Result<(), ListenerError> {
        let address = self.address;
        if let Some(net) = self.behind_proxy.iter().find(|net| net.prefix_len() == 0) {
            return Err(ListenerError::EverybodyIsProxy { address, net: *net });
        }
        if self.max_connections == 0 {
            return Err(ListenerError::NoConnections { address });
        }
        match self.client_certificates {
            ClientCertificates::FromHandshake if self.tls.is_none() || !self.behind_proxy.is_empty() => {
                return Err(ListenerError::NoClientHandshake { address });
            }
            ClientCertificates::FromProxy if self.behind_proxy.is_empty() => return Err(ListenerError::NobodyForwards { address }),
            _ => {}
        }
        if self.is_loopback() || self.tls.is_some() || !self.behind_proxy.is_empty() {
            return Ok(());
        }
        Err(ListenerError::PlaintextBeyondLoopback { address })
    }

    /// Whether only this machine can connect.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
    }

    /// Validates, reads the certificate and starts to listen. Connections wait until [`super::serve`] takes them.
    pub async fn bind(self) -> Result<BoundListener, ListenerError> {
        self.validate()?;
        let address = self.address;
        let tls = self.tls.map(|files| Tls::load(files, self.client_certificates == ClientCertificates::FromHandshake)).transpose()?;
        let tcp = TcpListener::bind(address).await.map_err(|source| ListenerError::Bind { address, source })?;
        let local_address = tcp.local_addr().map_err(|source| ListenerError::Bind { address, source })?;
        Ok(BoundListener {
            tcp,
            local_address,
            tls,
            proxies: Proxies::new(self.behind_proxy),
            client_certificates: self.client_certificates,
            max_connections: self.max_connections,
            deadlines: DEADLINES,
        })
    }
}

/// A listener that holds its address.
#[derive(Debug)]
pub struct BoundListener {
    pub(super) tcp: TcpListener,
    pub(super) local_address: SocketAddr,
    pub(super) tls: Option<Tls>,
    pub(super) proxies: Proxies,
    pub(super) client_certificates: ClientCertificates,
    pub(super) max_connections: usize,
    pub(super) deadlines: Deadlines,
}

impl BoundListener {
    /// Where it listens, with the port that the operating system chose.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    /// Whether it speaks TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}

/// Why a listener cannot be. For the administrator.
#[derive(Debug, thiserror::Error)]
pub enum ListenerError {
    /// The operating system refuses the address.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address of the settings.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// A proxy network that holds every address would believe everybody.
    #[error("listener {address}: `behind_proxy` holds {net}, which is everybody; name the networks of your proxies")]
    EverybodyIsProxy {
        /// The address of the settings.
        address: SocketAddr,
        /// The network.
        net: IpNet,
    },
    /// Clients are asked for a certificate where they do not end the connection.
    #[error(
        "listener {address}: the handshake is not with the clients themselves, so it cannot prove their certificates: that needs `tls` without \
         `behind_proxy`; behind a proxy, let the proxy send them in `Client-Cert`"
    )]
    NoClientHandshake {
        /// The address of the settings.
        address: SocketAddr,
    },
    /// Anybody could forge the header.
    #[error("listener {address}: `Client-Cert` is believed from proxies only, and none is named: set `behind_proxy`")]
    NobodyForwards {
        /// The address of the settings.
        address: SocketAddr,
    },
    /// No connection could ever be served.
    #[error("listener {address}: `max_connections` is 0; it must be at least 1")]
    NoConnections {
        /// The address of the settings.
        address: SocketAddr,
    },
    /// Tokens would cross a network unencrypted.
    #[error(
        "listener {address} is beyond loopback and speaks plaintext: give it `tls`, or `behind_proxy` with the networks of the proxies that \
         terminate TLS, or listen on 127.0.0.1"
    )]
    PlaintextBeyondLoopback {
        /// The address of the settings.
        address: SocketAddr,
    },
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_binds_to_loopback_only() {
        for (address, tls, proxies, expected, why) in [
            ("127.0.0.1:0", false, "", "", "loopback"),
            ("127.9.9.9:0", false, "", "", "all of 127.0.0.0/8 is"),
            ("[::1]:0", false, "", "", "IPv6 loopback"),
            ("[::ffff:127.0.0.1]:0", false, "", "", "IPv4-mapped loopback"),
            ("0.0.0.0:0", false, "", "plaintext", "every address"),
            ("[::]:0", false, "", "plaintext", "every address"),
            ("10.0.0.1:0", false, "", "plaintext", "a private network is a network"),
            ("0.0.0.0:0", true, "", "", "TLS"),
            ("0.0.0.0:0", false, "10.0.0.0/8", "", "a proxy terminates TLS"),
            ("0.0.0.0:0", false, "0.0.0.0/0", "everybody", "everybody is no proxy"),
            ("127.0.0.1:0", true, "::/0", "everybody", "not on loopback either"),
        ] {
            let files = TlsFiles { certificate: "tls.crt".into(), key: "tls.key".into() };
            let behind_proxy = proxies.parse().into_iter().collect();
            let plain = ListenerSettings::plaintext(address.parse().unwrap());
            let settings = ListenerSettings { tls: tls.then_some(files), behind_proxy, ..plain };
            let said = settings.validate().err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(said.is_empty(), expected.is_empty(), "{why}: {said}");
            assert!(said.contains(expected), "{why}: {said}");
        }
        for (tls, proxies, from, fits, why) in [
            (true, "", ClientCertificates::FromHandshake, true, "clients connect to us"),
            (false, "", ClientCertificates::FromHandshake, false, "there is no handshake"),
            (true, "10.0.0.0/8", ClientCertificates::FromHandshake, false, "the certificate would be the proxy's"),
            (true, "10.0.0.0/8", ClientCertificates::FromProxy, true, "the proxy tells, encrypted"),
            (false, "10.0.0.0/8", ClientCertificates::FromProxy, true, "the proxy tells"),
            (true, "", ClientCertificates::FromProxy, false, "everybody could tell"),
        ] {
            let tls = tls.then(|| TlsFiles { certificate: "tls.crt".into(), key: "tls.key".into() });
            let plain = ListenerSettings::plaintext("127.0.0.1:0".parse().unwrap());
            let behind_proxy = proxies.parse().into_iter().collect();
            let settings = ListenerSettings { tls, behind_proxy, client_certificates: from, ..plain };
            assert_eq!(settings.validate().is_ok(), fits, "{why}");
        }
        let none = ListenerSettings { max_connections: 0, ..ListenerSettings::plaintext("127.0.0.1:0".parse().unwrap()) };
        assert!(none.validate().is_err());
    }
}
