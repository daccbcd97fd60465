//! What a request may ask, and what becomes of one that asks anything else (RFC 8693 section 2.1).

use crate::support::{DEPLOY, verdict};

use super::world;

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const UNKNOWN_TYPE: &str = "400 invalid_request malformed: token_type";

#[tokio::test(flavor = "multi_thread")]
async fn only_the_exact_grant_type_is_known() {
    let world = world().await;
    for (grant, why) in [
        ("urn:ietf:params:oauth:grant-type:token-exchange ", "a trailing space"),
        ("URN:IETF:PARAMS:OAUTH:GRANT-TYPE:TOKEN-EXCHANGE", "another case"),
        ("urn:ietf:params:oauth:grant-type:saml2-bearer", "a grant of other tokens"),
        ("refresh_token", "a grant of tokens that are never issued"),
        ("password", "a grant that nobody should use"),
    ] {
        let answer = world.ask(&[("grant_type", grant)]).await;
        assert_eq!(verdict(&answer), "400 unsupported_grant_type malformed: grant_type_unsupported", "{why}");
    }
    assert_eq!(verdict(&world.ask_without("grant_type", &[]).await), "400 invalid_request malformed: grant_type_missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_parameter_is_named() {
    let world = world().await;
    for name in ["subject_token", "subject_token_type"] {
        let expected = format!("400 invalid_request malformed: parameter_missing ({name})");
        assert_eq!(verdict(&world.ask_without(name, &[]).await), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_is_refused_and_never_ignored() {
    let world = world().await;
    let actor = world.token();
    let actor = actor.as_str();
    for (form, reason, why) in [
        (vec![("actor_token", actor)], "parameter_missing (actor_token_type)", "without its type"),
        (vec![("actor_token_type", JWT)], "parameter_missing (actor_token)", "a type of nothing"),
        (vec![("actor_token", actor), ("actor_token_type", JWT)], "actor_unused", "nobody asks for one"),
        (vec![("actor_token", actor), ("actor_token_type", ACCESS_TOKEN)], "token_type", "no actor is named by a token of ours"),
        (vec![("actor_token", ""), ("actor_token_type", JWT)], "parameter_missing (actor_token)", "an empty token is none"),
        (vec![("assertion", actor)], "parameter_unsupported (assertion)", "what another grant presents"),
    ] {
        assert_eq!(verdict(&world.ask(&form).await), format!("400 invalid_request malformed: {reason}"), "{why}");
    }
    assert_eq!(verdict(&world.ask(&[("actor_token", "")]).await), "200 deploy:web status:read", "an empty one is not sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_type_of_authorization_details_is_known_here() {
    let world = world().await;
    let expected = "400 invalid_authorization_details malformed: parameter_unsupported (authorization_details)";
    for details in ["{}", "[1]", "no JSON", r#"[{"type":"deployment"}]"#, r#"[{"type":"a","type":"b"}]"#, "[]"] {
        assert_eq!(verdict(&world.ask(&[("authorization_details", details)]).await), expected, "{details}");
    }
    assert_eq!(verdict(&world.ask(&[("authorization_details", "")]).await), "200 deploy:web status:read", "an empty one is not sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_declared_type_says_how_a_token_is_read() {
    let world = world().await;
    for (declared, expected, why) in [
        (JWT, "200 deploy:web status:read", "what it is"),
        (ID_TOKEN, "200 deploy:web status:read", "what clouds' libraries call it"),
        (ACCESS_TOKEN, "400 invalid_request rejected: unknown_issuer", "that would be a token of this server"),
        ("urn:ietf:params:oauth:token-type:refresh_token", UNKNOWN_TYPE, "so would that, and there are none"),
        ("urn:ietf:params:oauth:token-type:JWT", UNKNOWN_TYPE, "identifiers are compared exactly"),
        ("urn:ietf:params:oauth:token-type:saml2", UNKNOWN_TYPE, "not spoken here"),
        ("jwt", UNKNOWN_TYPE, "no identifier"),
    ] {
        assert_eq!(verdict(&world.ask(&[("subject_token_type", declared)]).await), expected, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_can_be_requested_as_such_or_as_a_jwt() {
    let world = world().await;
    for requested in ["", ACCESS_TOKEN] {
        let answer = world.ask(&[("requested_token_type", requested)]).await;
        assert_eq!(answer.json()["issued_token_type"], ACCESS_TOKEN, "{requested:?}: the answer says what was issued");
    }
    let jwt = world.ask(&[("requested_token_type", JWT)]).await.json();
    assert_eq!((&jwt["issued_token_type"], &jwt["token_type"]), (&JWT.into(), &"Bearer".into()), "our access tokens are JWTs");
    let unknown = world.ask(&[("requested_token_type", "urn:ietf:params:oauth:token-type:saml2")]).await;
    assert_eq!(verdict(&unknown), "400 invalid_request malformed: requested_token_type", "not spoken here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_is_an_absolute_uri_without_a_fragment() {
    let world = world().await;
    for (resource, expected, why) in [
        (DEPLOY, "200 deploy:web status:read", "the audience of a target"),
        ("https://r.example/?t=1", "200 use", "a query is part of it"),
        ("https://r.example/", "400 invalid_target denied: target", "and its absence is another resource"),
        ("https://deploy.example.com/", "400 invalid_target denied: target", "byte for byte"),
        ("HTTPS://deploy.example.com", "400 invalid_target denied: target", "nothing is normalised"),
        ("/x", "400 invalid_target malformed: target_syntax", "relative"),
        ("deploy.example.com", "400 invalid_target malformed: target_syntax", "no scheme"),
        ("https://deploy.example.com#f", "400 invalid_target malformed: target_syntax", "a fragment"),
        ("https://deploy.example.com#", "400 invalid_target malformed: target_syntax", "an empty fragment is one"),
        ("urn:a%20b+c", "400 invalid_target denied: target", "what RFC 3986 allows, for which there is no target"),
        ("https://[2001:db8::1]/x?a=b", "400 invalid_target denied: target", "an address in brackets"),
        ("urn:a b+c", "400 invalid_target malformed: target_syntax", "a space"),
        (" https://deploy.example.com", "400 invalid_target malformed: target_syntax", "a space that a URL parser takes away"),
        ("https://deploy.example.com\\x", "400 invalid_target malformed: target_syntax", "a backslash"),
        ("urn:a<b>", "400 invalid_target malformed: target_syntax", "angle brackets"),
        ("urn:a[b]", "400 invalid_target malformed: target_syntax", "brackets without an address"),
        ("urn:caf\u{e9}", "400 invalid_target malformed: target_syntax", "not ASCII"),
        ("urn:a%2", "400 invalid_target malformed: target_syntax", "half an escape"),
        ("urn:a%zz", "400 invalid_target malformed: target_syntax", "no escape"),
    ] {
        assert_eq!(verdict(&world.ask_without("audience", &[("resource", resource)]).await), expected, "{why}: {resource}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_targets_are_no_repetition() {
    let world = world().await;
    let (a, b) = (("audience", DEPLOY), ("audience", "café au lait"));
    let (r, s) = (("resource", DEPLOY), ("resource", "https://r.example/?t=1"));
    let (granted, several) = ("200 deploy:web status:read", "400 invalid_target malformed: several_targets");
    for (form, expected, why) in [
        (&[a, a][..], granted, "one target, twice"),
        (&[a, r], granted, "one target, by both names"),
        (&[a, b], several, "two audiences"),
        (&[a, s], several, "an audience and another resource"),
        (&[r, s], several, "two resources"),
    ] {
        assert_eq!(verdict(&world.ask(form).await), expected, "{why}");
    }
    let both = world.ask(&[r, s, ("scope", "use")]).await;
    assert_eq!(verdict(&both), several, "never a token for one of them in silence");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_is_granted_whole_or_not_at_all() {
    let world = world().await;
    for (scope, expected, why) in [
        ("deploy:web", "200 deploy:web", "a part of the grant"),
        ("status:read deploy:web", "200 deploy:web status:read", "all of it, in any order"),
        ("Deploy:web", "400 invalid_scope denied: scope", "case counts"),
        ("deploy:web deploy:all", "400 invalid_scope denied: scope", "never a part of what was asked"),
        ("deploy:web unheard-of", "400 invalid_scope denied: scope", "nor dropped because nobody knows it"),
        ("use", "400 invalid_scope denied: scope", "a scope of another target"),
    ] {
        assert_eq!(verdict(&world.ask(&[("scope", scope)]).await), expected, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_follows_the_grammar() {
    let world = world().await;
    for scope in ["deploy\"web", "deploy\\web", " deploy:web", "deploy:web ", "deploy:web  status:read", "déploie", "deploy:web\u{7f}"] {
        let expected = if scope.contains('\u{7f}') { "form_syntax (control character)" } else { "scope_syntax" };
        let answer = world.ask(&[("scope", scope)]).await;
        assert_eq!(answer.reason(), format!("malformed: {expected}"), "{scope:?}");
        assert_eq!(answer.json()["error"] == "invalid_scope", expected == "scope_syntax", "{scope:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_scope_the_whole_grant_is_given_and_named() {
    let world = world().await;
    for scope in [&[][..], &[("scope", "")]] {
        let answer = world.ask(scope).await;
        assert_eq!(answer.json()["scope"], "deploy:web status:read");
        assert_eq!(answer.token_part(1)["scope"], "deploy:web status:read");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lifetime_is_a_positive_number_of_seconds() {
    let world = world().await;
    for lifetime in ["0", "-1", "+60", "1.5", "1e3", "10m", " 60", "sixty", "0x10"] {
        let answer = world.ask(&[("lifetime", lifetime)]).await;
        assert_eq!(verdict(&answer), "400 invalid_request malformed: lifetime_syntax", "{lifetime:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reusable_token_stays_valid_after_its_exchange() {
    let world = world().await;
    let token = world.token();
    let (first, second) = (world.ask_with(&token, &[]).await, world.ask_with(&token, &[]).await);
    assert_ne!(first.token_part(1)["jti"], second.token_part(1)["jti"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unverified_caller_cannot_probe_for_targets() {
    let world = world().await;
    let forged = world.issuer.forge(&world.request()).unwrap();
    for token in ["garbage", forged.as_str()] {
        let mut answers = Vec::new();
        for audience in [DEPLOY, "https://unreachable.example", "https://nowhere.example"] {
            answers.push(world.ask_with(token, &[("audience", audience)]).await.transcript());
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "granted, forbidden and unknown look alike: {answers:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_target_is_told_like_a_forbidden_one() {
    let world = world().await;
    let forbidden = world.ask(&[("audience", "https://unreachable.example")]).await;
    let unknown = world.ask(&[("audience", "https://nowhere.example")]).await;
    assert_eq!(verdict(&forbidden), "400 invalid_target denied: target");
    assert_eq!(forbidden.transcript(), unknown.transcript());
}
