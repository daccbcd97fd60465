//! The two listeners, bound before anything is served.

use std::net::SocketAddr;

use crate::config::{Listener, Settings};
use crate::http::{BoundListener, ListenerError, ListenerSettings, TlsFiles};

/// The public and the admin listener, holding their addresses.
pub struct Listeners {
    pub(super) public: BoundListener,
    pub(super) admin: BoundListener,
}

/// Why we cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("[listen] {listener}: {source}")]
pub struct ListenFault {
    /// `public` or `admin`.
    pub listener: &'static str,
    /// Why.
    pub source: ListenerError,
}

impl Listeners {
    /// Binds both. Connections wait until [`super::Running::start`].
    pub async fn bind(settings: &Settings) -> Result<Self, ListenFault> {
        let connections = settings.listen.max_connections;
        Self::bind_both(listener(&settings.listen.public, connections), listener(&settings.listen.admin, connections)).await
    }

    /// Binds both to free ports of this machine.
    pub async fn on_loopback() -> Result<Self, ListenFault> {
        let free = || ListenerSettings::plaintext(SocketAddr::from(([127, 0, 0, 1], 0)));
        Self::bind_both(free(), free()).await
    }

    async fn bind_both(public: ListenerSettings, admin: ListenerSettings) -> Result<Self, ListenFault> {
        let fault = |listener| move |source| ListenFault { listener, source };
        Ok(Self { public: public.bind().await.map_err(fault("public"))?, admin: admin.bind().await.map_err(fault("admin"))? })
    }

    /// Where the public listener is.
    #[must_use]
    pub fn public_address(&self) -> SocketAddr {
        self.public.local_address()
    }

    /// Where the admin listener is.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.local_address()
    }
}

fn listener(listener: &Listener, max_connections: usize) -> ListenerSettings {
    let tls = listener.tls.as_ref().map(|tls| TlsFiles { certificate: tls.certificate.clone(), key: tls.key.clone() });
    let (behind_proxy, client_certificates) = (listener.behind_proxy.clone(), listener.client_certificates);
    ListenerSettings { address: listener.address, tls, behind_proxy, client_certificates, max_connections }
}
