//! The token endpoint where Microsoft's SDKs look for it: below one segment of any name.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{Answer, FORM, World, verdict};

const TRUST: &str = r#"
[issuer.ci]
preset = "oidc"
url = "https://issuer.example"
owner = "o@example.com"
[target.deploy]
audience = "https://deploy.example.com"
owner = "o@example.com"
scopes = { read = "Read", write = "Write" }
[trust.web-shop]
issuer = "ci"
owner = "o@example.com"
purpose = "To be asked for as a client of an SDK"
review_by = 2099-12-31
when = { sub = "workload-example" }
grant = [{ target = "deploy", scopes = ["read", "write"] }]
"#;

/// What an SDK sends, to this path.
async fn ask(world: &World, path: &str, change: &[(&str, &str)]) -> Answer {
    let token = world.token();
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", "web-shop"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", &*token),
        ("scope", "https://deploy.example.com/.default"),
        ("client_info", "1"),
    ];
    form.retain(|(name, _)| change.iter().all(|(changed, _)| changed != name));
    form.extend_from_slice(change);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    world.app.send(Request::post(path).header(FORM.0, FORM.1).body(Body::from(body)).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sdk_gets_the_whole_grant_for_the_default_scope_and_can_keep_it_under_that() {
    let world = World::of(TRUST).await;
    let answer = ask(&world, "/contoso/oauth2/v2.0/token", &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let mut members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    // RFC 6749 section 5.1: a scope that is the one that was asked may be left out. An SDK would keep the token under any other.
    assert_eq!(members, ["access_token", "expires_in", "token_type"]);
    let claims = answer.token_part(1);
    assert_eq!((&claims["scope"], &claims["aud"]), (&Value::from("read write"), &Value::from("https://deploy.example.com")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_below_a_tenant_names_the_one_grant_that_is_taken_there() {
    let world = World::of(TRUST).await;
    let below = world.app.get("/contoso/v2.0/.well-known/openid-configuration").await.json();
    assert_eq!(below["grant_types_supported"], json!(["client_credentials"]));
    assert_eq!(below["token_endpoint"], "https://sts.example/contoso/oauth2/v2.0/token");
    let everywhere = world.app.get("/.well-known/openid-configuration").await.json();
    for grant in everywhere["grant_types_supported"].as_array().unwrap() {
        // Without the assertion, which would be a second credential beside other grants.
        let form = [("grant_type", grant.as_str().unwrap()), ("client_assertion", ""), ("client_assertion_type", "")];
        let answer = ask(&world, "/contoso/oauth2/v2.0/token", &form).await;
        let named = below["grant_types_supported"].as_array().unwrap().contains(grant);
        assert_eq!(answer.json()["error"] != "unsupported_grant_type", named, "{grant}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correlation_id_may_stand_in_the_url_of_an_sdk_and_nothing_else() {
    let world = World::of(TRUST).await;
    let id = "client-request-id=0f6e4c1e-6a0e-4c44-9a52-2f5a3c1d9b10";
    for (path, status, why) in [
        (format!("/contoso/oauth2/v2.0/token?{id}"), 200, "as SDKs write it"),
        (format!("/contoso/oauth2/v2.0/token?{id}&scope=a"), 400, "with a parameter"),
        ("/contoso/oauth2/v2.0/token?client_assertion=hush".into(), 400, "a parameter"),
    ] {
        let answer = ask(&world, &path, &[]).await;
        assert_eq!(answer.status, status, "{why}");
        assert!(status == 200 || answer.reason() == "malformed: query_string", "{why}: {answer:?}");
    }
    let answer = world.post_raw(&[FORM], "").await;
    assert_eq!(verdict(&answer), "400 invalid_request malformed: grant_type_missing");
}
