//! What every store must do: one suite, run on both.

use super::*;
use crate::revocation::kept;

/// Runs a test on a new store of each kind.
macro_rules! on_both_stores {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Place::sqlite()).await;
            })*
        }
        mod redis {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Place::redis()).await;
            })*
        }
    };
}

on_both_stores! {
    what_is_added_is_known_to_every_node_after_its_next_look
    adding_twice_is_adding_once
    a_lifted_block_is_over_for_everybody
    a_look_begins_where_the_last_one_ended
    a_store_that_was_emptied_is_given_back_what_nodes_hold
    a_store_that_fell_back_by_one_is_given_that_one_back
    another_change_under_a_number_that_is_known_is_noticed
    ten_thousand_tokens_are_followed_one_by_one_and_forgotten
    what_is_over_is_neither_missed_nor_given_back
    a_node_that_ends_is_waited_for_by_nobody
    what_cannot_be_read_stops_the_node
    a_token_that_its_holder_revoked_stands_no_more
}

async fn what_is_added_is_known_to_every_node_after_its_next_look(place: Place) {
    let (store, clock) = (place.begin().await, clock());
    let (a, b) = (node(&place, "a", &clock).await, node(&place, "b", &clock).await);
    a.sync().await.unwrap();
    b.sync().await.unwrap();
    let first = publish(&store, &block(issuer("one")).into(), &*clock).await.unwrap();
    let second = publish(&store, &Rule::cut_off(Selector::All, "r", "b", NOW).into(), &*clock).await.unwrap();
    assert!(first < second);
    a.sync().await.unwrap();
    assert_eq!((known(&a), known(&b)), (vec!["one".to_owned(), String::new()], vec![]));
    let said = |all: Vec<Confirmation>| all.into_iter().map(|node| (node.node.to_string(), node.version)).collect::<Vec<_>>();
    let all = confirmations(&store, &*clock).await.unwrap().nodes;
    assert_eq!(said(all), [("a".to_owned(), second), ("b".to_owned(), 0)]);
    b.sync().await.unwrap();
    let Confirmations { now_millis: now, nodes: all, .. } = confirmations(&store, &*clock).await.unwrap();
    assert!(all.iter().all(|node| node.max_stale == Seconds(30) && node.at_millis <= now && node.stops_at_millis() > now));
    assert_eq!(said(all), [("a".to_owned(), second), ("b".to_owned(), second)]);
    let restarted = node(&place, "b", &clock).await;
    restarted.sync().await.unwrap();
    assert_eq!((known(&restarted), restarted.snapshot().version), (known(&a), second), "a restart forgets nothing");
    assert_eq!(rules(&store, &*clock).await.unwrap(), a.snapshot().rules);
}

async fn adding_twice_is_adding_once(place: Place) {
    let (store, clock) = (place.begin().await, clock());
    let rule: Change = block(issuer("one")).into();
    let first = publish(&store, &rule, &*clock).await.unwrap();
    let other = publish(&store, &block(issuer("two")).into(), &*clock).await.unwrap();
    assert_eq!(publish(&store, &rule, &*clock).await.unwrap(), first, "its number is the one it has");
    assert_eq!((other, rules(&store, &*clock).await.unwrap().len()), (first + 1, 2));
}

async fn a_lifted_block_is_over_for_everybody(place: Place) {
    let (store, clock) = (place.begin().await, clock());
    let a = node(&place, "a", &clock).await;
    let rule = block(issuer("github"));
    publish(&store, &rule.clone().into(), &*clock).await.unwrap();
    a.sync().await.unwrap();
    let refused = || a.clear(permit(token("github", &json!({}))), NOW).err();
    assert_eq!(refused(), Some(NotCleared::Revoked { rule: rule.id.clone() }));
    let lift = Lift { rule: rule.id.clone(), by: "root@here".into(), made_at: NOW };
    publish(&store, &Change::Lift(lift), &*clock).await.unwrap();
    a.sync().await.unwrap();
    assert_eq!((refused(), known(&a)), (None, vec![]));
    let restarted = node(&place, "a", &clock).await;
    restarted.sync().await.unwrap();
    assert_eq!(known(&restarted), [""; 0]);
    place.lose_everything();
    a.sync().await.unwrap();
    restarted.sync().await.unwrap();
    assert_eq!(rules(&store, &*clock).await.unwrap(), [], "that it was lifted is given back too");
}

async fn a_look_begins_where_the_last_one_ended(place: Place) {
    let (store, clock) = (place.begin().await, clock());
    let mut numbers = Vec::new();
    for name in ["one", "two", "three"] {
        numbers.push(publish(&store, &block(issuer(name)).into(), &*clock).await.unwrap());
    }
    let question = |since| kept::Look { node: None, since, witness: None, max_stale: Seconds(30), unix_millis: clock.unix_millis() };
    for (since, expected) in [(0, 3), (numbers[0], 2), (numbers[1], 1), (numbers[2], 0)] {
        match kept::look(&store, &question(since)).await.unwrap() {
            kept::Seen::News(news) => {
                let found: Vec<u64> = news.changes.iter().map(|(number, _)| *number).collect();
                assert_eq!((found.as_slice(), news.more), (&numbers[3 - expected..], false), "since {since}");
            }
            kept::Seen::Astray => panic!("since {since}"),
        }
    }
    let beyond = kept::look(&store, &question(numbers[2] + 1)).await.unwrap();
    assert!(matches!(beyond, kept::Seen::Astray), "nobody can know more than there is");
}

