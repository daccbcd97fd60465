//! The two listeners, bound before anything is served.

use std::net::SocketAddr;

use crate::config::{Listener, Settings};
use crate::http::{BoundListener, ListenerError, ListenerSettings, TlsFiles};

use super::build::{StartError, file_of};

/// The public and the admin listener, holding their addresses.
pub struct Listeners {
    pub(super) public: BoundListener,
    pub(super) admin: BoundListener,
}

/// Why we cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenFault {
    /// A listener cannot be bound.
    #[error("{0}")]
    Listener(#[from] ListenerError),
    /// The settings do not fit.
    #[error("{0}")]
    Settings(#[from] StartError),
}

impl Listeners {
    /// Binds both. Connections wait until [`super::Running::start`].
    pub async fn bind(settings: &Settings) -> Result<Self, ListenFault> {
        let connections = settings.listen.max_connections;
        let public = listener(&settings.listen.public, connections)?.bind().await?;
        let admin = listener(&settings.listen.admin, connections)?.bind().await?;
        Ok(Self { public, admin })
    }

    /// Binds both to free ports of this machine.
    pub async fn on_loopback() -> Result<Self, ListenFault> {
        let free = || ListenerSettings::plaintext(SocketAddr::from(([127, 0, 0, 1], 0)));
        Ok(Self { public: free().bind().await?, admin: free().bind().await? })
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

fn listener(listener: &Listener, max_connections: usize) -> Result<ListenerSettings, StartError> {
    let tls = listener.tls.as_ref().map(|tls| {
        let key = file_of(&tls.key).ok_or(StartError::CertificateKey)?;
        Ok::<_, StartError>(TlsFiles { certificate: tls.certificate.clone(), key })
    });
    Ok(ListenerSettings { address: listener.address, tls: tls.transpose()?, behind_proxy: listener.behind_proxy.clone(), max_connections })
}
