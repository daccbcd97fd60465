//! Two who agree: delegation is written into the token, corroboration is recorded (RFC 8693 sections 1.1, 4.1 and 4.4).

use serde_json::json;

use crate::support::{DEPLOY, verdict};

use super::{TRUST, Two, Way};

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_is_written_into_the_token_and_a_witness_into_the_record() {
    let world = Two::new().await;
    for (subject, act, role) in [("pair", json!({"sub": "cluster:actor"}), "act"), ("watched", json!(null), "witness")] {
        let answer = world.together(&world.of(subject), &world.actor(&[]), &[("scope", "use")]).await;
        assert_eq!(verdict(&answer), "200 use", "{role}");
        let claims = answer.token_part(1);
        assert_eq!((&claims["act"], &claims["sub"]), (&act, &json!(format!("ci:{subject}"))), "{role}");
        let line = world.ci.recorded(&answer).await;
        assert_eq!((&line["actor"]["subject"], &line["actor"]["role"]), (&json!("cluster:actor"), &json!(role)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_asked_for_must_be_the_one_who_comes() {
    let world = Two::new().await;
    let mut elsewhere = world.actor(&[]);
    elsewhere.replace_range(elsewhere.len() - 8.., "AAAAAAAA");
    for (subject, actor, expected, why) in [
        ("pair", world.actor(&[("sub", json!("another"))]), "400 invalid_request denied: actor_failed", "another actor"),
        ("pair", world.of("actor"), "400 invalid_request denied: actor_failed", "the same name at another issuer"),
        ("pair", world.actor(&[("exp", json!(1))]), "400 invalid_request rejected: expired (actor_token)", "an old actor token"),
        ("pair", elsewhere, "400 invalid_request rejected: bad_signature (actor_token)", "a forged one"),
        (
            "pair",
            world.actor(&[("aud", json!("https://other.example"))]),
            "400 invalid_request rejected: aud_mismatch (actor_token)",
            "for somebody else",
        ),
        ("pair", "x.y.z".to_owned(), "400 invalid_request rejected: malformed_token (actor_token)", "no token"),
        ("workload-example", world.actor(&[]), "400 invalid_request malformed: actor_unused", "nobody asks for one"),
        ("stranger", world.actor(&[]), "400 invalid_request denied: no_relationship", "a stranger learns nothing of that"),
    ] {
        let answer = world.together(&world.of(subject), &actor, &[]).await;
        assert_eq!(verdict(&answer), expected, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_that_was_the_subjects_once_is_no_actor_now() {
    let world = Two::new().await;
    let nested = world.actor(&[("sub", json!("another")), ("act", json!({"sub": "actor", "act": {"sub": "actor"}}))]);
    assert_eq!(verdict(&world.together(&world.of("pair"), &nested, &[]).await), "400 invalid_request denied: actor_failed");
    let deep = (0..5).fold(json!({"sub": "x"}), |inner, _| json!({"sub": "x", "act": inner}));
    let deep = world.token(&[("sub", json!("pair")), ("act", deep)]);
    assert_eq!(verdict(&world.together(&deep, &world.actor(&[]), &[]).await), "400 invalid_request rejected: act_invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_say_of_earlier_actors_is_recorded_and_never_copied() {
    let world = Two::new().await;
    let told = world.token(&[("sub", json!("pair")), ("act", json!({"sub": "ci:admin"}))]);
    let answer = world.together(&told, &world.actor(&[]), &[]).await;
    assert_eq!(answer.token_part(1)["act"], json!({"sub": "cluster:actor"}), "who comes, and nobody else");
    assert_eq!(world.ci.recorded(&answer).await["claims"]["act"], json!({"sub": "ci:admin"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn may_act_only_narrows() {
    let world = Two::new().await;
    for (subject, may_act, expected, why) in [
        ("pair", json!({"sub": "actor"}), "200 look use", "the actor it names"),
        ("pair", json!({"sub": "actor", "iss": super::CLUSTER}), "200 look use", "by its issuer too"),
        ("pair", json!({"sub": "another"}), "400 invalid_request denied: may_act", "another"),
        ("pair", json!({"sub": "actor", "iss": "https://issuer.example"}), "400 invalid_request denied: may_act", "of another issuer"),
        ("pair", json!({"sub": "actor", "client_id": "x"}), "400 invalid_request denied: may_act", "more than the actor can show"),
        ("pair", json!({}), "400 invalid_request denied: may_act", "nobody"),
        ("pair", json!("actor"), "400 invalid_request rejected: may_act_invalid", "no object"),
        ("workload-example", json!({"sub": "actor"}), "400 invalid_request malformed: actor_unused", "it is no rule"),
    ] {
        let token = world.token(&[("sub", json!(subject)), ("may_act", may_act)]);
        assert_eq!(verdict(&world.together(&token, &world.actor(&[]), &[]).await), expected, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_actor_token_is_told_apart_from_a_bad_subject_token() {
    let world = Two::new().await;
    let (subject, stranger) = (world.of("pair"), world.token(&[("sub", json!("pair")), ("iss", json!("https://nobody.example"))]));
    for (subject, actor, expected) in [
        (&*subject, "xx", "400 invalid_request rejected: malformed_token (actor_token)"),
        (&*subject, &*stranger, "400 invalid_request rejected: unknown_issuer (actor_token)"),
        ("xx", &*world.actor(&[]), "400 invalid_request rejected: malformed_token"),
    ] {
        assert_eq!(verdict(&world.together(subject, actor, &[]).await), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_token_is_used_up_with_the_subject_token() {
    let world = Two::new().await;
    world
        .app()
        .change_trust(&TRUST.replacen("url = \"https://cluster.example\"", "url = \"https://cluster.example\"\nreplay = \"once\"", 1))
        .await;
    let actor = world.actor(&[]);
    let denied = world.together(&world.of("stranger"), &actor, &[]).await;
    assert_eq!(verdict(&denied), "400 invalid_request denied: no_relationship");
    assert_eq!(verdict(&world.together(&world.of("pair"), &actor, &[]).await), "200 look use", "a refusal spends nothing");
    let again = world.together(&world.of("pair"), &actor, &[]).await;
    assert_eq!(verdict(&again), "400 invalid_request rejected: actor_replayed");
    assert_eq!(verdict(&world.together(&world.of("pair"), &world.actor(&[]), &[]).await), "200 look use", "a new one helps");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_agreed_can_be_taken_back() {
    let world = Two::new().await;
    for (kind, value) in [("issuer", "cluster"), ("subject", "cluster:actor")] {
        let block = world.app().block(kind, value).await;
        let answer = world.together(&world.of("pair"), &world.actor(&[]), &[]).await;
        assert_eq!(verdict(&answer), "400 invalid_request denied: revoked", "{kind}");
        assert_eq!(verdict(&world.ask(Way::Exchange, &world.token(&[]), &[("audience", DEPLOY)]).await), "200 look use", "others go on");
        world.app().unblock(&block).await;
    }
}
