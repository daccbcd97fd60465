//! Making one connection: TCP, TLS, authentication.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ProtocolVersion, PushInfo, RedisConnectionInfo, Value};
use rustls::pki_types::ServerName;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::gather::Gathering;
use super::tls;
use crate::store::redis::fault::{RedisFault, clip};
use crate::store::redis::settings::{Address, Credentials, RedisSettings};

/// Whom we speak to: Sentinels have users of their own and no databases.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::store::redis) enum Peer {
    Sentinel,
    Server,
}

/// One connection. Commands of many callers are in flight on it at once; when it is dropped, it is closed.
pub(super) struct Connection {
    multiplexed: MultiplexedConnection,
    driver: JoinHandle<()>,
}

impl Connection {
    /// Connects and authenticates, within [`CONNECT`]. With `push` it may subscribe, and what it hears goes there.
    pub(super) async fn open(
        settings: &RedisSettings,
        address: &Address,
        peer: Peer,
        push: Option<UnboundedSender<PushInfo>>,
    ) -> Result<Self, RedisFault> {
        let failed = |cause: &str| RedisFault::Connect { server: address.clone(), cause: clip(cause) };
        let connecting = async {
            let stream = TcpStream::connect((&*address.host, address.port)).await.map_err(|error| failed(&error.to_string()))?;
            // A small question should not wait for company.
            stream.set_nodelay(true).map_err(|error| failed(&error.to_string()))?;
            let Some(tls) = &settings.tls else { return Self::over(settings, address, (peer, push), stream).await };
            let tls = tls.clone();
            let config = tokio::task::spawn_blocking(move || tls::config(&tls)).await;
            let config = config.map_err(|error| failed(&error.to_string()))?.map_err(|cause| RedisFault::Secret { cause: cause.into() })?;
            let name = ServerName::try_from(address.host.to_string()).map_err(|error| failed(&error.to_string()))?;
            let greeting = timeout(HANDSHAKE, TlsConnector::from(config).connect(name, stream));
            let greeted = greeting.await.unwrap_or_else(|_| Err(io::Error::other("no answer to our greeting")));
            let stream = greeted.map_err(|error| failed(&tls::told(&error)))?;
            Self::over(settings, address, (peer, push), stream).await
        };
        timeout(CONNECT, connecting).await.unwrap_or_else(|_| Err(failed("timed out")))
    }

    async fn over<S>(
        settings: &RedisSettings,
        address: &Address,
        (peer, push): (Peer, Option<UnboundedSender<PushInfo>>),
        stream: S,
    ) -> Result<Self, RedisFault>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (credentials, database) = match peer {
            Peer::Sentinel => (&settings.sentinel_credentials, 0),
            Peer::Server => (&settings.credentials, settings.database),
        };
        // Only the third version of the protocol tells messages from answers.
        let protocol = if push.is_some() { ProtocolVersion::RESP3 } else { ProtocolVersion::RESP2 };
        let info = login(credentials, database)?.set_protocol(protocol);
        // Each caller has its own deadline; a second one inside the library would only blur whose it was.
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        let config = push.into_iter().fold(config, AsyncConnectionConfig::set_push_sender);
        let opened = MultiplexedConnection::new_with_config(&info, Gathering::new(stream), config).await;
        let (multiplexed, driver) = opened.map_err(|error| match RedisFault::of(address, &error) {
            RedisFault::Broken { server, cause } => RedisFault::Connect { server, cause: clip(&broken(&cause, settings.tls.is_some())) },
            refused => refused,
        })?;
        Ok(Self { multiplexed, driver: tokio::spawn(driver) })
    }

    /// Sends one command and waits for its answer. Dropping the future does not take the command back.
    pub(super) async fn send(&self, address: &Address, command: &Cmd) -> Result<Value, RedisFault> {
        let answer = self.multiplexed.clone().send_packed_command(command).await;
        answer.and_then(Value::extract_error).map_err(|error| RedisFault::of(address, &error))
    }

    /// Sends several commands at once; each has its own answer.
    pub(super) async fn send_all(&self, address: &Address, commands: &redis::Pipeline) -> Result<Vec<Value>, RedisFault> {
        let count = commands.len();
        let answers = self.multiplexed.clone().send_packed_commands(commands, 0, count).await;
        let answers = answers.map_err(|error| RedisFault::of(address, &error))?;
        if answers.len() == count { Ok(answers) } else { Err(RedisFault::Unexpected { server: address.clone() }) }
    }

    /// Has everything that is published on a channel pushed here.
    pub(super) async fn subscribe(&self, address: &Address, channel: &str) -> Result<(), RedisFault> {
        let subscribing = timeout(CONNECT, async { self.multiplexed.clone().subscribe(channel).await });
        let subscribed = subscribing.await.map_err(|_| RedisFault::Timeout { server: address.clone() })?;
        subscribed.map_err(|error| RedisFault::of(address, &error))
    }

    /// Whether it can still carry anything.
    pub(super) fn is_alive(&self) -> bool {
        !self.driver.is_finished()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Why a connection ended that had just been made.
fn broken(cause: &str, tls: bool) -> String {
    if tls {
        return tls::told(&cause);
    }
    format!("{cause}. If it speaks TLS there, begin [store] url with rediss:// (rediss+sentinel://, rediss+cluster://)")
}

fn login(credentials: &Credentials, database: u16) -> Result<RedisConnectionInfo, RedisFault> {
    // No CLIENT SETINFO: a user of ours needs no permission for it.
    let info = RedisConnectionInfo::default().set_skip_set_lib_name().set_db(i64::from(database));
    let info = credentials.username.iter().fold(info, redis::RedisConnectionInfo::set_username);
    let Some(password) = &credentials.password else { return Ok(info) };
    let password = password.read().map_err(|cause| RedisFault::Secret { cause: cause.into() })?;
    Ok(info.set_password(password.expose_secret()))
}

/// One connection that callers share.
pub(super) type Shared = Arc<Connection>;

/// From the first packet to being authenticated.
const CONNECT: Duration = Duration::from_secs(3);
/// For the handshake of TLS.
const HANDSHAKE: Duration = Duration::from_secs(2);
