//! What the nodes of a cluster say about who serves which slot.

use std::collections::{BTreeMap, BTreeSet};

use redis::cmd;
use tokio::time::Instant;

use crate::store::redis::connection::Link;
use crate::store::redis::fault::RedisFault;
use crate::store::redis::script::{Tag, text};
use crate::store::redis::settings::Address;

use super::ANSWER;

/// One node's view of the cluster: its answer to `CLUSTER NODES`.
#[derive(Clone, Debug)]
pub(super) struct View {
    me: String,
    nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
struct Node {
    id: String,
    address: Option<Address>,
    epoch: u64,
    /// First and last slot of each range.
    slots: Vec<(u16, u16)>,
}

/// Who serves a slot, by the word of a majority.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Owner {
    pub(super) address: Address,
    pub(super) epoch: u64,
}

/// Asks one node.
pub(super) async fn ask(node: &Link) -> Result<View, RedisFault> {
    let mut question = cmd("CLUSTER");
    question.arg("NODES");
    let answer = node.send(0, &question, Instant::now() + ANSWER).await?;
    let view = text(&answer).and_then(|answer| View::parse(answer, node.address()));
    view.ok_or_else(|| RedisFault::Unexpected { server: node.address().clone() })
}

impl View {
    /// Lines of `<id> <ip:port@bus[,hostname]> <flags> <master> <ping> <pong> <config-epoch> <link> <slot> …`.
    fn parse(text: &str, asked: &Address) -> Option<Self> {
        let (mut me, mut nodes) = (None, Vec::new());
        for line in text.lines().filter(|line| !line.is_empty()) {
            let fields: Vec<_> = line.split(' ').collect();
            let [id, address, flags, _, _, _, epoch, _, slots @ ..] = &*fields else { return None };
            let flags: Vec<_> = flags.split(',').collect();
            // Whom nobody knows yet. A node that only its address is unknown of is one of all, or two halves could each be a majority.
            if flags.contains(&"handshake") {
                continue;
            }
            let myself = flags.contains(&"myself");
            if myself {
                me = Some((*id).to_owned());
            }
            // A node does not always know its own address; we do, because it answered there.
            let address = parse_address(address).or_else(|| myself.then(|| asked.clone()));
            nodes.push(Node { id: (*id).to_owned(), address, epoch: epoch.parse().ok()?, slots: ranges(slots) });
        }
        Some(Self { me: me?, nodes })
    }

    fn owner(&self, slot: u16) -> Option<&Node> {
        self.nodes.iter().find(|node| node.slots.iter().any(|(first, last)| (*first..=*last).contains(&slot)))
    }

    /// Where its nodes are.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.nodes.iter().filter_map(|node| node.address.as_ref())
    }
}

fn parse_address(field: &str) -> Option<Address> {
    let (host, port) = field.split('@').next()?.rsplit_once(':')?;
    if host.is_empty() { None } else { Some(Address { host: host.into(), port: port.parse().ok()? }) }
}

