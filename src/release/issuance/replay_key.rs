//! What is remembered of a spent token or proof: one digest of fixed length.

use crate::domain::Digest256;
use crate::token::ReplayMode;

use super::spends::{Spends, Spent};

/// Names what a spend uses up: the token, the token at one target, or the proof. Holds nothing of the token's text, so a long
/// `jti` costs no more than a short one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(in crate::release) struct ReplayKey(Digest256);

impl ReplayKey {
    /// None when the mode spends nothing.
    ///
    /// The modes are kept apart by a tag. Changing an issuer's mode therefore forgets what was spent in the other one; that is why
    /// the mode is the issuer's, written by an administrator, and nothing a token or a relationship can choose.
    pub(in crate::release) fn of(spends: &Spends) -> Option<Self> {
        let identity = spends.identity.as_bytes();
        // Injective: the identity has a fixed length, the audience is the only part without one and comes last. Whether a token comes as
        // subject or as actor makes no difference: it is the same token.
        match spends.mode {
            ReplayMode::Once if spends.what == Spent::Proof => Some(Self(Digest256::of_parts(&[b"proof", identity]))),
            ReplayMode::Once => Some(Self(Digest256::of_parts(&[b"once", identity]))),
            ReplayMode::OncePerTarget => Some(Self(Digest256::of_parts(&[b"target", identity, spends.audience.as_str().as_bytes()]))),
            ReplayMode::Reusable => None,
        }
    }

    /// Which of the parts that the store is divided into remembers it.
    pub(in crate::release) fn bucket(&self) -> u8 {
        self.0.as_bytes()[31]
    }

    pub(in crate::release) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Audience, Timestamp};

    fn key(identity: &[u8], mode: ReplayMode, audience: &str) -> Option<ReplayKey> {
        ReplayKey::of(&Spends {
            audience: Audience::parse(audience).unwrap(),
            identity: Digest256::of(identity),
            issued_at: None,
            mode,
            owner: None,
            refused_from: Timestamp::default(),
            what: Spent::Subject,
        })
    }

    #[test]
    fn the_target_counts_only_where_each_target_may_be_served_once() {
        use ReplayMode::{Once, OncePerTarget, Reusable};
        for (left, right, same, why) in [
            (key(b"a", Once, "x"), key(b"a", Once, "x"), true, "the same token"),
            (key(b"a", Once, "x"), key(b"a", Once, "y"), true, "once: whatever the target"),
            (key(b"a", Once, "x"), key(b"b", Once, "x"), false, "another token"),
            (key(b"a", OncePerTarget, "x"), key(b"a", OncePerTarget, "x"), true, "the same token at the same target"),
            (key(b"a", OncePerTarget, "x"), key(b"a", OncePerTarget, "y"), false, "another target"),
            (key(b"a", OncePerTarget, "x"), key(b"b", OncePerTarget, "x"), false, "another token at that target"),
            (key(b"a", Reusable, "x"), None, true, "spends nothing"),
        ] {
            assert_eq!(left == right, same, "{why}");
        }
    }
}
