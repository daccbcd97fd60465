//! When keys change places. Pure: keys, dates and `now` in, keys and dates out.

use std::sync::Arc;

use crate::domain::{Seconds, Timestamp};
use crate::token::Algorithm;

use super::error::{KeysError, SigningFailed};
use super::key::SigningKey;
use super::{PUBLISH_AHEAD, RETIRED_FOR, SIGNING_ALGORITHMS};

/// The keys of one algorithm. There is always one that signs and one that is published to sign after it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) algorithm: Algorithm,
    pub(super) current: Current,
    pub(super) next: Next,
    pub(super) retired: Vec<Retired>,
}

/// The key that signs.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub(super) key: Arc<SigningKey>,
    pub(super) since: Timestamp,
}

/// The key that will sign. `published` is when a server first served it, not when it was made: a key that a command made while no
/// server ran is known to nobody.
#[derive(Clone, Debug)]
pub(super) struct Next {
    pub(super) key: Arc<SigningKey>,
    pub(super) published: Option<Timestamp>,
}

/// A key that signs no more, published until the last token it signed has expired everywhere.
#[derive(Clone, Debug)]
pub(super) struct Retired {
    pub(super) key: Arc<SigningKey>,
    pub(super) at: Timestamp,
}

/// One line for each of [`SIGNING_ALGORITHMS`], in that order.
pub(super) type Lines = [Line; SIGNING_ALGORITHMS.len()];

/// Makes a new key.
pub(super) type Make<'a> = &'a dyn Fn(Algorithm) -> Result<SigningKey, SigningFailed>;

impl Line {
    /// A line that begins: its first key signs at once, because nobody can have cached anything yet.
    pub(super) fn new(algorithm: Algorithm, make: Make<'_>, now: Timestamp) -> Result<Self, SigningFailed> {
        let current = Current { key: Arc::new(make(algorithm)?), since: now };
        Ok(Self { algorithm, current, next: Next::new(algorithm, make)?, retired: Vec::new() })
    }

    /// Every key, in the order in which they are published.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Arc<SigningKey>> {
        [&self.current.key, &self.next.key].into_iter().chain(self.retired.iter().map(|retired| &retired.key))
    }

    fn by_age(&self, now: Timestamp, rotate_every: Seconds) -> bool {
        now.since(self.current.since) >= rotate_every && self.next.signs_from().is_some_and(|from| from <= now)
    }

    fn has_due(&self, now: Timestamp, rotate_every: Seconds) -> bool {
        self.next.published.is_none() || self.by_age(now, rotate_every) || self.retired.iter().any(|retired| retired.ended(now))
    }

    fn kept(&self, now: Timestamp, rotate_every: Seconds, make: Make<'_>) -> Result<Self, SigningFailed> {
        let mut line = if self.by_age(now, rotate_every) { self.rotated(now, make)? } else { self.stamped(now) };
        line.retired.retain(|retired| !retired.ended(now));
        Ok(line)
    }

    fn stamped(&self, now: Timestamp) -> Self {
        let published = self.next.published.or(Some(now));
        Self { next: Next { key: Arc::clone(&self.next.key), published }, ..self.clone() }
    }

    /// next → current → retired, and a new next.
    fn rotated(&self, now: Timestamp, make: Make<'_>) -> Result<Self, SigningFailed> {
        let mut retired = self.retired.clone();
        retired.insert(0, Retired { key: Arc::clone(&self.current.key), at: now });
        Ok(Self { retired, ..self.advanced(now, make)? })
    }

    /// next → current, and a new next. The key that signed is dropped.
    fn advanced(&self, now: Timestamp, make: Make<'_>) -> Result<Self, SigningFailed> {
        let current = Current { key: Arc::clone(&self.next.key), since: now };
        Ok(Self { current, next: Next::new(self.algorithm, make)?, ..self.clone() })
    }

    fn without(&self, kid: &str, now: Timestamp, make: Make<'_>) -> Result<Self, SigningFailed> {
        let mut line = self.clone();
        line.retired.retain(|retired| retired.key.kid() != kid);
        if line.current.key.kid() == kid {
            return line.advanced(now, make);
        }
        if line.next.key.kid() == kid {
            line.next = Next::new(line.algorithm, make)?;
        }
        Ok(line)
    }
}

impl Next {
    fn new(algorithm: Algorithm, make: Make<'_>) -> Result<Self, SigningFailed> {
        Ok(Self { key: Arc::new(make(algorithm)?), published: None })
    }

    /// From when on it may sign; `None` while no server has published it.
    pub(super) fn signs_from(&self) -> Option<Timestamp> {
        self.published.map(|published| published + PUBLISH_AHEAD)
    }
}

impl Retired {
    /// From when on it is published no more.
    pub(super) fn published_until(&self) -> Timestamp {
        self.at + RETIRED_FOR
    }

    fn ended(&self, now: Timestamp) -> bool {
        now >= self.published_until()
    }
}

/// A ring that begins.
pub(super) fn begin(now: Timestamp, make: Make<'_>) -> Result<Lines, SigningFailed> {
    let [first, second, third] = SIGNING_ALGORITHMS;
    Ok([Line::new(first, make, now)?, Line::new(second, make, now)?, Line::new(third, make, now)?])
}

/// What a server that publishes `lines` must change now: mark next keys as published, rotate by age, drop retired keys that have
/// ended. `None` when nothing is due.
pub(super) fn keep(lines: &Lines, now: Timestamp, rotate_every: Seconds, make: Make<'_>) -> Result<Option<Lines>, KeysError> {
    if !lines.iter().any(|line| line.has_due(now, rotate_every)) {
        return Ok(None);
    }
    Ok(Some(each(lines, |line| line.kept(now, rotate_every, make))?))
}

/// Rotation by command: every algorithm, or none.
pub(super) fn rotate(lines: &Lines, now: Timestamp, make: Make<'_>) -> Result<Lines, KeysError> {
    for line in lines {
        match line.next.signs_from() {
            None => return Err(KeysError::NextUnpublished { algorithm: line.algorithm }),
            Some(from) if from > now => return Err(KeysError::NextTooNew { algorithm: line.algorithm, from }),
            Some(_) => {}
        }
    }
    Ok(each(lines, |line| line.rotated(now, make))?)
}

/// Drops what is compromised, at once; tokens that it signed are worth nothing from then on.
///
/// Without `kid`, that is every key: all were wrapped in one document. With one, the key of that name; when it was the one that
/// signs, the next takes over even if caches do not know it yet.
pub(super) fn drop_compromised(lines: &Lines, kid: Option<&str>, now: Timestamp, make: Make<'_>) -> Result<Lines, KeysError> {
    let Some(kid) = kid else { return Ok(begin(now, make)?) };
    if !lines.iter().flat_map(Line::keys).any(|key| key.kid() == kid) {
        return Err(KeysError::UnknownKey { kid: kid.into() });
    }
    Ok(each(lines, |line| line.without(kid, now, make))?)
}

/// The `kid` of each key of `before` that `after` has not.
pub(super) fn gone(before: &Lines, after: &Lines) -> Vec<Box<str>> {
    let stays = |kid: &str| after.iter().flat_map(Line::keys).any(|key| key.kid() == kid);
    before.iter().flat_map(Line::keys).map(|key| key.kid()).filter(|kid| !stays(kid)).map(Box::from).collect()
}

fn each(lines: &Lines, change: impl Fn(&Line) -> Result<Line, SigningFailed>) -> Result<Lines, SigningFailed> {
    let [first, second, third] = lines;
    Ok([change(first)?, change(second)?, change(third)?])
}

#[cfg(test)]
mod tests;
