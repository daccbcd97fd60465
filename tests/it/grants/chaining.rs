//! A token for another authorization server (identity chaining): a grant, and nothing that a resource server takes.

use serde_json::json;

use crate::support::{NOW, verdict};

use super::{ACCESS_TOKEN, JWT, PARTNER, Two, Way};

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_for_another_authorization_server_is_short_and_names_it_alone() {
    let world = Two::new().await;
    for requested in [vec![("audience", PARTNER), ("requested_token_type", JWT)], vec![("audience", PARTNER), ("lifetime", "3600")]] {
        let answer = world.ask(Way::Exchange, &world.token(&[]), &requested).await;
        let body = answer.json();
        assert_eq!((&body["token_type"], &body["issued_token_type"]), (&json!("N_A"), &json!(JWT)), "{requested:?}");
        assert_eq!(body["expires_in"], 60, "{requested:?}");
        let claims = answer.token_part(1);
        assert_eq!((&claims["aud"], &claims["exp"]), (&json!(PARTNER), &json!(NOW + 60)), "{requested:?}");
        assert_eq!(claims["sub"], "ci:workload-example");
        assert_eq!(answer.token_part(0)["typ"], "JWT", "no access token: a resource server refuses it by its type");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_issues_one_kind_of_token() {
    let world = Two::new().await;
    for (audience, requested, why) in
        [(PARTNER, ACCESS_TOKEN, "an authorization server takes no access tokens"), ("https://shy.example", JWT, "a handle is no JWT")]
    {
        let answer = world.ask(Way::Exchange, &world.token(&[]), &[("audience", audience), ("requested_token_type", requested)]).await;
        assert_eq!(verdict(&answer), "400 invalid_target denied: target", "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_cannot_be_narrowed() {
    let world = Two::new().await;
    let grant = world.ask(Way::Exchange, &world.token(&[]), &[("audience", PARTNER)]).await.token().unwrap();
    assert_eq!(verdict(&world.narrow(&grant, &[]).await), "400 invalid_request rejected: typ_mismatch");
}
