//! What the replay guard refused, and will refuse again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::{Audience, Digest256, Timestamp};
use crate::policy::Permit;
use crate::token::{ReplayMode, VerifiedProof, VerifiedToken};

use super::MAX_COUNTED;

/// Something that a request presents and that is good once, as far as limits know it: what it is, and until when it could be presented.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Spendable {
    thing: Thing,
    refused_from: Timestamp,
}

/// Two presentations are the same where they are the same for the guard: a token that is good once for each target is another thing at
/// each. No token has the identity of a proof.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Thing {
    identity: Digest256,
    target: Option<Audience>,
}

/// All of a request. What may be used again and again is none.
#[derive(Clone, Debug)]
pub struct Spendables {
    /// The DPoP proof.
    pub proof: Option<Spendable>,
    /// The actor token.
    pub actor: Option<Spendable>,
    /// The subject token.
    pub subject: Option<Spendable>,
}

impl Spendables {
    /// What the exchange of this permit, with this proof, would spend.
    #[must_use]
    pub fn of(permit: &Permit, proof: Option<&VerifiedProof>) -> Self {
        let audience = &permit.target().audience;
        let of_proof = |proof: &VerifiedProof| Spendable {
            thing: Thing { identity: proof.identity(), target: None },
            refused_from: proof.refused_from(),
        };
        Self {
            proof: proof.map(of_proof),
            actor: permit.actor().and_then(|(token, _)| Spendable::of(token, audience)),
            subject: Spendable::of(permit.token(), audience),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Spendable> {
        [&self.proof, &self.actor, &self.subject].into_iter().flatten()
    }
}

impl Spendable {
    fn of(token: &VerifiedToken, audience: &Audience) -> Option<Self> {
        let target = match token.replay_mode() {
            ReplayMode::Once => None,
            ReplayMode::OncePerTarget => Some(audience.clone()),
            ReplayMode::Reusable => return None,
        };
        Some(Self { thing: Thing { identity: token.replay_identity(), target }, refused_from: token.refused_from() })
    }
}

/// What is known to be spent, and until when that matters: at most [`MAX_COUNTED`] of them. What finds no room is counted as though it
/// were new.
#[derive(Default)]
pub(super) struct KnownSpent(Mutex<HashMap<Thing, Timestamp>>);

impl KnownSpent {
    fn lock(&self) -> MutexGuard<'_, HashMap<Thing, Timestamp>> {
        // Nothing that holds it leaves half a change behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, spent: Spendable) {
        let mut known = self.lock();
        if known.len() < MAX_COUNTED {
            known.insert(spent.thing, spent.refused_from);
        }
    }

    /// Whether anything of a request is known, so that the guard will refuse it.
    pub(super) fn knows_any(&self, presented: &Spendables) -> bool {
        let known = self.lock();
        presented.all().any(|one| known.contains_key(&one.thing))
    }

    /// Forgets what nobody can present any more.
    pub(super) fn sweep(&self, now: Timestamp) {
        let mut known = self.lock();
        known.retain(|_, refused_from| now < *refused_from);
        // After a flood its memory is given back.
        if known.len() < known.capacity() / 4 {
            known.shrink_to_fit();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Seconds;

    fn subject(number: usize, refused_from: Timestamp) -> Spendables {
        let thing = Thing { identity: Digest256::of(&number.to_be_bytes()), target: None };
        Spendables { proof: None, actor: None, subject: Some(Spendable { thing, refused_from }) }
    }

    #[test]
    fn what_is_spent_is_known_until_it_is_over_and_in_bounded_memory() {
        let (known, now) = (KnownSpent::default(), Timestamp::from_unix(1_800_000_000));
        let (short, long) = (now + Seconds(60), now + Seconds(300));
        for number in 0..=MAX_COUNTED {
            assert!(!known.knows_any(&subject(number, short)));
            known.note(subject(number, if number == 0 { long } else { short }).subject.unwrap());
        }
        assert_eq!(known.len(), MAX_COUNTED);
        assert!(known.knows_any(&subject(1, short)));
        assert!(!known.knows_any(&subject(MAX_COUNTED, short)), "it found no room");
        let beside = Spendables { actor: subject(1, short).subject, ..subject(MAX_COUNTED, short) };
        assert!(known.knows_any(&beside), "one thing is enough");
        known.sweep(short - Seconds(1));
        assert_eq!(known.len(), MAX_COUNTED, "all may still be presented");
        known.sweep(short);
        assert_eq!(known.len(), 1);
        assert!(known.knows_any(&subject(0, long)));
        known.note(subject(MAX_COUNTED, long).subject.unwrap());
        assert!(known.knows_any(&subject(MAX_COUNTED, long)), "there is room again");
    }
}
