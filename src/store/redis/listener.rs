//! Hearing of what others publish. Nothing may depend on it: messages get lost.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::connection::Subscription;
use super::engine::Engine;
use super::script::Tag;
use super::settings::Address;
use super::store::RedisStore;

/// A connection of its own that hears one channel, and comes back by itself. Ends when it is dropped.
#[derive(Debug)]
pub struct Listener(JoinHandle<()>);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl RedisStore {
    /// Listens at the master of `tag` to the channel of that name, which is spelled like a key. `heard` is called for each message, and
    /// after each connecting: what was said before is not repeated. Must be called inside the runtime.
    #[must_use]
    pub fn listen(&self, tag: Tag, name: &str, heard: impl Fn() + Send + Sync + 'static) -> Listener {
        let (store, channel) = (self.clone(), self.key(tag, name));
        Listener(tokio::spawn(async move {
            let mut told = false;
            loop {
                if let Err(cause) = hear(store.engine(), tag, &channel, &heard).await
                    && !std::mem::replace(&mut told, true)
                {
                    tracing::warn!(
                        store.channel = channel,
                        error = cause,
                        "cannot listen to the store; it is asked twice a second all the same"
                    );
                }
                sleep(PAUSE).await;
            }
        }))
    }
}

/// Until the connection ends, or another server is master.
async fn hear(engine: &Engine, tag: Tag, channel: &str, heard: &(impl Fn() + Sync)) -> Result<(), String> {
    let master = |engine: &Engine| -> Option<Address> { engine.map().route(tag).map(|route| route.link.address().clone()) };
    let Some(address) = master(engine) else { return Ok(()) };
    let mut subscription = Subscription::open(engine.settings(), &address, channel).await.map_err(|fault| fault.to_string())?;
    heard();
    while subscription.is_alive() && master(engine).as_ref() == Some(&address) {
        match timeout(LOOK, subscription.next()).await {
            Ok(true) => heard(),
            Ok(false) => break,
            Err(_) => {}
        }
    }
    Ok(())
}

/// How long after a connection ended the next one is made.
const PAUSE: Duration = Duration::from_millis(500);
/// How often a quiet connection is looked at.
const LOOK: Duration = Duration::from_millis(500);
