//! A Redis store, as URL and fields say it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::value::Folder;
use crate::config::value::Secret;
use crate::document::Table;
use crate::store::redis::{Address, Topology};

use super::InvalidStoreUrl;

/// A Redis store. Holds no secret, only where secrets are kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedisSection {
    /// The servers.
    pub topology: Topology,
    /// Whether to speak TLS to all of them.
    pub tls: bool,
    /// The logical database.
    pub database: u16,
    /// Who we are to the servers.
    pub user: RedisUser,
    /// Who we are to the Sentinels.
    pub sentinel_user: RedisUser,
    /// Who may vouch for the servers; the system's authorities when absent.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key, for servers that ask.
    pub client: Option<(PathBuf, Secret)>,
    /// What every key begins with.
    pub prefix: Box<str>,
}

/// A user of Redis.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RedisUser {
    /// Its name; `default` when absent.
    pub name: Option<Box<str>>,
    /// Its password.
    pub password: Option<Secret>,
}

/// What a URL says about a Redis store.
pub(super) struct Server {
    topology: Topology,
    tls: bool,
    database: u16,
}

impl RedisSection {
    /// Whether every address that is written there is one of this machine.
    #[must_use]
    pub fn is_on_loopback(&self) -> bool {
        let addresses = match &self.topology {
            Topology::Single(address) => std::slice::from_ref(address),
            Topology::Sentinel { sentinels, .. } => sentinels,
            Topology::Cluster { seeds } => seeds,
        };
        let local = |host: &str| host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        addresses.iter().all(|address| local(&address.host))
    }

    pub(super) fn read(table: &mut Table<'_>, folder: Folder<'_>, server: Server) -> Self {
        let user = user(table, folder, ("username", "password"));
        let sentinel_user = sentinel_user(table, folder, &server.topology);
        let ca_file = over_tls(table, "ca_file", server.tls).then(|| table.parsed("ca_file", |text| folder.parse(text))).flatten();
        let client = client(table, folder, server.tls);
        let prefix = table.parsed("prefix", prefix).map_or_else(|| "cambist:".into(), |prefix| prefix.value);
        Self {
            topology: server.topology,
            tls: server.tls,
            database: server.database,
            user,
            sentinel_user,
            ca_file: ca_file.map(|file| file.value),
            client,
            prefix,
        }
    }
}

fn user(table: &mut Table<'_>, folder: Folder<'_>, (name, password): (&'static str, &'static str)) -> RedisUser {
    let user = RedisUser {
        name: table.parsed(name, user_name).map(|name| name.value),
        password: table.value(password).and_then(|value| Secret::read(&value, folder)),
    };
    if user.name.is_some() && !table.has(password) {
        table.error(format_args!("`{name}` without `{password}`: write {password} = {{ file = \"…\" }}"));
    }
    user
}

fn sentinel_user(table: &mut Table<'_>, folder: Folder<'_>, topology: &Topology) -> RedisUser {
    let fields = ("sentinel_username", "sentinel_password");
    if matches!(topology, Topology::Sentinel { .. }) {
        return user(table, folder, fields);
    }
    for name in [fields.0, fields.1] {
        if let Some(value) = table.value(name) {
            value.error("this is for redis+sentinel:// only: remove it");
        }
    }
    RedisUser::default()
}

fn client(table: &mut Table<'_>, folder: Folder<'_>, tls: bool) -> Option<(PathBuf, Secret)> {
    let wanted = [over_tls(table, "client_certificate", tls), over_tls(table, "client_key", tls)];
    let certificate = wanted[0].then(|| table.parsed("client_certificate", |text| folder.parse(text))).flatten();
    let key = wanted[1].then(|| table.value("client_key").and_then(|value| Secret::read(&value, folder))).flatten();
    if wanted[0] != wanted[1] {
        table.error("`client_certificate` and `client_key` belong together: give both, or none");
    }
    certificate.zip(key).map(|(certificate, key)| (certificate.value, key))
}

