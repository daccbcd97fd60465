//! JWT-SVIDs of a SPIFFE trust domain by every grant, through the whole application.

use cambist::cli::dev_issuer::MintRequest;
use cambist::token::Algorithm;
use serde_json::{Value, json};

use crate::support::{Answer, DEPLOY, ISSUER, TestApp, World, verdict};

const BUNDLE: &str = "https://spire.acme.example/bundle";

const TRUST: &str = r#"
[issuer.mesh]
preset = "spiffe"
trust_domain = "acme.example"
bundle_endpoint = "https://spire.acme.example/bundle"
owner = "o@example.com"
[issuer.plain]
url = "https://issuer.example"
owner = "o@example.com"
[target.deploy]
audience = "https://deploy.example.com"
owner = "o@example.com"
scopes = { use = "Use it" }
[trust.ledger]
issuer = "mesh"
owner = "o@example.com"
purpose = "The ledger reports"
review_by = 2099-12-31
when = { sub = "spiffe://acme.example/ns/payments/sa/ledger" }
grant = [{ target = "deploy", scopes = ["use"] }]
[trust.stranger]
issuer = "plain"
owner = "o@example.com"
purpose = "An issuer that names its workloads as it likes"
review_by = 2099-12-31
when = { sub = ["spiffe://acme.example/ns/payments/sa/ledger", "workload-example"] }
grant = [{ target = "deploy", scopes = ["use"] }]
"#;

