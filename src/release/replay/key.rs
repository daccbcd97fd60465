//! What is remembered of a spent token: one digest of fixed length.

use crate::domain::Digest256;
use crate::release::issuance::Spends;
use crate::token::ReplayMode;

/// Names what a spend uses up: the subject token, or the subject token at one target. Holds nothing of the token's text, so a long
/// `jti` costs no more than a short one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct ReplayKey(Digest256);

impl ReplayKey {
    /// None when the mode spends nothing.
    ///
    /// The modes are kept apart by a tag. Changing an issuer's mode therefore forgets what was spent in the other one; that is why
    /// the mode is the issuer's, written by an administrator, and nothing a token or a relationship can choose.
    pub(super) fn of(spends: &Spends) -> Option<Self> {
        let identity = spends.identity.as_bytes();
        // Injective: the identity has a fixed length, the audience is the only part without one and comes last.
        match spends.mode {
            ReplayMode::Once => Some(Self(Digest256::of_parts(&[b"once", identity]))),
            ReplayMode::OncePerTarget => Some(Self(Digest256::of_parts(&[b"target", identity, spends.audience.as_str().as_bytes()]))),
            ReplayMode::Reusable => None,
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
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
