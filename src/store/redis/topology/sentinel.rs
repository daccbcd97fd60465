//! What Sentinels say about the master.

use std::collections::{BTreeMap, BTreeSet};

use redis::{Pipeline, Value};
use tokio::time::Instant;

use crate::store::redis::connection::Link;
use crate::store::redis::fault::{RedisFault, Refusal};
use crate::store::redis::script::text;
use crate::store::redis::settings::Address;

use super::ANSWER;

/// One Sentinel's word.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Vote {
    /// Its id: two addresses may lead to one Sentinel.
    witness: String,
    master: Address,
    epoch: u64,
    /// How many Sentinels it knows, itself included.
    known: usize,
}

/// Asks one Sentinel who `master` is.
pub(super) async fn ask(sentinel: &Link, master: &str) -> Result<Vote, RedisFault> {
    let mut questions = Pipeline::new();
    questions.cmd("SENTINEL").arg("MYID").cmd("SENTINEL").arg("MASTER").arg(master);
    let answers = sentinel.send_all(0, &questions, Instant::now() + ANSWER).await?;
    for answer in &answers {
        // "No such master with that name" and refusals are words for the administrator.
        answer.clone().extract_error().map_err(|error| RedisFault::of(sentinel.address(), &error))?;
    }
    vote(&answers).ok_or_else(|| RedisFault::Unexpected { server: sentinel.address().clone() })
}

/// Why a Sentinel gives no word. Sentinels have users of their own.
pub(super) fn told(fault: &RedisFault) -> String {
    match fault {
        RedisFault::Refused { server, refusal: Refusal::Access, text } => {
            format!("the Sentinel at {server} refused: {text}; compare sentinel_username and sentinel_password in [store] with its users")
        }
        _ => fault.to_string(),
    }
}

fn vote(answers: &[Value]) -> Option<Vote> {
    let [witness, Value::Array(fields)] = answers else { return None };
    let fields: BTreeMap<&str, &str> = fields.chunks_exact(2).filter_map(|pair| Some((text(&pair[0])?, text(&pair[1])?))).collect();
    Some(Vote {
        witness: text(witness)?.to_owned(),
        master: Address { host: (*fields.get("ip")?).into(), port: fields.get("port")?.parse().ok()? },
        epoch: fields.get("config-epoch")?.parse().ok()?,
        known: fields.get("num-other-sentinels")?.parse::<usize>().ok()? + 1,
    })
}

/// The master and the epoch that a majority of all Sentinels names, those included that did not answer; or what was found instead.
pub(super) fn tally(votes: &[Vote], configured: usize) -> Result<(Address, u64), String> {
    let all = votes.iter().map(|vote| vote.known).max().unwrap_or(0).max(configured);
    let mut named: BTreeMap<(&Address, u64), BTreeSet<&str>> = BTreeMap::new();
    for vote in votes {
        named.entry((&vote.master, vote.epoch)).or_default().insert(&vote.witness);
    }
    for ((master, epoch), witnesses) in &named {
        if witnesses.len() * 2 > all {
            return Ok(((*master).clone(), *epoch));
        }
    }
    let words: Vec<_> =
        named.iter().map(|((master, epoch), witnesses)| format!("{} say {master} in epoch {epoch}", witnesses.len())).collect();
    Err(format!("of {all} Sentinels {}", if words.is_empty() { "none answers".to_owned() } else { words.join(", ") }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(witness: &str, master: &str, epoch: u64, known: usize) -> Vote {
        Vote { witness: witness.into(), master: Address { host: master.into(), port: 6379 }, epoch, known }
    }

    #[test]
    fn only_a_majority_of_all_sentinels_names_the_master() {
        for (votes, configured, expected, why) in [
            (vec![vote("1", "a", 1, 3), vote("2", "a", 1, 3)], 3, Some(("a", 1)), "two of three"),
            (vec![vote("1", "a", 1, 3)], 3, None, "one of three"),
            (vec![vote("1", "a", 1, 3), vote("1", "a", 1, 3)], 3, None, "one Sentinel by two addresses"),
            (vec![vote("1", "a", 1, 3), vote("2", "a", 2, 3)], 3, None, "two epochs: a failover is under way"),
            (vec![vote("1", "a", 1, 3), vote("2", "b", 1, 3)], 3, None, "two masters"),
            (vec![vote("1", "a", 1, 5), vote("2", "a", 1, 5)], 2, None, "the configuration names two of five"),
            (vec![vote("1", "a", 1, 1), vote("2", "a", 1, 1)], 5, None, "Sentinels that forgot the others do not count as all"),
            (vec![vote("1", "b", 2, 3), vote("2", "b", 2, 3), vote("3", "a", 1, 3)], 3, Some(("b", 2)), "one has not heard of it yet"),
            (vec![], 3, None, "nobody"),
        ] {
            let found = tally(&votes, configured).ok();
            let expected = expected.map(|(host, epoch)| (Address { host: host.into(), port: 6379 }, epoch));
            assert_eq!(found, expected, "{why}");
        }
    }
}
