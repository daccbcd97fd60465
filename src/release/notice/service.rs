//! Signing the notice as seldom as its readers allow.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use crate::domain::{Clock, Digest256, IssuerUrl, Seconds, Timestamp};
use crate::release::issuance::{KeyRing, Keys};
use crate::revocation::{PublishedRule, Revocations};
use crate::token::Algorithm;

/// `typ` of a notice. No token has it, so that neither passes for the other (RFC 8725 §3.11).
pub const NOTICE_TYPE: &str = "revocations+jwt";
/// For how long a notice may be kept before it is fetched again, in seconds: its `max_age`, and that of its `Cache-Control`.
pub const NOTICE_MAX_AGE: Seconds = Seconds(5);

/// A signed notice. Cheap to clone.
#[derive(Clone)]
pub struct Notice {
    /// The compact JWS.
    pub bytes: Arc<[u8]>,
    /// An entity tag without its quotes: equal bytes, and only those, share one.
    pub tag: Arc<str>,
    issued_at: Timestamp,
    ring: u64,
    version: u64,
}

/// Why there is no notice now. An old one would say that nothing happened since.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoNotice {
    /// This node has not heard for too long what was taken back.
    #[error("revocations are not known")]
    Stale,
    /// It has no key that it may sign with.
    #[error("no key signs")]
    Signing,
}

/// Makes notices of what this node knows.
pub struct Notices {
    issuer: IssuerUrl,
    clock: Arc<dyn Clock>,
    keys: Arc<Keys>,
    revocations: Arc<Revocations>,
    held: ArcSwapOption<Notice>,
    /// One signature at a time; who waited finds the notice that the one before made.
    turn: Mutex<()>,
}

impl Notices {
    /// Of this issuer, signed by the `ES256` key of this ring.
    #[must_use]
    pub fn new(issuer: IssuerUrl, clock: Arc<dyn Clock>, keys: Arc<Keys>, revocations: Arc<Revocations>) -> Self {
        Self { issuer, clock, keys, revocations, held: ArcSwapOption::empty(), turn: Mutex::default() }
    }

    /// What is revoked, as this node knows it. The same bytes until something changes, the ring does, or half of its life is over.
    ///
    /// # Errors
    /// While nothing may be issued either: [`NoNotice`].
    pub async fn current(self: &Arc<Self>) -> Result<Notice, NoNotice> {
        if let Some(held) = self.reusable()? {
            return Ok(held);
        }
        let _turn = self.turn.lock().await;
        if let Some(held) = self.reusable()? {
            return Ok(held);
        }
        let notices = Arc::clone(self);
        // There may be a hundred thousand rules, and the caller may go away: what was made is kept for the next one.
        tokio::task::spawn_blocking(move || notices.make()).await.map_err(|_| NoNotice::Signing)?
    }

    /// The last one, while it says what would be said now.
    fn reusable(&self) -> Result<Option<Notice>, NoNotice> {
        let ring = self.ring()?;
        let (version, now) = (self.revocations.version(), self.clock.now());
        let held = self.held.load_full().filter(|held| {
            // A clock that was set back makes a notice of the future.
            let young = held.issued_at <= now && now < held.issued_at + HALF_LIFE;
            young && held.version == version && held.ring == ring.version()
        });
        Ok(held.map(|held| Notice::clone(&held)))
    }

    fn ring(&self) -> Result<Arc<KeyRing>, NoNotice> {
        self.revocations.ensure_fresh().map_err(|_| NoNotice::Stale)?;
        self.keys.ring_for_issuing().map_err(|_| NoNotice::Signing)
    }

    fn make(&self) -> Result<Notice, NoNotice> {
        let (ring, now) = (self.ring()?, self.clock.now());
        let snapshot = self.revocations.snapshot();
        let claims = Claims {
            iss: &self.issuer,
            iat: now,
            exp: now + HALF_LIFE + HALF_LIFE,
            version: snapshot.version,
            max_age: NOTICE_MAX_AGE,
            rules: snapshot.published(now),
        };
        let json = serde_json::to_vec(&claims).map_err(|_| NoNotice::Signing)?;
        let (signed, _) = ring.sign(Algorithm::Es256, NOTICE_TYPE, &json).map_err(|_| NoNotice::Signing)?;
        let tag = Digest256::of(signed.as_bytes()).to_string()[..32].into();
        let notice = Notice { bytes: signed.into_bytes().into(), tag, issued_at: now, ring: ring.version(), version: snapshot.version };
        self.held.store(Some(Arc::new(notice.clone())));
        Ok(notice)
    }
}

#[derive(serde::Serialize)]
struct Claims<'a> {
    iss: &'a IssuerUrl,
    iat: Timestamp,
    exp: Timestamp,
    version: u64,
    max_age: Seconds,
    rules: Vec<PublishedRule>,
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notice").field("version", &self.version).field("issued_at", &self.issued_at).finish_non_exhaustive()
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notices").field("held", &self.held).finish_non_exhaustive()
    }
}

/// A notice is good for twice as long, five minutes: so each is good for half of that when it is read.
const HALF_LIFE: Seconds = Seconds(150);
