//! What the script answers, read strictly: whatever is not one of its sentences is no answer.

use redis::Value;

use crate::domain::Timestamp;
use crate::release::replay::spend::Verdict;
use crate::store::redis::{integer, text};

/// An answer, and what came with it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Answer {
    pub(super) said: Said,
    /// Seconds by which the store's clock is ahead of ours.
    pub(super) offset: i64,
    /// Whether this very call put the fence up.
    pub(super) armed: bool,
    /// Where it comes from.
    pub(super) history: History,
}

/// One history of one server: what was written in it was written after all that it holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct History {
    /// `master_replid`: another one after each start and each promotion.
    pub(super) replid: Box<str>,
    /// The configuration epoch under which it was asked; none where there is only one server.
    pub(super) epoch: Option<u64>,
}

/// The sentence itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Said {
    /// To a look: up to where the fence stands.
    Fence(Timestamp),
    /// To a spend, or to a look when the clocks differ.
    Verdict(Verdict),
}

/// `None` for what the script never says.
pub(super) fn read(value: &Value) -> Option<Answer> {
    let Value::Array(parts) = value else { return None };
    let [word, offset, armed, replid, epoch, rest @ ..] = &**parts else { return None };
    let (word, offset, armed) = (text(word)?, integer(offset)?, integer(armed)? == 1);
    let history = History { replid: text(replid)?.into(), epoch: text(epoch)?.parse().ok() };
    let rest: Vec<_> = rest.iter().map(instant).collect::<Option<_>>()?;
    let verdict = match (word, &*rest) {
        ("look", [until]) => return Some(Answer { said: Said::Fence(*until), offset, armed, history }),
        ("fresh", []) => Verdict::Fresh,
        ("own retry", []) => Verdict::OwnRetry,
        ("repeat", [issued_at, expires_at]) => Verdict::Repeat { issued_at: *issued_at, expires_at: *expires_at },
        ("replayed", [first_at]) => Verdict::Replayed { first_at: *first_at },
        ("fenced", [until]) => Verdict::Fenced { until: *until },
        ("expired", []) => Verdict::Expired,
        ("clock", []) => Verdict::Clock { offset },
        ("not stored", []) => Verdict::NotStored,
        _ => return None,
    };
    Some(Answer { said: Said::Verdict(verdict), offset, armed, history })
}

fn instant(value: &Value) -> Option<Timestamp> {
    u64::try_from(integer(value)?).ok().map(Timestamp::from_unix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_sentences_are_answers() {
        let word = |word: &str| Value::BulkString(word.into());
        let int = Value::Int;
        for (parts, expected) in [
            (vec![word("fresh"), int(1), int(0), word("a"), word("7")], Some(Verdict::Fresh)),
            (vec![word("clock"), int(-9), int(0), word("a"), word("7")], Some(Verdict::Clock { offset: -9 })),
            (
                vec![word("fenced"), int(0), int(1), word("a"), word("single"), int(7)],
                Some(Verdict::Fenced { until: Timestamp::from_unix(7) }),
            ),
            (vec![word("fenced"), int(0), int(1), word("a"), word("7")], None),
            (vec![word("fresh"), int(0), int(0), word("a"), word("7"), int(1)], None),
            (vec![word("fresh"), int(0), int(0), word("a")], None),
            (vec![word("fresh")], None),
            (vec![word("FRESH"), int(0), int(0), word("a"), word("7")], None),
            (vec![word("fenced"), int(0), int(1), word("a"), word("7"), int(-7)], None),
            (vec![word("replayed"), int(0), int(0), word("a"), word("7"), Value::Nil], None),
            (vec![], None),
        ] {
            let found = read(&Value::Array(parts.clone())).map(|answer| answer.said);
            assert_eq!(found, expected.map(Said::Verdict), "{parts:?}");
        }
        assert_eq!(read(&Value::Okay), None);
    }
}
