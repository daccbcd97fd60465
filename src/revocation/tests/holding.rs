//! What holders end: there may be a great deal of it, and what was promised to them is kept.

use super::*;
use crate::revocation::kept;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_starts_however_much_was_revoked() {
    const MANY: usize = 201_500;
    let (place, clock) = (Place::sqlite(), clock());
    let _store = place.begin().await;
    let store = place.open(OpenMode::Command).await;
    let until = clock.now() + Seconds(3_600);
    let all: Vec<Change> = (0..MANY).map(|i| Rule::of_token(&format!("jti-{i}"), until).into()).collect();
    for chunk in all.chunks(50_000) {
        kept::add(&store, chunk, 0, clock.unix_millis()).await.unwrap();
    }
    let a = node(&place, "a", &clock).await;
    a.sync().await.unwrap();
    assert_eq!((a.vitals().rules, a.ensure_fresh()), (MANY, Ok(())));
    for (id, stands) in [("jti-0", false), ("jti-201499", false), ("jti-201500", true)] {
        assert_eq!(a.stands(&token("self", &json!({"jti": id})), NOW).is_ok(), stands, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_that_the_store_loses_is_kept_by_the_node_that_gave_it() {
    for place in [Place::sqlite(), Place::redis()] {
        let (store, clock) = (place.begin().await, clock());
        let (a, b) = (node(&place, "a", &clock).await, node(&place, "b", &clock).await);
        let restarted = node(&place, "c", &clock).await;
        for everything in [false, true] {
            a.sync().await.unwrap();
            b.sync().await.unwrap();
            let own = token("self", &json!({"jti": format!("one-{everything}")}));
            a.revoke_token(&own).await.unwrap();
            if everything {
                place.lose_everything();
            } else {
                place.lose_the_last();
            }
            // In its place comes something else, under the same number.
            publish(&store, &block(issuer("github")).into(), &*clock).await.unwrap();
            a.sync().await.unwrap();
            b.sync().await.unwrap();
            for node in [&a, &b] {
                assert!(node.stands(&own, NOW).is_err(), "everything: {everything}");
            }
        }
        assert_eq!(rules(&store, &*clock).await.unwrap().iter().filter(|rule| rule.selector.name() == "token").count(), 2);
        restarted.sync().await.unwrap();
        assert!(restarted.stands(&token("self", &json!({"jti": "one-false"})), NOW).is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_of_a_token_is_its_id_and_its_end() {
    let (place, clock) = (Place::sqlite(), clock());
    let store = place.begin().await;
    let a = node(&place, "a", &clock).await;
    a.revoke_token(&token("self", &json!({"jti": "one"}))).await.unwrap();
    let Place::Sqlite(folder) = &place else { panic!("SQLite") };
    let conn = rusqlite::Connection::open(folder.path().join("cambist.db")).unwrap();
    let mut text: Value =
        serde_json::from_str(&conn.query_row("SELECT change FROM revocation", [], |row| row.get::<_, String>(0)).unwrap()).unwrap();
    let id = text["id"].take();
    assert_eq!(text, json!({"v": 1, "kind": "block", "id": null, "select": {"token": "one"}, "forget_at": NOW.unix() + 425}));
    assert_eq!(rules(&store, &*clock).await.unwrap()[0].id.as_str(), id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_lost_its_nodes_says_for_how_long_one_may_be_missing() {
    let (place, clock) = (Place::redis(), clock());
    let store = place.begin().await;
    begin(&store).await.unwrap();
    let (a, c) = (node(&place, "a", &clock).await, node(&place, "c", &clock).await);
    a.sync().await.unwrap();
    c.sync().await.unwrap();
    let said = confirmations(&store, &*clock).await.unwrap();
    assert_eq!((said.nodes.len(), said.incomplete_until(Seconds(30))), (2, None), "a new store has lost nobody");

    place.lose_everything();
    a.sync().await.unwrap();
    assert_eq!(c.ensure_fresh(), Ok(()), "it cannot reach the store, and issues");
    begin(&store).await.unwrap();
    let said = confirmations(&store, &*clock).await.unwrap();
    assert_eq!(said.nodes.len(), 1);
    assert_eq!(said.incomplete_until(Seconds(30)), Some(said.since_millis + 30_000));
    assert_eq!(said.incomplete_until(Seconds(300)), Some(said.since_millis + 300_000));
    let later = Confirmations { now_millis: said.since_millis + 30_000, ..said };
    assert_eq!(later.incomplete_until(Seconds(10)), None, "its own `max_stale` counts too, and is over");

    place.lose_everything();
    let said = confirmations(&store, &*clock).await.unwrap();
    assert_eq!((said.nodes.len(), said.incomplete_until(Seconds(30)).is_some()), (0, true), "not: no node is running");
}
