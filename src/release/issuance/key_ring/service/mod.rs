//! The key ring over time: created, followed, written back, rotated.

mod looks;

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::domain::{Clock, Seconds, Timestamp};
use crate::store::{Store, StoreError};

use super::at_rest::{self, EncryptionKeySource, EncryptionKeys};
use super::error::KeysError;
use super::kept::{self, StoredRing};
use super::key::SigningKey;
use super::published::PublishedKey;
use super::ring::{KeyDescription, KeyRing};
use super::rotation::{self, Lines};
use looks::{Look, Looks};

/// How the signing keys are kept.
#[derive(Clone, Debug)]
pub struct KeysSettings {
    /// The first wraps the ring, all unwrap it. Read anew whenever that is done.
    pub encryption_keys: Vec<EncryptionKeySource>,
    /// Whether the first of them is made, when it is a file that is missing and there is no ring yet. Its directory must exist.
    pub create_if_missing: bool,
    /// Age at which the key that signs is replaced, in seconds. A next key that is too new to sign delays it.
    pub rotate_every: Seconds,
}

/// Our signing keys as a service: one wrapped ring in the store, a prepared copy of it here.
///
/// Any number of processes may hold one store open, a server and commands: every change is a compare-and-set, and the version only
/// grows. A server calls [`Self::refresh`] each second; a command opens, changes and ends.
pub struct Keys {
    clock: Arc<dyn Clock>,
    held: ArcSwap<Held>,
    looks: Looks,
    /// Whether the stored ring is behind what we hold. Then nothing is issued until it has been written back.
    lost: AtomicBool,
    /// Whether the ring is wrapped under an encryption key that is not the first any more.
    rewrap: AtomicBool,
    settings: KeysSettings,
    store: Store,
    /// Changes and refreshes of this process, one at a time.
    turn: Mutex<()>,
}

/// A prepared ring, and the record of the store that it stands for.
struct Held {
    ring: Arc<KeyRing>,
    stored: StoredRing,
}

/// Why nothing is issued although there are keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CannotIssue {
    /// This process has not looked at the store for long, though it looks each second: it was stopped, or is far too slow.
    #[error("this server was paused, and has not looked at the key ring since; nothing is issued until it has")]
    Late,
    /// The ring vanished from the store, or went backwards there, and could not be written back yet; or a newer one cannot be unwrapped;
    /// or the store belongs to another deployment.
    #[error("the key ring that is held is not the one in the store; nothing is issued until they agree")]
    Lost,
}

impl Keys {
    /// Reads the ring from the store, or makes the first one. Blocks: for start-up and commands.
    ///
    /// # Errors
    /// When the store cannot be used, or the ring cannot be unwrapped; says what to do.
    pub fn open(store: Store, settings: KeysSettings, clock: Arc<dyn Clock>) -> Result<Self, KeysError> {
        let first_look = Look::begin(&*clock, &store);
        let held = open_ring(&store, &settings, &*clock)?;
        let first = EncryptionKeys::read(&settings.encryption_keys)?;
        let rewrap = *at_rest::wrapped_under(&held.stored.wrapped)? != *first.first()?.kid();
        Ok(Self {
            looks: Looks::new(Arc::clone(&clock), store.clone(), first_look),
            clock,
            held: ArcSwap::from_pointee(held),
            lost: AtomicBool::new(false),
            rewrap: AtomicBool::new(rewrap),
            settings,
            store,
            turn: Mutex::new(()),
        })
    }

