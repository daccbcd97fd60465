//! The chain of those who acted.

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use crate::domain::Claims;
use crate::policy::MAX_ACTORS;

/// The `act` of a token that we issue (RFC 8693 §4.1): who acts for its subject, newest first. Never empty, never longer than
/// [`MAX_ACTORS`].
///
/// Each is named as an issued subject is: `<issuer name>:<external subject>`. What other issuers write into `act` is never among them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Act(Box<[Box<str>]>);

impl Act {
    /// A chain of one.
    #[must_use]
    pub fn of(actor: &str) -> Self {
        Self(Box::new([actor.into()]))
    }

    /// The chain with a newer actor in front; `None` when it would be too long.
    #[must_use]
    pub fn acted_for_by(&self, actor: &str) -> Option<Self> {
        let longer: Box<[Box<str>]> = std::iter::once(actor.into()).chain(self.0.iter().cloned()).collect();
        (longer.len() <= MAX_ACTORS).then_some(Self(longer))
    }

    /// Reads the `act` of a token of ours. `None` when it has none, or one that we cannot have written.
    #[must_use]
    pub fn of_own(claims: &Claims) -> Option<Self> {
        let mut actors = Vec::new();
        let mut holder = claims;
        while let Some(actor) = holder.get("act").and_then(|act| act.as_object()) {
            actors.push(actor.text("sub")?.into());
            holder = actor;
        }
        let well_formed = (1..=MAX_ACTORS).contains(&actors.len());
        well_formed.then(|| Self(actors.into()))
    }

    /// The actors, newest first.
    #[must_use]
    pub fn actors(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|actor| &**actor)
    }
}

impl Serialize for Act {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Nested(&self.0).serialize(serializer)
    }
}

struct Nested<'a>(&'a [Box<str>]);

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        if let Some((newest, earlier)) = self.0.split_first() {
            members.serialize_entry("sub", newest)?;
            if !earlier.is_empty() {
                members.serialize_entry("act", &Nested(earlier))?;
            }
        }
        members.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{JsonLimits, parse_json};

    #[test]
    fn the_newest_actor_stands_outermost_and_the_chain_has_an_end() {
        let two = Act::of("ci:a").acted_for_by("ci:b").unwrap();
        assert_eq!(serde_json::to_string(&two).unwrap(), r#"{"sub":"ci:b","act":{"sub":"ci:a"}}"#);
        let four = two.acted_for_by("ci:c").and_then(|three| three.acted_for_by("ci:d")).unwrap();
        assert_eq!(four.actors().collect::<Vec<_>>(), ["ci:d", "ci:c", "ci:b", "ci:a"]);
        assert_eq!(four.acted_for_by("ci:e"), None);
    }

    #[test]
    fn what_was_written_is_read_again() {
        for chain in [Act::of("ci:a"), Act::of("ci:a").acted_for_by("ci:b").unwrap()] {
            let json = format!(r#"{{"act":{}}}"#, serde_json::to_string(&chain).unwrap());
            let claims = parse_json(json.as_bytes(), JsonLimits { depth: 8, members: 8 }).unwrap();
            assert_eq!(Act::of_own(claims.as_object().unwrap()), Some(chain));
        }
        assert_eq!(Act::of_own(&Claims::default()), None);
    }
}
