//! A server that runs, and how it ends.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::http::{ServerHandle, Tracker, serve};

use super::build::App;
use super::listeners::Listeners;

/// How long the end of the decision log may take to be written.
const LAST_LINES: Duration = Duration::from_secs(3);

/// A server that answers.
pub struct Running {
    app: Arc<App>,
    public: ServerHandle,
    admin: ServerHandle,
    loops: Vec<JoinHandle<()>>,
}

impl Running {
    /// Begins to serve, and to keep itself current.
    #[must_use]
    pub fn start(app: Arc<App>, listeners: Listeners) -> Self {
        app.warm_issuers();
        let public = serve(listeners.public, app.public_router(), app.answers.clone(), app.tracker.clone());
        // The admin listener runs no exchanges.
        let admin = serve(listeners.admin, app.admin_router(), app.answers.clone(), Tracker::new(1));
        let loops = vec![
            every(Duration::from_secs(1), &app, async |app| app.each_second().await),
            every(Duration::from_secs(2), &app, async |app| app.reload_trust(false).await),
            every(Duration::from_secs(5), &app, async |app| app.refresh_issuers()),
            follow_revocations(&app),
        ];
        Self { app, public, admin, loops }
    }

    /// Where tokens are exchanged.
    #[must_use]
    pub fn public_address(&self) -> SocketAddr {
        self.public.local_address()
    }

    /// Where administrators look.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.local_address()
    }

    /// The parts.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Says that it is not ready, stops accepting, waits for running exchanges, writes the end of the decision log. Whether everything
    /// ended before the deadline.
    pub async fn drain(self, deadline: Duration) -> bool {
        self.app.health.drain();
        let (public, admin) = tokio::join!(self.public.drain(deadline), self.admin.drain(deadline));
        for task in self.loops {
            task.abort();
            let _ = task.await;
        }
        self.app.say_goodbye().await;
        // A reader of standard output that reads no more must not keep the process.
        let closed = matches!(timeout(LAST_LINES, self.app.parts.log.close()).await, Ok(Ok(())));
        self.app.kept_head.save_or_tell().await;
        public.requests && public.exchanges && admin.requests && closed
    }
}

/// Twice a second, and at once when there is something to hear.
fn follow_revocations(app: &Arc<App>) -> JoinHandle<()> {
    let (app, news) = (Arc::clone(app), Arc::new(Notify::new()));
    tokio::spawn(async move {
        let heard = Arc::clone(&news);
        let _listener = app.parts.revocations.listen(move || heard.notify_one());
        loop {
            let _ = timeout(Duration::from_millis(500), news.notified()).await;
            app.follow_revocations().await;
            // Holders may revoke many tokens a second; one look finds all of them.
            sleep(Duration::from_millis(20)).await;
        }
    })
}

/// Repeats, without hurrying to catch up.
fn every<F>(period: Duration, app: &Arc<App>, act: impl Fn(Arc<App>) -> F + Send + 'static) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            act(Arc::clone(&app)).await;
        }
    })
}
