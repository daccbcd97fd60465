//! Where Redis is and how to speak to it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;

/// How a Redis store is reached.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// Which servers, and how they are organised.
    pub topology: Topology,
    /// The logical database. Cluster has only 0.
    pub database: u16,
    /// Who we are to the servers.
    pub credentials: Credentials,
    /// Who we are to the Sentinels, which have users of their own.
    pub sentinel_credentials: Credentials,
    /// TLS to every server and Sentinel; none means plain TCP.
    pub tls: Option<TlsSettings>,
    /// What every key begins with.
    pub prefix: Box<str>,
}

/// How the servers are organised.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Topology {
    /// One server.
    Single(Address),
    /// A master that Sentinels name.
    Sentinel {
        /// Some of the Sentinels; more are counted when these know of more.
        sentinels: Vec<Address>,
        /// The name of the master.
        master: Arc<str>,
    },
    /// Redis Cluster.
    Cluster {
        /// Some of the nodes; the others are learnt from them.
        seeds: Vec<Address>,
    },
}

impl Topology {
    /// Whether tokens are spread over several masters.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster { .. })
    }
}

/// A host and a port.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Address {
    /// A name or an IP address, without brackets.
    pub host: Box<str>,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') { write!(f, "[{}]:{}", self.host, self.port) } else { write!(f, "{}:{}", self.host, self.port) }
    }
}

/// A user of Redis.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The ACL user; `default` when absent.
    pub username: Option<Box<str>>,
    /// Its password; none means no authentication.
    pub password: Option<ReadSecret>,
}

/// Fetches a secret as it is now. Called for each new connection, so that a changed secret is used from then on.
#[derive(Clone)]
pub struct ReadSecret(Arc<dyn Fn() -> Result<SecretString, String> + Send + Sync>);

impl ReadSecret {
    /// `read` answers with the secret, or with a sentence that holds none of it.
    pub fn new(read: impl Fn() -> Result<SecretString, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub(super) fn read(&self) -> Result<SecretString, String> {
        (self.0)()
    }
}

impl fmt::Debug for ReadSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadSecret(..)")
    }
}

/// TLS towards Redis. Files are read for each new connection.
#[derive(Clone, Debug, Default)]
pub struct TlsSettings {
    /// PEM: the authorities that may vouch for the servers; the system's when absent.
    pub ca_file: Option<PathBuf>,
    /// What we show when the servers ask for a certificate.
    pub client: Option<ClientCertificate>,
}

/// A client certificate and its key.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// PEM: our certificate, then its chain.
    pub certificate: PathBuf,
    /// PEM: the private key.
    pub key: ReadSecret,
}
