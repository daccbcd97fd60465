//! The token cases: one good token, and everything that can be wrong with it, each through the whole application.

mod forge;
mod wire;

use std::fmt::Write as _;

use cambist::exchange::JWT_BEARER;
use serde_json::{Value, json};

use crate::support::{Answer, ISSUER, OWN_ISSUER, TestApp, Trail};

/// The subject of the baseline as a SPIFFE ID, for the cases that are about JWT-SVIDs.
const SPIFFE_ID: &str = "spiffe://issuer.example/repo/acme/app";

/// Where our reason has another word than the case.
const OUR_WORDS: &[(&str, &[&str])] = &[
    ("b64_unsupported", &["b64_unsupported", "crit_unsupported"]),
    ("claim_invalid", &["act_invalid"]),
    ("depth_limit", &["too_complex"]),
    ("encoding", &["malformed_json"]),
    ("exp_invalid", &["exp_invalid", "malformed_json"]),
    ("iss_unknown", &["unknown_issuer"]),
    ("malformed_token", &["malformed_token", "forbidden_header", "parameter_missing", "form_syntax"]),
    ("nested_or_encrypted", &["encrypted_token", "alg_not_allowed"]),
    ("policy_mismatch", &["condition_failed", "no_relationship"]),
    ("size_limit", &["too_large", "body_too_large"]),
    ("tenant_mismatch", &["condition_failed", "no_relationship"]),
    // Header parameters that name keys are refused whatever else is wrong with the token.
    ("bad_signature", &["bad_signature", "forbidden_header"]),
    ("key_not_found", &["key_not_found", "forbidden_header"]),
    ("alg_key_mismatch", &["alg_key_mismatch", "key_unsupported"]),
];