async fn mesh() -> World {
    let world = World::around(TestApp::with_trust(TRUST).await.unwrap(), "spiffe", ISSUER);
    world.app.web.page(BUNDLE, 200, &world.issuer.bundle().unwrap());
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_gets_its_token_by_its_jwt_svid() {
    let world = mesh().await;
    let answer = world.ask(&[]).await;
    assert_eq!(verdict(&answer), "200 use");
    let claims = answer.token_part(1);
    assert_eq!(claims["sub"], "mesh:spiffe://acme.example/ns/payments/sa/ledger");
    assert_eq!(claims["client_id"], "ledger");
    let line = world.recorded(&answer).await;
    assert_eq!(line["subject"], "mesh:spiffe://acme.example/ns/payments/sa/ledger");
    assert_eq!(line["issuer"], "mesh");
    assert_eq!(world.app.web.fetched(), [BUNDLE], "nothing is discovered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_svid_is_what_the_standard_says_and_nothing_else() {
    let world = mesh().await;
    let with = |claims: &[(&str, Value)]| claims.iter().fold(world.request(), |request, (name, value)| request.with(name, value.clone()));
    let typ = |typ: &str| MintRequest { typ: typ.into(), ..world.request() };
    let signed = |algorithm| MintRequest { algorithm: Some(algorithm), ..world.request() };
    for (request, expected, why) in [
        (world.request(), "200 use", "as SPIRE makes it"),
        (with(&[("iat", Value::Null)]), "200 use", "`iat` is optional"),
        (with(&[("iss", json!("https://oidc.acme.example"))]), "200 use", "an `iss` that nobody registered says nothing"),
        (with(&[("iss", json!("spiffe://evil.example"))]), "200 use", "nor does this"),
        (with(&[("iss", json!(7))]), "400 invalid_request rejected: iss_invalid", "`iss` is a string if it is there"),
        (with(&[("jti", json!("1"))]), "200 use", "a `jti` makes no difference"),
        (typ("JOSE"), "200 use", "the other `typ`"),
        (typ("at+jwt"), "400 invalid_request rejected: typ_mismatch", "another `typ`"),
        (signed(Algorithm::Rs256), "200 use", "RSA"),
        (signed(Algorithm::Ps384), "200 use", "RSA-PSS"),
        (signed(Algorithm::EdDsa), "400 invalid_request rejected: alg_not_allowed", "the standard knows no EdDSA"),
        (with(&[("aud", Value::Null)]), "400 invalid_request rejected: aud_missing", "`aud` is required"),
        (with(&[("aud", json!(["https://sts.example", "b"]))]), "400 invalid_request rejected: aud_multiple", "and holds us alone"),
        (with(&[("exp", Value::Null)]), "400 invalid_request rejected: exp_missing", "`exp` is required"),
        (with(&[("sub", json!("spiffe://acme.example/ns/payments/sa/Ledger"))]), "400 invalid_request denied: no_relationship", "another"),
        (with(&[("sub", json!("spiffe://evil.example/ns/payments/sa/ledger"))]), "400 invalid_request rejected: unknown_issuer", "domain"),
        (with(&[("sub", json!("spiffe://acme.example/ns/payments//ledger"))]), "400 invalid_request rejected: iss_missing", "no SPIFFE ID"),
        (with(&[("sub", json!("ledger"))]), "400 invalid_request rejected: iss_missing", "neither `iss` nor SPIFFE ID"),
        (with(&[("sub", Value::Null)]), "400 invalid_request rejected: iss_missing", "nothing at all"),
        (MintRequest { expires_in: Some(3_700), ..world.request() }, "400 invalid_request rejected: lifetime_exceeded", "lives too long"),
        (
            MintRequest { expires_in: Some(3_700), ..with(&[("iat", Value::Null)]) },
            "400 invalid_request rejected: lifetime_exceeded",
            "what is left of its life is bounded where `iat` is not there",
        ),
    ] {
        let token = world.mint(&request);
        assert_eq!(verdict(&world.ask_with(&token, &[]).await), expected, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_issuer_that_iss_names_comes_before_the_trust_domain() {
    let world = mesh().await;
    let token = world.token_with(&[("iss", json!(ISSUER)), ("nbf", Value::Null)]);
    let answer = world.ask_with(&token, &[]).await;
    assert_eq!(verdict(&answer), "200 use");
    assert_eq!(answer.token_part(1)["sub"], "plain:spiffe://acme.example/ns/payments/sa/ledger", "never the workload of the mesh");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_one_issuer_verify_no_token_of_a_trust_domain() {
    let world = mesh().await;
    let other = World::around(world.app.clone(), "spiffe", "https://other.example");
    let answer = world.ask_with(&other.token(), &[]).await;
    assert_eq!(verdict(&answer), "400 invalid_request rejected: key_not_found");
    let answer = world.ask_with(&world.issuer.forge(&world.request()).unwrap(), &[]).await;
    assert_eq!(verdict(&answer), "400 invalid_request rejected: bad_signature");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_whose_keys_do_not_say_that_they_are_for_jwt_svids_verifies_nothing() {
    for (key_use, kid, expected, why) in [
        (json!("jwt-svid"), true, "200 use", "as it must be"),
        (json!("sig"), true, "400 invalid_request rejected: key_not_for_signing", "as OpenID Connect says it"),
        (json!("x509-svid"), true, "400 invalid_request rejected: key_not_for_signing", "of another kind of SVID"),
        (json!("x509-svid"), false, "400 invalid_request rejected: key_not_found", "the usual form of that"),
        (Value::Null, true, "400 invalid_request rejected: key_not_for_signing", "no `use`: the standard wants it ignored"),
        (json!("jwt-svid"), false, "400 invalid_request rejected: key_not_found", "no `kid`: the standard requires it"),
    ] {
        let world = mesh().await;
        let mut bundle = world.issuer.bundle().unwrap();
        for key in bundle["keys"].as_array_mut().unwrap() {
            key["use"] = key_use.clone();
            if !kid {
                key.as_object_mut().unwrap().remove("kid");
            }
        }
        world.app.web.page(BUNDLE, 200, &bundle);
        assert_eq!(verdict(&world.ask(&[]).await), expected, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_svid_is_reusable_unless_its_issuer_says_otherwise() {
    let world = mesh().await;
    let token = world.token();
    for _ in 0..2 {
        assert_eq!(verdict(&world.ask_with(&token, &[]).await), "200 use");
    }
    let once = TRUST.replace("trust_domain", "replay = \"once\"\ntrust_domain");
    world.app.change_trust(&once).await;
    // Another second: without `jti` two tokens of one second are one.
    world.app.clock.advance(cambist::domain::Seconds(1));
    let token = world.token();
    assert_eq!(verdict(&world.ask_with(&token, &[]).await), "200 use");
    assert_eq!(verdict(&world.ask_with(&token, &[]).await), "400 invalid_request rejected: replayed");
    let undated = world.token_with(&[("iat", Value::Null)]);
    assert_eq!(verdict(&world.ask_with(&undated, &[]).await), "400 invalid_request rejected: iat_missing", "what is spent needs `iat`");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_identity_of_a_spent_jwt_svid_does_not_hang_on_its_iss() {
    let world = mesh().await;
    world.app.change_trust(&TRUST.replace("trust_domain", "replay = \"once\"\ntrust_domain")).await;
    let first = world.token_with(&[("jti", json!("same"))]);
    let second = world.token_with(&[("jti", json!("same")), ("iss", json!("https://oidc.acme.example"))]);
    assert_eq!(verdict(&world.ask_with(&first, &[]).await), "200 use");
    assert_eq!(verdict(&world.ask_with(&second, &[]).await), "400 invalid_request rejected: replayed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_spiffe_id_fits_everywhere() {
    let longest = format!("spiffe://acme.example/{}", "a".repeat(2048 - "spiffe://acme.example/".len()));
    let trust =
        TRUST.replace("when = { sub = \"spiffe://acme.example/ns/payments/sa/ledger\" }", &format!("when = {{ sub = \"{longest}\" }}"));
    let world = World::around(TestApp::with_trust(&trust).await.unwrap(), "spiffe", ISSUER);
    world.app.web.page(BUNDLE, 200, &world.issuer.bundle().unwrap());
    let answer = world.ask_with(&world.token_with(&[("sub", json!(longest))]), &[]).await;
    assert_eq!(verdict(&answer), "200 use");
    assert_eq!(answer.token_part(1)["sub"], format!("mesh:{longest}"));
    let longer = world.token_with(&[("sub", json!(format!("{longest}a")))]);
    assert_eq!(verdict(&world.ask_with(&longer, &[]).await), "400 invalid_request rejected: iss_missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_bound_to_its_trust_domain_for_ever() {
    let world = mesh().await;
    assert_eq!(verdict(&world.ask(&[]).await), "200 use");
    world.app.change_trust(&TRUST.replace("acme.example", "acme.test")).await;
    let readyz = world.app.admin("/readyz").await.text;
    assert!(readyz.contains("trust_refused"), "{readyz}");
    assert_eq!(verdict(&world.ask(&[]).await), "200 use", "the trust from before stays in force");
}

/// Client credentials for `ledger`, with this assertion.
async fn authenticate(world: &World, assertion: &str, kind: &str) -> Answer {
    let kind = format!("urn:ietf:params:oauth:client-assertion-type:{kind}");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "ledger"),
        ("client_assertion_type", &*kind),
        ("client_assertion", assertion),
        ("audience", "https://deploy.example.com"),
    ];
    world.app.post(&form).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_authenticates_as_a_client_with_its_jwt_svid() {
    let world = mesh().await;
    let foreign = [("iss", json!(ISSUER)), ("sub", json!("workload-example"))];
    let with_iss = [("iss", json!(ISSUER))];
    for (claims, kind, expected, why) in [
        (&[][..], "jwt-spiffe", "200 use", "a JWT-SVID"),
        (&[], "jwt-bearer", "200 use", "an assertion of a registered issuer, of whatever kind"),
        (
            &with_iss,
            "jwt-spiffe",
            "401 invalid_client rejected: unknown_issuer",
            "by every grant a token is of one issuer, and a registered `iss` says which",
        ),
        (&with_iss, "jwt-bearer", "401 invalid_client denied: no_relationship", "what is not belongs to the issuer that it names"),
        (&foreign, "jwt-spiffe", "401 invalid_client rejected: unknown_issuer", "no JWT-SVID"),
        (&[("sub", json!("spiffe://acme.example/other"))], "jwt-spiffe", "401 invalid_client denied: no_relationship", "another workload"),
        (&[("aud", json!(["https://sts.example", "b"]))], "jwt-spiffe", "401 invalid_client rejected: aud_multiple", "for others too"),
    ] {
        let answer = authenticate(&world, &world.token_with(claims), kind).await;
        assert_eq!(verdict(&answer), expected, "{why}");
        let subject = "mesh:spiffe://acme.example/ns/payments/sa/ledger";
        assert!(answer.status != 200 || answer.token_part(1)["sub"] == subject, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_svid_is_a_grant_too() {
    let world = mesh().await;
    let token = world.token();
    let form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &*token), ("audience", DEPLOY)];
    assert_eq!(verdict(&world.app.post(&form).await), "200 use");
    let other = world.token_with(&[("sub", json!("spiffe://evil.example/x"))]);
    let form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &*other), ("audience", DEPLOY)];
    assert_eq!(verdict(&world.app.post(&form).await), "400 invalid_grant rejected: unknown_issuer");
}