/// Whether the field is there and has a meaning; reports it where there is no TLS.
fn over_tls(table: &mut Table<'_>, name: &'static str, tls: bool) -> bool {
    if tls {
        // Known even where it is absent, so that a misspelt one is compared with it.
        return table.has(name) || table.value(name).is_some();
    }
    if let Some(value) = table.value(name) {
        value.error("this needs TLS: begin the url with rediss:// (rediss+sentinel://, rediss+cluster://), or remove it");
    }
    false
}

fn user_name(text: &str) -> Result<Box<str>, &'static str> {
    let usable = !text.is_empty() && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if usable { Ok(text.into()) } else { Err("expected the name of an ACL user of Redis, without spaces") }
}

/// No braces: they mark the hash tag.
fn prefix(text: &str) -> Result<Box<str>, &'static str> {
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || b":_.-".contains(&byte);
    if (1..=64).contains(&text.len()) && text.bytes().all(usable) {
        Ok(text.into())
    } else {
        Err("expected 1 to 64 letters, digits and `:`, `_`, `.`, `-`, such as `cambist:`")
    }
}

/// What stands behind a scheme other than `sqlite:`.
pub(super) fn parse(scheme: &str, rest: &str) -> Result<Server, InvalidStoreUrl> {
    let (tls, kind) = match scheme {
        "redis" => (false, Kind::Single),
        "rediss" => (true, Kind::Single),
        "redis+sentinel" => (false, Kind::Sentinel),
        "rediss+sentinel" => (true, Kind::Sentinel),
        "redis+cluster" => (false, Kind::Cluster),
        "rediss+cluster" => (true, Kind::Cluster),
        _ => return Err(InvalidStoreUrl::NotAUrl),
    };
    let fault = if matches!(kind, Kind::Sentinel) { InvalidStoreUrl::NotOfSentinel } else { InvalidStoreUrl::NotOfRedis };
    let server = rest.strip_prefix("//").and_then(|rest| kind.parse(rest));
    server.map(|(topology, database)| Server { topology, tls, database }).ok_or(fault)
}

#[derive(Clone, Copy)]
enum Kind {
    Cluster,
    Sentinel,
    Single,
}

impl Kind {
    fn parse(self, rest: &str) -> Option<(Topology, u16)> {
        match self {
            Self::Single => {
                let (server, database) = rest.split_once('/').unwrap_or((rest, "0"));
                let database = if database.is_empty() { 0 } else { database.parse().ok()? };
                Some((Topology::Single(address(server)?), database))
            }
            Self::Sentinel => {
                let (sentinels, master) = rest.split_once("?master=")?;
                let usable = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
                let named = !master.is_empty() && master.bytes().all(usable);
                let sentinels = addresses(sentinels.strip_suffix('/').unwrap_or(sentinels))?;
                named.then(|| (Topology::Sentinel { sentinels, master: Arc::from(master) }, 0))
            }
            Self::Cluster => Some((Topology::Cluster { seeds: addresses(rest.strip_suffix('/').unwrap_or(rest))? }, 0)),
        }
    }
}

fn addresses(list: &str) -> Option<Vec<Address>> {
    list.split(',').map(address).collect()
}

fn address(text: &str) -> Option<Address> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(literal) => literal.strip_suffix(']').filter(|literal| literal.parse::<std::net::Ipv6Addr>().is_ok())?,
        None => host,
    };
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    let named = !host.is_empty() && host.bytes().all(usable) && (!host.contains(':') || text.starts_with('['));
    let port = port.parse().ok().filter(|port| *port != 0)?;
    named.then(|| Address { host: host.into(), port })
}

/// Fields that only a store over the network has.
pub(super) const FIELDS: [&str; 8] =
    ["username", "password", "sentinel_username", "sentinel_password", "ca_file", "client_certificate", "client_key", "prefix"];