async fn a_store_that_was_emptied_is_given_back_what_nodes_hold(place: Place) {
    let (store, clock) = (place.begin().await, clock());
    let (a, b) = (node(&place, "a", &clock).await, node(&place, "b", &clock).await);
    for name in ["one", "two", "three"] {
        publish(&store, &block(issuer(name)).into(), &*clock).await.unwrap();
        // The other node learns of the last one only when it is given back.
        if name != "three" {
            b.sync().await.unwrap();
        }
        a.sync().await.unwrap();
    }
    let before = a.snapshot().version;
    place.lose_everything();
    b.sync().await.unwrap();
    assert_eq!(known(&b), ["one", "two"]);
    publish(&store, &block(issuer("four")).into(), &*clock).await.unwrap();
    a.sync().await.unwrap();
    b.sync().await.unwrap();
    let mut there: Vec<_> = rules(&store, &*clock).await.unwrap().iter().map(|rule| rule.selector.value()).collect();
    there.sort();
    assert_eq!(there, ["four", "one", "three", "two"], "the union");
    assert_eq!((known(&a).len(), known(&b).len()), (4, 4));
    assert!(a.snapshot().version > before, "numbers only grow");
    for node in [&a, &b] {
        assert_eq!(node.ensure_fresh(), Ok(()));
    }
}

async fn a_store_that_fell_back_by_one_is_given_that_one_back(place: Place) {
    let (store, clock) = (place.begin().await, clock());
    let a = node(&place, "a", &clock).await;
    for name in ["one", "two"] {
        publish(&store, &block(issuer(name)).into(), &*clock).await.unwrap();
    }
    a.sync().await.unwrap();
    place.lose_the_last();
    assert_eq!(rules(&store, &*clock).await.unwrap().len(), 1);
    a.sync().await.unwrap();
    assert_eq!((known(&a).len(), rules(&store, &*clock).await.unwrap().len()), (2, 2));
}

async fn another_change_under_a_number_that_is_known_is_noticed(place: Place) {
    let (store, clock) = (place.begin().await, clock());
    let a = node(&place, "a", &clock).await;
    publish(&store, &block(issuer("one")).into(), &*clock).await.unwrap();
    let number = publish(&store, &block(issuer("lost")).into(), &*clock).await.unwrap();
    a.sync().await.unwrap();
    place.lose_the_last();
    assert_eq!(publish(&store, &block(issuer("instead")).into(), &*clock).await.unwrap(), number);
    a.sync().await.unwrap();
    let mut all = known(&a);
    all.sort();
    assert_eq!(all, ["instead", "lost", "one"]);
    assert_eq!(rules(&store, &*clock).await.unwrap().len(), 3);
}

async fn ten_thousand_tokens_are_followed_one_by_one_and_forgotten(place: Place) {
    let (store, clock) = (place.begin().await, clock());
    let a = node(&place, "a", &clock).await;
    let until = clock.now() + Seconds(300);
    let changes: Vec<Change> = (0..10_000).map(|i| Rule::of_token(&format!("jti-{i}"), until).into()).collect();
    for chunk in changes.chunks(1_000) {
        kept::add(&store, chunk, 0, clock.unix_millis()).await.unwrap();
    }
    a.sync().await.unwrap();
    assert_eq!((a.vitals().rules, a.vitals().version), (10_000, 10_000));
    let own = |id: &str| token("self", &json!({"jti": id, "root_jti": null}));
    for (id, stands) in [("jti-0", false), ("jti-9999", false), ("jti-10000", true)] {
        assert_eq!(a.stands(&own(id), NOW).is_ok(), stands, "{id}");
    }
    let restarted = node(&place, "b", &clock).await;
    place.lose_everything();
    a.sync().await.unwrap();
    restarted.sync().await.unwrap();
    assert_eq!(restarted.vitals().rules, 10_000, "all of them were given back");
    clock.advance(Seconds(366));
    a.sync().await.unwrap();
    assert_eq!((a.vitals().rules, a.snapshot().rules.len()), (0, 0), "nothing that they select can be alive");
}

async fn what_is_over_is_neither_missed_nor_given_back(place: Place) {
    let (store, clock) = (place.begin().await, clock());
    let a = node(&place, "a", &clock).await;
    publish(&store, &block(issuer("one")).into(), &*clock).await.unwrap();
    publish(&store, &Rule::of_token("short", NOW + Seconds(60)).into(), &*clock).await.unwrap();
    a.sync().await.unwrap();
    clock.advance(Seconds(126));
    a.sync().await.unwrap();
    place.lose_the_last();
    a.sync().await.unwrap();
    assert_eq!(rules(&store, &*clock).await.unwrap().len(), 1);
    assert_eq!(a.ensure_fresh(), Ok(()));
}