/// `0-5460`, `7000`; what is on its way (`[93-<-…]`) is left out: it belongs to its owner until it has moved.
fn ranges(fields: &[&str]) -> Vec<(u16, u16)> {
    let range = |field: &&str| {
        let (first, last) = field.split_once('-').unwrap_or((field, field));
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    fields.iter().filter(|field| !field.starts_with('[')).filter_map(range).collect()
}

/// For every tag the owner of its slot that a majority of all nodes names, masters and replicas alike.
///
/// Not the masters alone: a failover changes who is a master, but no node's id, and majorities overlap only in a set that stays the same.
pub(super) fn tally(views: &[View]) -> (Vec<Option<Owner>>, String) {
    let known: BTreeSet<&str> = views.iter().flat_map(|view| &view.nodes).map(|node| &*node.id).collect();
    let witnesses: BTreeSet<&str> = views.iter().map(|view| &*view.me).collect();
    let found = format!("{} of {} nodes of the cluster answer", witnesses.len(), known.len());
    (Tag::all().map(|tag| owner(views, tag.slot(), known.len())).collect(), found)
}

fn owner(views: &[View], slot: u16, all: usize) -> Option<Owner> {
    let mut named: BTreeMap<(&str, u64), BTreeMap<&str, Option<&Address>>> = BTreeMap::new();
    for view in views {
        if let Some(node) = view.owner(slot) {
            named.entry((&node.id, node.epoch)).or_default().insert(&view.me, node.address.as_ref());
        }
    }
    let ((id, epoch), witnesses) = named.into_iter().find(|(_, witnesses)| witnesses.len() * 2 > all)?;
    // Its own word, or a majority's: one witness may remember where it once was.
    let agreed = || witnesses.values().copied().find(|named| witnesses.values().filter(|other| *other == named).count() * 2 > all);
    let address = witnesses.get(id).copied().or_else(agreed)??.clone();
    Some(Owner { address, epoch })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(port: u16, nodes: &str) -> View {
        View::parse(nodes, &Address { host: "127.0.0.1".into(), port }).unwrap()
    }

    /// The three masters and three replicas of a small cluster, as the node of that number sees them; `third` is the line of the third
    /// part of the slots.
    fn seen_by(me: usize, owner: usize, epoch: u64) -> View {
        let mut text = String::new();
        for number in 1..=6 {
            let myself = if number == me { "myself," } else { "" };
            let (role, epoch) = match number {
                1 | 2 => ("master", number as u64),
                _ if number == owner => ("master", epoch),
                _ => ("slave", 0),
            };
            let slots = match number {
                1 => " 0-5460",
                2 => " 5461-10922 [93-<-x]",
                _ if number == owner => " 10923-16383",
                _ => "",
            };
            let line = format!("id{number} 127.0.0.1:700{number}@1700{number},host {myself}{role} - 0 0 {epoch} connected{slots}\n");
            text.push_str(&line);
        }
        view(7000 + u16::try_from(me).unwrap(), &text)
    }

    #[test]
    fn a_slot_belongs_to_whom_a_majority_of_all_nodes_names() {
        let third = Tag::all().find(|tag| tag.slot() > 10_922).unwrap();
        let before = |me| seen_by(me, 3, 3);
        let after = |me| seen_by(me, 6, 7);
        for (views, expected, why) in [
            ((1..=6).map(before).collect::<Vec<_>>(), Some((7003, 3)), "all agree"),
            ((1..=4).map(before).collect(), Some((7003, 3)), "four of six"),
            ((1..=3).map(before).collect(), None, "half is no majority: two nodes of the other half are masters"),
            (vec![before(1), before(1), before(2), before(2)], None, "a node counts once"),
            (vec![before(1), before(2), before(3), after(4), after(5), after(6)], None, "a failover is under way"),
            (vec![before(3), after(1), after(2), after(4), after(6)], Some((7006, 7)), "the old master has not heard of it yet"),
        ] {
            let (owners, _) = tally(&views);
            let found = owners[third.index()].as_ref().map(|owner| (owner.address.port, owner.epoch));
            assert_eq!(found, expected, "{why}");
        }
    }

    #[test]
    fn nodes_without_an_address_count_and_the_one_that_answers_is_where_it_answered() {
        let text = "a :7001@17001 myself,master - 0 0 1 connected 0-16383\nb :0@0 master,noaddr - 0 0 2 disconnected\n\
                    c 10.0.0.9:7003@17003 handshake - 0 0 0 connected\n";
        let (owners, found) = tally(&[view(7001, text)]);
        assert!(owners.iter().all(Option::is_none), "one of two is no majority: {found}");
        let alone = text.lines().next().unwrap();
        let (owners, found) = tally(&[view(7001, alone)]);
        assert!(owners.iter().all(|owner| owner.as_ref().is_some_and(|owner| &*owner.address.host == "127.0.0.1")), "{found}");
    }
}
