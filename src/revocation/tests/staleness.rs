//! Who has not heard for too long issues nothing.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_not_looked_lately_clears_nothing() {
    let (place, clock) = (Place::sqlite(), clock());
    let _store = place.begin().await;
    let a = node(&place, "a", &clock).await;
    let clear = || a.clear(permit(token("github", &json!({}))), NOW).map(drop);
    assert_eq!(clear(), Err(NotCleared::Stale), "before the first look");
    assert_eq!(a.vitals().age, None);
    a.sync().await.unwrap();
    for (seconds, expected, why) in
        [(0, Ok(()), "just looked"), (30, Ok(()), "the last moment"), (1, Err(NotCleared::Stale), "too long ago")]
    {
        clock.advance(Seconds(seconds));
        assert_eq!(clear(), expected, "{why}");
        assert_eq!(a.stands(&token("self", &json!({"jti": "x"})), NOW), expected, "{why}");
    }
    a.sync().await.unwrap();
    assert_eq!(clear(), Ok(()), "it has looked again");
    clock.step_to(clock.now() + Seconds(31));
    assert_eq!(clear(), Err(NotCleared::Stale), "the machine was suspended: only the wall clock went on");
    a.sync().await.unwrap();
    clock.step_to(clock.now() - Seconds(3_600));
    assert_eq!(clear(), Ok(()), "a clock that was set back says nothing about age");
    clock.advance(Seconds(31));
    assert_eq!(clear(), Err(NotCleared::Stale), "the monotonic one does");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_answer_leaves_a_node_its_knowledge_for_a_while() {
    let (place, clock) = (Place::redis(), clock());
    let store = place.begin().await;
    let a = node(&place, "a", &clock).await;
    publish(&store, &block(issuer("gitlab")).into(), &*clock).await.unwrap();
    a.sync().await.unwrap();
    place.server().command(&["ACL", "SETUSER", "cambist", "-zscore"]);
    assert!(a.sync().await.is_err());
    assert_eq!((a.ensure_fresh(), known(&a)), (Ok(()), vec!["gitlab".to_owned()]));
    clock.advance(Seconds(31));
    assert!(a.sync().await.is_err());
    assert_eq!((a.ensure_fresh(), known(&a)), (Err(NotCleared::Stale), vec!["gitlab".to_owned()]));
    place.server().command(&["ACL", "SETUSER", "cambist", "+zscore"]);
    a.sync().await.unwrap();
    assert_eq!(a.ensure_fresh(), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_issued_between_finding_a_loss_and_having_mended_it() {
    let (place, clock) = (Place::redis(), clock());
    let store = place.begin().await;
    let a = node(&place, "a", &clock).await;
    publish(&store, &block(issuer("gitlab")).into(), &*clock).await.unwrap();
    a.sync().await.unwrap();
    place.lose_everything();
    place.server().command(&["ACL", "SETUSER", "cambist", "-zadd"]);
    assert!(a.sync().await.is_err(), "it cannot be given back");
    assert_eq!(a.ensure_fresh(), Err(NotCleared::Stale), "although it looked a moment ago");
    place.server().command(&["ACL", "SETUSER", "cambist", "+zadd"]);
    a.sync().await.unwrap();
    assert_eq!((a.ensure_fresh(), rules(&store, &*clock).await.unwrap().len()), (Ok(()), 1));
}

#[test]
fn without_rules_everything_is_cleared_for_ever() {
    let clock = clock();
    let none = Revocations::without_rules(Arc::clone(&clock) as _);
    clock.advance(Seconds(86_400));
    assert!(none.clear(permit(token("github", &json!({}))), NOW).is_ok());
    assert_eq!(none.snapshot().rules, []);
}
