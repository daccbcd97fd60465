//! Tokens of ours that their holders ended. There may be hundreds of thousands: of each only its `jti` and its end are kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::domain::Timestamp;

/// What one token is known by, and from when on it may be forgotten.
pub(in crate::revocation) type Ended = (Arc<str>, Timestamp);

/// The tokens, and which of them this node wrote and has not read back yet.
#[derive(Debug, Default)]
pub(in crate::revocation) struct Holders {
    ended: RwLock<Tokens>,
    /// Held while `ended` grows, so that whoever asks for one of the two gets the truth about both.
    unseen: Mutex<Tokens>,
}

type Tokens = HashMap<Arc<str>, Timestamp>;

impl Holders {
    /// The store has told of it.
    pub(in crate::revocation) fn learn(&self, (id, forget_at): &Ended) {
        let mut unseen = self.unseen();
        unseen.remove(id);
        self.ended_mut().insert(Arc::clone(id), *forget_at);
    }

    /// The store has promised to keep it, and may lose it before anybody has read it there.
    pub(in crate::revocation) fn wrote(&self, (id, forget_at): Ended) {
        let mut unseen = self.unseen();
        if self.ended_mut().insert(Arc::clone(&id), forget_at).is_none() {
            unseen.insert(id, forget_at);
        }
    }

    /// What was written here and not read back, and is not over.
    pub(in crate::revocation) fn unread(&self, now: Timestamp) -> Vec<Ended> {
        self.unseen().iter().filter(|(_, forget_at)| **forget_at > now).map(|(id, forget_at)| (Arc::clone(id), *forget_at)).collect()
    }

    /// Those of `written` that still nobody has read back.
    pub(in crate::revocation) fn still_unread(&self, mut written: Vec<Ended>) -> Vec<Ended> {
        let unseen = self.unseen();
        written.retain(|(id, _)| unseen.contains_key(id));
        written
    }

    /// Whether the token of this `jti` was ended.
    pub(in crate::revocation) fn has_ended(&self, id: &str, now: Timestamp) -> bool {
        self.ended().get(id).is_some_and(|forget_at| *forget_at > now)
    }

    /// The same, when it was also read in the store.
    pub(in crate::revocation) fn is_kept(&self, id: &str, now: Timestamp) -> bool {
        let unseen = self.unseen();
        !unseen.contains_key(id) && self.has_ended(id, now)
    }

    pub(in crate::revocation) fn forget(&self, now: Timestamp) {
        let mut unseen = self.unseen();
        unseen.retain(|_, forget_at| *forget_at > now);
        let mut ended = self.ended_mut();
        ended.retain(|_, forget_at| *forget_at > now);
        // After a flood its memory is given back.
        if ended.len() < ended.capacity() / 4 {
            ended.shrink_to_fit();
        }
    }

    pub(in crate::revocation) fn len(&self) -> usize {
        self.ended().len()
    }

    fn ended(&self) -> RwLockReadGuard<'_, Tokens> {
        self.ended.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended_mut(&self) -> RwLockWriteGuard<'_, Tokens> {
        self.ended.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn unseen(&self) -> MutexGuard<'_, Tokens> {
        self.unseen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
