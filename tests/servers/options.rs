//! How a server is started, as lines of `redis.conf`.

use std::path::PathBuf;

use super::clock::ClockFile;

/// How a server keeps what it holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Persistence {
    /// Memory only.
    None,
    /// Snapshots, as rarely as Redis itself does it; `SAVE` makes one.
    Rdb,
    /// Every write goes to a file, which reaches the disk each second.
    #[default]
    AofEverysec,
    /// Every write is on the disk before it is answered.
    AofAlways,
}

/// Certificates of a server that speaks TLS on a second port.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// Whom it trusts, for clients and for other servers.
    pub(crate) authority: PathBuf,
    /// Whether clients must show a certificate.
    pub(crate) client_certificate: bool,
}

/// How a server is started.
#[derive(Clone, Debug)]
pub(crate) struct RedisOptions {
    pub(crate) persistence: Persistence,
    /// As in `redis.conf`, such as `3mb`; no bound when `None`.
    pub(crate) maxmemory: Option<String>,
    /// `maxmemory-policy`.
    pub(crate) policy: &'static str,
    /// `requirepass`: the password of the user `default`, and what replicas say to their master.
    pub(crate) password: Option<String>,
    /// ACL users, each as `NAME RULES…`.
    pub(crate) users: Vec<String>,
    pub(crate) tls: Option<TlsFiles>,
    /// The port of the master, at 127.0.0.1.
    pub(crate) replica_of: Option<u16>,
    /// Further lines of `redis.conf`; the last one of a name counts.
    pub(crate) lines: Vec<String>,
    /// The clock it follows; that of the machine when `None`.
    pub(crate) clock: Option<ClockFile>,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            persistence: Persistence::default(),
            maxmemory: None,
            policy: "noeviction",
            password: None,
            users: Vec::new(),
            tls: None,
            replica_of: None,
            lines: Vec::new(),
            clock: None,
        }
    }
}

impl RedisOptions {
    /// The user `cambist` with the rights that administrators are told to give it, and this password.
    pub(crate) fn documented_user(password: &str) -> String {
        let users = include_str!("../../deploy/redis/users.acl");
        let user = users.lines().find_map(|line| line.strip_prefix("user ").filter(|user| user.starts_with("cambist "))).unwrap();
        user.replace("#<password-sha256>", &format!(">{password}"))
    }

    /// The lines that a Sentinel has not.
    pub(super) fn of_a_server(&self) -> Vec<String> {
        // Replicas attach at once, and tests may use DEBUG.
        let mut lines = vec!["repl-diskless-sync-delay 0".into(), "enable-debug-command yes".into()];
        lines.extend(match self.persistence {
            Persistence::None => vec![r#"save """#.into()],
            Persistence::Rdb => vec!["save 3600 1 300 100 60 10000".into()],
            Persistence::AofEverysec => vec![r#"save """#.into(), "appendonly yes".into(), "appendfsync everysec".into()],
            Persistence::AofAlways => vec![r#"save """#.into(), "appendonly yes".into(), "appendfsync always".into()],
        });
        lines.push(format!("maxmemory-policy {}", self.policy));
        lines.extend(self.maxmemory.as_ref().map(|bytes| format!("maxmemory {bytes}")));
        lines.extend(self.password.as_ref().map(|password| format!("masterauth {password}")));
        lines.extend(self.replica_of.map(|port| format!("replicaof 127.0.0.1 {port}")));
        lines
    }
}

impl TlsFiles {
    pub(super) fn lines(&self, port: u16) -> Vec<String> {
        vec![
            format!("tls-port {port}"),
            format!("tls-cert-file {}", self.certificate.display()),
            format!("tls-key-file {}", self.key.display()),
            format!("tls-ca-cert-file {}", self.authority.display()),
            format!("tls-auth-clients {}", if self.client_certificate { "yes" } else { "no" }),
        ]
    }
}