    /// The ring as it stands: what is published.
    #[must_use]
    pub fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.held.load().ring)
    }

    /// The ring, to issue tokens with.
    ///
    /// # Errors
    /// While the store has lost what we hold: what is signed then would be unverifiable after a restart. With a store that others use as
    /// well also when [`Self::refresh`] has not looked at it for ten seconds, by either clock: a key that signs here may have been dropped
    /// elsewhere. As long as the store is away, a refresh that finds it so is a look.
    pub fn ring_for_issuing(&self) -> Result<Arc<KeyRing>, CannotIssue> {
        if self.lost.load(Ordering::Acquire) || self.looks.before_a_loss() {
            return Err(CannotIssue::Lost);
        }
        if self.looks.too_long_ago() { Err(CannotIssue::Late) } else { Ok(self.ring()) }
    }

    /// Every key of the ring with its state.
    #[must_use]
    pub fn describe(&self) -> Vec<KeyDescription> {
        self.ring().describe()
    }

    /// Every public key that was ever published, oldest first. Blocks.
    pub fn history(&self) -> Result<Vec<PublishedKey>, KeysError> {
        Ok(kept::history(&self.store)?)
    }

    /// What a server does each second: takes over what others changed, writes back what the store lost, and does what is due (marks
    /// next keys as published, rotates by age, drops retired keys). Only for a process that publishes [`KeyRing::jwks`].
    ///
    /// # Errors
    /// The ring that is held stays in use, but for [`Self::ring_for_issuing`] while the store has lost it.
    pub async fn refresh(self: &Arc<Self>) -> Result<(), KeysError> {
        let keys = Arc::clone(self);
        let refreshed = tokio::task::spawn_blocking(move || keys.refresh_blocking()).await;
        refreshed.map_err(|_| KeysError::Store(StoreError::Closed))?
    }

    fn refresh_blocking(&self) -> Result<(), KeysError> {
        self.change(ORDINARY, |lines, now| {
            let due = rotation::keep(lines, now, self.settings.rotate_every, &SigningKey::generate)?;
            Ok(due.or_else(|| self.rewrap.load(Ordering::Acquire).then(|| lines.clone())))
        })
    }

    /// Rotates every algorithm: next becomes current, current becomes retired. Blocks.
    ///
    /// # Errors
    /// [`KeysError::NextTooNew`] or [`KeysError::NextUnpublished`] while a next key has not been published for long enough.
    pub fn rotate(&self) -> Result<(), KeysError> {
        self.change(ORDINARY, |lines, now| rotation::rotate(lines, now, &SigningKey::generate).map(Some))
    }

    /// Drops compromised keys at once: the one of that `kid`, or every key of the ring. Tokens they signed are worth nothing as soon
    /// as verifiers refresh their copy of the key set. Gives the `kid` of each key that was dropped. Blocks.
    ///
    /// # Errors
    /// [`KeysError::UnknownKey`] when the ring has no such key.
    pub fn drop_compromised(&self, kid: Option<&str>) -> Result<Vec<Box<str>>, KeysError> {
        // Of the last attempt: another process may have changed the ring since we read it.
        let dropped = Cell::default();
        self.change(OUTRANKS, |lines, now| {
            let kept = rotation::drop_compromised(lines, kid, now, &SigningKey::generate)?;
            dropped.set(rotation::gone(lines, &kept));
            Ok(Some(kept))
        })?;
        Ok(dropped.take())
    }

    /// Applies `step` to the newest ring and writes the result, again from the start when somebody else was faster. The version grows by
    /// `rank`.
    fn change(&self, rank: u64, step: impl Fn(&Lines, Timestamp) -> Result<Option<Lines>, KeysError>) -> Result<(), KeysError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..MAX_ATTEMPTS {
            if !self.follow()? {
                continue;
            }
            let held = self.held.load_full();
            let Some(lines) = step(held.ring.lines(), self.clock.now())? else { return Ok(()) };
            if self.write(Some(held.stored.clone()), KeyRing::new(held.ring.version() + rank, lines))? {
                return Ok(());
            }
        }
        Err(KeysError::Contended)
    }

    /// Takes over a newer ring; writes ours back where the store has lost it. `false` when somebody else was faster.
    fn follow(&self) -> Result<bool, KeysError> {
        let look = self.looks.begin();
        let followed = self.take_over();
        match &followed {
            Ok(true) => self.looks.saw(look),
            Err(KeysError::Store(StoreError::AnotherDeployment { .. })) => self.lost.store(true, Ordering::Release),
            Err(KeysError::Store(_)) => self.looks.saw_nothing(look),
            Ok(false) | Err(_) => {}
        }
        followed
    }

    fn take_over(&self) -> Result<bool, KeysError> {
        let held = self.held.load_full();
        let stored = kept::read(&self.store)?;
        match stored {
            Some(stored) if stored == held.stored => {}
            Some(stored) if stored.version > held.stored.version => {
                // Until it can be read, ours may hold keys that were dropped for a reason.
                let newer = unwrapped(stored, &self.settings).inspect_err(|_| self.lost.store(true, Ordering::Release))?;
                tracing::info!(keys.version = newer.ring.version(), "the key ring was changed by another process");
                self.held.store(Arc::new(newer));
            }
            behind => {
                let found = behind.as_ref().map_or(0, |stored| stored.version);
                if !self.lost.swap(true, Ordering::AcqRel) {
                    tracing::error!(
                        keys.version = held.ring.version(),
                        keys.found_version = found,
                        "the key ring vanished from the store or went backwards; writing back what this server holds"
                    );
                }
                // Its version grows, so that another node that holds something else takes this over and all agree.
                let ring = KeyRing::new(held.ring.version().max(found) + 1, held.ring.lines().clone());
                if !self.write(behind, ring)? {
                    return Ok(false);
                }
            }
        }
        self.lost.store(false, Ordering::Release);
        Ok(true)
    }

    fn write(&self, expected: Option<StoredRing>, ring: KeyRing) -> Result<bool, KeysError> {
        let Some(held) = write(&self.store, &self.settings, self.clock.now(), expected, ring)? else { return Ok(false) };
        tracing::info!(keys.version = held.ring.version(), "the key ring was changed");
        self.held.store(Arc::new(held));
        self.rewrap.store(false, Ordering::Release);
        Ok(true)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("ring", &self.held.load().ring).finish_non_exhaustive()
    }
}