fn data() -> Value {
    serde_json::from_str(include_str!("../data/jwt_cases.json")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_ends_as_it_must() {
    let data = data();
    let cases = data["cases"].as_array().unwrap();
    let mut failures = String::new();
    let mut run = 0;
    for case in cases {
        let id = case["id"].as_str().unwrap();
        run += 1;
        let played = if is_about_svids(&data["baseline"], case) { as_svid(&data["baseline"], case) } else { data["baseline"].clone() };
        if let Err(failure) = play(&played, case).await {
            let _ = writeln!(failures, "{id}: {failure}");
        }
    }
    assert!(failures.is_empty(), "of {run} cases, these failed:\n{failures}");
}

/// Whether the case has an issuer that is no OpenID Connect issuer: its keys say that they are for JWT-SVIDs, or its tokens need no `iss`.
fn is_about_svids(baseline: &Value, case: &Value) -> bool {
    let profile = profile(baseline, &case["mutation"]);
    profile["jwk_use_required"] == "jwt-svid" || !profile["require"].as_array().unwrap().contains(&json!("iss"))
}

/// The baseline of such a case: the same token by a SPIFFE trust domain, which publishes the same keys as its bundle.
fn as_svid(baseline: &Value, case: &Value) -> Value {
    let mut svid = baseline.clone();
    svid["claims"]["sub"] = json!(SPIFFE_ID);
    svid["issuer_profile"]["policy"]["sub"] = json!(SPIFFE_ID);
    svid["issuer_profile"]["jwk_use_required"] = json!("jwt-svid");
    svid["issuer_profile"]["algs"] = json!(["ES256", "RS256"]);
    for key in svid["jwks"].as_array_mut().unwrap() {
        key["use"] = json!("jwt-svid");
    }
    assert!(case["mutation"]["claims_set"].is_null(), "the claims of such a case are those of the baseline");
    svid
}

async fn play(baseline: &Value, case: &Value) -> Result<(), String> {
    let mutation = &case["mutation"];
    let accept = case["expected"] == "accept";
    let profile = profile(baseline, mutation);
    let trust = match TestApp::with_trust(&trust_file(&profile)).await {
        Ok(app) => app,
        // An algorithm that must never be allowed is refused before any token is.
        Err(refused) if !accept => return if refused.contains("HS256") { Ok(()) } else { Err(refused) },
        Err(refused) => return Err(refused),
    };
    let keys = forge::key_set(baseline, mutation);
    publish(&trust, baseline, mutation, &keys).await;
    trust.warm().await;
    let warmed = trust.web.fetched().len();
    present_before(&trust, baseline, mutation).await?;

    let token = forge::token(baseline, mutation);
    Trail::token(&token);
    if let Some(count) = mutation["concurrent"].as_u64() {
        return concurrently(&trust, &token, count).await;
    }
    if !accept {
        // A refusal spends nothing, so the same token can be refused twice: by the other grant in its own words (RFC 7523 section 3.1).
        let form = [("grant_type", JWT_BEARER), ("assertion", &*token), ("audience", &audience("A"))];
        check(&trust.post(&form).await, case, "invalid_grant")?;
    }
    let answer = trust.exchange(&token, &audience("A")).await;
    check(&answer, case, "invalid_request")?;
    let fetched = trust.web.fetched().split_off(warmed);
    if accept || fetched.iter().all(|url| url.starts_with(ISSUER)) { Ok(()) } else { Err(format!("it made us fetch {fetched:?}")) }
}

/// Publishes the keys. A case about rotation first lets the server see the set without the new key.
async fn publish(app: &TestApp, baseline: &Value, mutation: &Value, keys: &Value) {
    let without = mutation["jwks"]["cached_without"].as_array();
    if let Some(without) = without {
        let cached = keys["keys"].as_array().unwrap().iter().filter(|key| !without.contains(&key["kid"])).cloned();
        app.web.publish(ISSUER, &json!({ "keys": cached.collect::<Vec<_>>() }));
        let other_key = json!({ "header_set": { "alg": "RS256", "kid": "rs-1" }, "sign": { "key": "rs1", "real_alg": "RS256" } });
        app.exchange(&forge::token(baseline, &other_key), &audience("A")).await;
    }
    app.web.publish(ISSUER, keys);
    let other = json!({ "jwks": baseline["other_issuer"]["jwks"] });
    app.web.publish("https://other-issuer.example", &forge::key_set(&other, &Value::Null));
}

async fn present_before(app: &TestApp, baseline: &Value, mutation: &Value) -> Result<(), String> {
    for prior in mutation["prior"].as_array().into_iter().flatten() {
        let mut earlier = mutation.clone();
        earlier.as_object_mut().unwrap().remove("wire");
        if let Some(claims) = prior["claims_set"].as_object() {
            earlier["claims_set"] = json!(claims);
        }
        let target = prior["target"].as_str().unwrap_or("A");
        // Signed anew: the same signing input under another signature, as a twin would have.
        let token = forge::token(baseline, &earlier);
        let answer = app.exchange(&token, &audience(target)).await;
        if answer.token().is_none() {
            return Err(format!("the earlier presentation was refused: {}", answer.reason()));
        }
    }
    Ok(())
}

async fn concurrently(app: &TestApp, token: &str, count: u64) -> Result<(), String> {
    let audience = audience("A");
    let mut tasks = Vec::new();
    for _ in 0..count {
        let (app, token, audience) = (app.clone(), token.to_owned(), audience.clone());
        tasks.push(tokio::spawn(async move { app.exchange(&token, &audience).await.token().is_some() }));
    }
    let mut issued = 0;
    for task in tasks {
        issued += u64::from(task.await.unwrap());
    }
    if issued == 1 { Ok(()) } else { Err(format!("{issued} of {count} presentations got a token")) }
}

fn check(answer: &Answer, case: &Value, error: &str) -> Result<(), String> {
    let (status, issued) = (answer.status.as_u16(), answer.token().is_some());
    if case["expected"] == "accept" {
        return if status == 200 && issued { Ok(()) } else { Err(format!("refused with {status} {}", answer.reason())) };
    }
    let expected = case["reason"].as_str().unwrap();
    let refused = status == 400 || (status == 413 && expected == "size_limit");
    if issued || !refused || answer.json()["error"] != if token_missing(answer) { "invalid_request" } else { error } {
        return Err(format!("{status} {}", answer.text));
    }
    let ours = OUR_WORDS.iter().find(|(theirs, _)| *theirs == expected).map_or(std::slice::from_ref(&expected), |(_, ours)| ours);
    let reason = answer.reason();
    let word = reason.split(": ").nth(1).unwrap_or_default().split(' ').next().unwrap_or_default();
    if ours.contains(&word) { Ok(()) } else { Err(format!("expected {ours:?}, got {reason}")) }
}

/// Whether there was no token to be refused: that is a malformed request by every grant.
fn token_missing(answer: &Answer) -> bool {
    answer.reason().starts_with("malformed: ")
}

fn audience(target: &str) -> String {
    format!("https://{}.example", target.to_lowercase())
}

/// The issuer profile of a case.
fn profile(baseline: &Value, mutation: &Value) -> Value {
    let mut profile = baseline["issuer_profile"].clone();
    for (name, value) in mutation["profile"].as_object().into_iter().flatten() {
        profile[name] = value.clone();
    }
    profile
}

/// The profile as a trust file.
fn trust_file(profile: &Value) -> String {
    let requires_iat = profile["require"].as_array().unwrap().contains(&json!("iat"));
    let replay = match profile["replay"].as_str().unwrap() {
        "off" => "reusable",
        "once" => "once",
        "once_per_target" => "once-per-target",
        other => panic!("no such mode: {other}"),
    };
    let max_age = if requires_iat { format!("token_max_age = \"{}s\"", profile["max_age_s"]) } else { String::new() };
    let mut when = String::new();
    for (name, value) in profile["policy"].as_object().unwrap() {
        let _ = writeln!(when, "{name} = {value}");
    }
    if let Some(tenant) = profile["tenant_claim"].as_object() {
        let _ = writeln!(when, "{} = {}", tenant["name"].as_str().unwrap(), tenant["value"]);
    }
    format!(
        r#"
        [issuer.case]
        {identity}
        owner = "o@example.com"
        audiences = ["{OWN_ISSUER}"]
        algorithms = {algorithms}
        replay = "{replay}"
        extra_audiences = {extra}
        token_max_lifetime = "{lifetime}s"
        {max_age}
        [issuer.other]
        preset = "oidc"
        url = "https://other-issuer.example"
        owner = "o@example.com"
        [target.a]
        audience = "https://a.example"
        owner = "o@example.com"
        scopes = {{ use = "Use it" }}
        [target.b]
        audience = "https://b.example"
        owner = "o@example.com"
        scopes = {{ use = "Use it" }}
        [trust.case]
        issuer = "case"
        owner = "o@example.com"
        purpose = "To see what becomes of a token"
        review_by = 2099-12-31
        grant = [{{ target = "a", scopes = ["use"] }}, {{ target = "b", scopes = ["use"] }}]
        [trust.case.when]
        {when}
        "#,
        identity = if profile["jwk_use_required"] == "jwt-svid" {
            format!("preset = \"spiffe\"\ntrust_domain = \"issuer.example\"\nbundle_endpoint = \"{ISSUER}/jwks\"")
        } else {
            format!("preset = \"oidc\"\nurl = \"{ISSUER}\"")
        },
        algorithms = profile["algs"],
        extra = profile["allow_multiple_audiences"],
        lifetime = profile["max_lifetime_s"],
    )
}
