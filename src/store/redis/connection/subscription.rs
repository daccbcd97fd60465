//! A connection that only listens.

use redis::{PushInfo, PushKind};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::connect::{Connection, Peer};
use crate::store::redis::fault::RedisFault;
use crate::store::redis::settings::{Address, RedisSettings};

/// Hears what is published on one channel.
pub(in crate::store::redis) struct Subscription {
    connection: Connection,
    pushed: UnboundedReceiver<PushInfo>,
}

impl Subscription {
    pub(in crate::store::redis) async fn open(settings: &RedisSettings, address: &Address, channel: &str) -> Result<Self, RedisFault> {
        let (push, pushed) = unbounded_channel();
        let connection = Connection::open(settings, address, Peer::Server, Some(push)).await?;
        connection.subscribe(address, channel).await?;
        Ok(Self { connection, pushed })
    }

    /// Waits for the next message. `false` when none will come any more.
    pub(in crate::store::redis) async fn next(&mut self) -> bool {
        while let Some(push) = self.pushed.recv().await {
            match push.kind {
                PushKind::Message => return true,
                PushKind::Disconnection => return false,
                _ => {}
            }
        }
        false
    }

    pub(in crate::store::redis) fn is_alive(&self) -> bool {
        self.connection.is_alive()
    }
}