async fn a_node_that_ends_is_waited_for_by_nobody(place: Place) {
    let (store, clock) = (place.begin().await, clock());
    let a = node(&place, "a", &clock).await;
    a.sync().await.unwrap();
    assert_eq!(confirmations(&store, &*clock).await.unwrap().nodes.len(), 1);
    a.leave().await.unwrap();
    assert_eq!(confirmations(&store, &*clock).await.unwrap().nodes, []);
    assert_eq!(a.ensure_fresh(), Err(NotCleared::Stale), "it has said that it issues nothing");
}

async fn what_cannot_be_read_stops_the_node(place: Place) {
    let (store, clock) = (place.begin().await, clock());
    let a = node(&place, "a", &clock).await;
    a.sync().await.unwrap();
    publish(&store, &block(issuer("one")).into(), &*clock).await.unwrap();
    let text = r#"{"v":1,"kind":"block","id":"ID","select":{"moon_phase":"full"},"reason":"r","by":"b","made_at":1}"#;
    let id = rules(&store, &*clock).await.unwrap()[0].id.to_string();
    let text = text.replace("ID", &id);
    match &place {
        Place::Redis(server) => {
            drop(server.command(&["HSET", "cambist:{state}:v1:revocations", &id, &URL_SAFE_NO_PAD.encode(text)]));
        }
        Place::Sqlite(folder) => {
            let conn = rusqlite::Connection::open(folder.path().join("cambist.db")).unwrap();
            conn.execute("UPDATE revocation SET change = ?1", [text]).unwrap();
        }
    }
    assert!(matches!(a.sync().await, Err(SyncError::Unknown(_))));
    assert_eq!(a.ensure_fresh(), Ok(()), "for a while");
    clock.advance(Seconds(31));
    assert!(a.sync().await.is_err());
    assert_eq!(a.ensure_fresh(), Err(NotCleared::Stale));
}

async fn a_token_that_its_holder_revoked_stands_no_more(place: Place) {
    let (_store, clock) = (place.begin().await, clock());
    let (a, b) = (node(&place, "a", &clock).await, node(&place, "b", &clock).await);
    a.sync().await.unwrap();
    b.sync().await.unwrap();
    let (own, other) = (token("self", &json!({"jti": "one"})), token("self", &json!({"jti": "two"})));
    let (narrowed, foreign) = (token("self", &json!({"jti": "three", "root_jti": "one"})), token("github", &json!({"jti": "one"})));
    a.revoke_token(&own).await.unwrap();
    a.revoke_token(&own).await.unwrap();
    assert!(a.stands(&own, NOW).is_err() && b.stands(&own, NOW).is_ok(), "here at once");
    b.sync().await.unwrap();
    for node in [&a, &b] {
        assert!(node.stands(&own, NOW).is_err() && node.stands(&narrowed, NOW).is_err());
        assert!(node.stands(&other, NOW).is_ok());
        assert!(node.clear(permit(foreign_like(&foreign)), NOW).is_ok(), "an issuer may have chosen the same `jti`");
    }
    assert_eq!(b.vitals().rules, 1, "twice is once");
}

/// The same again: a permit takes its token.
fn foreign_like(token: &VerifiedToken) -> VerifiedToken {
    super::token(token.issuer_name().as_str(), &json!({"jti": token.token_id()}))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_revoked_can_be_read_in_redis() {
    let (place, clock) = (Place::redis(), clock());
    let store = place.begin().await;
    let a = node(&place, "node-of-the-test", &clock).await;
    let subject = Selector::Subject("github:somebody@example.com".into());
    publish(&store, &Rule::block(subject, "he left in anger", "root@here", NOW).into(), &*clock).await.unwrap();
    a.sync().await.unwrap();
    let keys = crate::servers::list(place.server().command(&["KEYS", "*"]));
    for key in keys.iter().map(crate::servers::text) {
        let dump = format!("{:?}", place.server().command(&["DUMP", &key])) + &key;
        for word in ["somebody", "anger", "root@here", "node-of-the-test"] {
            assert!(!dump.contains(word), "{key}: {word}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_hears_of_a_change_and_reconnects() {
    let (place, clock) = (Place::redis(), clock());
    let store = place.begin().await;
    let a = node(&place, "a", &clock).await;
    let heard = Arc::new(tokio::sync::Notify::new());
    let notify = Arc::clone(&heard);
    let _listener = a.listen(move || notify.notify_one()).unwrap();
    heard.notified().await;
    for name in ["one", "two"] {
        publish(&store, &block(issuer(name)).into(), &*clock).await.unwrap();
        heard.notified().await;
    }
    place.server().command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    // It says so itself, because it may have missed something.
    heard.notified().await;
    publish(&store, &block(issuer("three")).into(), &*clock).await.unwrap();
    heard.notified().await;
}