fn open_ring(store: &Store, settings: &KeysSettings, clock: &dyn Clock) -> Result<Held, KeysError> {
    for _ in 0..MAX_ATTEMPTS {
        if let Some(stored) = kept::read(store)? {
            return unwrapped(stored, settings);
        }
        if !store.created() && !kept::history(store)?.is_empty() {
            tracing::warn!("the store had signing keys and holds none now; new ones are made, and tokens signed before verify no more");
        }
        if let (Some(EncryptionKeySource::File(first)), true) = (settings.encryption_keys.first(), settings.create_if_missing) {
            EncryptionKeys::create_if_missing(first)?;
        }
        let now = clock.now();
        if let Some(held) = write(store, settings, now, None, KeyRing::begin(now)?)? {
            return Ok(held);
        }
    }
    Err(KeysError::Contended)
}

/// Wraps the ring and puts it in place of exactly `expected`; `None` when something else stands there.
fn write(
    store: &Store,
    settings: &KeysSettings,
    now: Timestamp,
    expected: Option<StoredRing>,
    ring: KeyRing,
) -> Result<Option<Held>, KeysError> {
    let wrapped = EncryptionKeys::read(&settings.encryption_keys)?.wrap(&at_rest::render(&ring)?)?;
    let stored = StoredRing { version: ring.version(), wrapped };
    let done = kept::replace(store, expected, stored.clone(), ring.public_keys(now))?;
    Ok(done.then(|| Held { ring: Arc::new(ring), stored }))
}

fn unwrapped(stored: StoredRing, settings: &KeysSettings) -> Result<Held, KeysError> {
    let keys = EncryptionKeys::read(&settings.encryption_keys)?;
    let ring = at_rest::parse(&at_rest::unwrap(&stored.wrapped, &keys)?)?;
    if ring.version() != stored.version {
        return Err(at_rest::AtRestError::Damaged("its version is not the one beside it").into());
    }
    Ok(Held { ring: Arc::new(ring), stored })
}

/// By how much the version grows with a change.
const ORDINARY: u64 = 1;
/// And when keys are dropped because they are compromised: a node whose own last changes were lost in a failover must not take this ring
/// for an older one than its own, and bring the dropped keys back.
const OUTRANKS: u64 = 1_000;
/// How often a change is tried against others who change the ring at the same time.
const MAX_ATTEMPTS: usize = 8;

#[cfg(test)]
mod tests;
