//! Tokens that are bound to a key: by a DPoP proof (RFC 9449), or by the client's certificate (RFC 8705). The proofs are made by a JOSE
//! library that verifies nothing here.

use axum::body::Body;
use axum::http::Request;
use cambist::domain::{Clock as _, Seconds, Thumbprint, TokenId};
use cambist::exchange::{CLIENT_CREDENTIALS, JWT_BEARER, TOKEN_EXCHANGE};
use cambist::http::ClientCertificate;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jws::{self, ES256, JwsHeader};
use serde_json::{Value, json};

use crate::support::{Answer, DEPLOY, FORM, OWN_ISSUER, TestApp, Trail, World, verdict};

mod certificates;

const URL: &str = "https://sts.example/token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const JWT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The target that wants a proof, and the one that wants a certificate.
const VAULT: &str = "https://vault.example";
const BASEMENT: &str = "https://basement.example";

const TRUST: &str = r#"
[issuer.ci]
preset = "oidc"
url = "https://issuer.example"
owner = "o@example.com"
[target.deploy]
audience = "https://deploy.example.com"
owner = "o@example.com"
scopes = { use = "Use it", mend = "Mend it" }
[target.vault]
audience = "https://vault.example"
owner = "o@example.com"
bind = "dpop"
scopes = { use = "Use it", mend = "Mend it" }
[target.basement]
audience = "https://basement.example"
owner = "o@example.com"
bind = "mtls"
scopes = { use = "Use it" }
[trust.web-shop]
issuer = "ci"
owner = "o@example.com"
purpose = "To have something to bind"
review_by = 2099-12-31
when = { sub = "workload-example" }
grant = [
  { target = "deploy", scopes = ["use", "mend"], narrow = true },
  { target = "vault", scopes = ["use", "mend"], narrow = true },
  { target = "basement", scopes = ["use"] },
]
"#;

const ISSUED: &str = "200 mend use";

/// A client's key.
struct Holder {
    key: Jwk,
}

impl Holder {
    fn new() -> Self {
        let key = Jwk::generate_ec_key(EcCurve::P256).unwrap();
        Trail::secret(key.parameter("d").and_then(Value::as_str).unwrap());
        Self { key }
    }

    /// RFC 7638, written down once more.
    fn thumbprint(&self) -> String {
        let member = |name| self.key.parameter(name).and_then(Value::as_str).unwrap().to_owned();
        let json = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, member("x"), member("y"));
        Thumbprint::of(json.as_bytes()).to_string()
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = JwsHeader::new();
        header.set_token_type("dpop+jwt");
        header.set_jwk(self.key.to_public_key().unwrap());
        let signer = ES256.signer_from_jwk(&self.key).unwrap();
        let proof = jws::serialize_compact(claims.to_string().as_bytes(), &header, &signer).unwrap();
        Trail::token(&proof);
        proof
    }

    /// A good proof of now, never seen before.
    fn proof(&self, world: &World) -> String {
        self.sign(&claims(world))
    }

    fn proof_with(&self, world: &World, name: &str, value: Value) -> String {
        let mut claims = claims(world);
        claims[name] = value;
        self.sign(&claims)
    }
}

fn claims(world: &World) -> Value {
    json!({ "jti": TokenId::random().as_str(), "htm": "POST", "htu": URL, "iat": world.app.clock.now().unix() })
}

async fn world() -> World {
    World::of(TRUST).await
}

/// The same, with a server that asks for nonces.
async fn world_with_nonces() -> World {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("trust")).unwrap();
    std::fs::write(folder.path().join("trust/test.toml"), TRUST).unwrap();
    let settings = format!("issuer = \"{OWN_ISSUER}\"\n[dpop]\nnonce = \"required\"\n");
    std::fs::write(folder.path().join("cambist.toml"), settings).unwrap();
    World::around(TestApp::start_in(folder).await.unwrap(), "oidc", crate::support::ISSUER)
}

type Form<'a> = Vec<(&'a str, &'a str)>;

async fn post(world: &World, proofs: &[&str], form: &Form<'_>) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let headers: Vec<_> = proofs.iter().map(|proof| ("DPoP", *proof)).collect();
    world.post_with(&headers, body).await
}

/// A good exchange of a fresh token with this proof.
async fn exchange(world: &World, proofs: &[&str]) -> Answer {
    post(world, proofs, &TestApp::form(&world.token(), DEPLOY)).await
}

/// The same good request by every grant.
fn grants(token: &str) -> [Form<'_>; 3] {
    [
        vec![("grant_type", TOKEN_EXCHANGE), ("subject_token_type", JWT), ("subject_token", token)],
        vec![("grant_type", JWT_BEARER), ("assertion", token)],
        vec![("grant_type", CLIENT_CREDENTIALS), ("client_assertion_type", JWT_ASSERTION), ("client_assertion", token)],
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_proof_binds_the_token_by_every_grant() {
    let (world, holder) = (world().await, Holder::new());
    for index in 0..3 {
        let tokens = [world.token(), world.token()];
        let ask = |token| {
            let mut form = grants(token)[index].clone();
            form.push(("audience", DEPLOY));
            form
        };
        let bound = post(&world, &[&holder.proof(&world)], &ask(&tokens[0])).await;
        assert_eq!(verdict(&bound), ISSUED);
        assert_eq!(bound.json()["token_type"], "DPoP");
        assert_eq!(bound.token_part(1)["cnf"], json!({ "jkt": holder.thumbprint() }));
        assert_eq!(bound.header("dpop-nonce"), "", "nobody asks for nonces");
        let bearer = post(&world, &[], &ask(&tokens[1])).await;
        assert_eq!((&bearer.json()["token_type"], bearer.token_part(1).get("cnf")), (&json!("Bearer"), None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_proof_is_told_why_and_spends_nothing() {
    let (world, holder) = (world().await, Holder::new());
    let token = world.token();
    let form = TestApp::form(&token, DEPLOY);
    let (good, now) = (holder.proof(&world), world.app.clock.now().unix());
    let joined = format!("{good},{good}");
    let access_token = token.clone();
    for (proofs, reason, why) in [
        (vec![good.clone(), good.clone()], "proof_malformed (two headers)", "two headers"),
        (vec![joined], "proof_malformed", "two in one"),
        (vec![access_token], "proof_typ", "another kind of token"),
        (vec![holder.proof_with(&world, "htm", "GET".into())], "proof_htm", "for another method"),
        (vec![holder.proof_with(&world, "htu", "https://evil.example/token".into())], "proof_htu", "for another server"),
        (vec![holder.proof_with(&world, "iat", (now - 61).into())], "proof_iat", "too old"),
        (vec![holder.proof_with(&world, "iat", (now + 6).into())], "proof_iat", "made tomorrow"),
        (vec![holder.proof_with(&world, "jti", "x".repeat(4_096).into())], "proof_jti", "a jti of 4 KiB"),
        (vec![format!("{}_", &good[..good.len() - 1])], "proof_malformed", "spare bits of the signature"),
        (vec![flipped(&good)], "proof_signature", "tampered with"),
    ] {
        let proofs: Vec<_> = proofs.iter().map(String::as_str).collect();
        let answer = post(&world, &proofs, &form).await;
        assert_eq!(verdict(&answer), format!("400 invalid_dpop_proof rejected: {reason}"), "{why}");
        assert_eq!((answer.header("cache-control"), answer.header("dpop-nonce")), ("no-store", ""), "{why}");
    }
    let recorded = world.recorded(&post(&world, &[&good, &good], &form).await).await;
    assert_eq!((&recorded["outcome"], &recorded["reason"]), (&json!("rejected"), &json!("proof_malformed")));
    assert_eq!(verdict(&post(&world, &[&good], &form).await), ISSUED, "token and proof are as good as before");
}

/// The proof with another bit in the middle of its signature.
fn flipped(proof: &str) -> String {
    let at = proof.len() - 40;
    let other = if &proof[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &proof[..at], &proof[at + 1..])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_url_of_a_proof_is_the_configured_one_and_never_the_host() {
    let (world, holder) = (world().await, Holder::new());
    for (htu, host, good, why) in [
        ("HTTPS://STS.Example:443/token?x=1#y", "evil.example", true, "another spelling of the configured URL"),
        ("https://evil.example/token", "evil.example", false, "the host of the request"),
        ("http://sts.example/token", "sts.example", false, "another scheme"),
    ] {
        let proof = holder.proof_with(&world, "htu", htu.into());
        let answer = world.post_with(&[("DPoP", &proof), ("host", host), ("x-forwarded-host", host)], world.body()).await;
        let expected = if good { ISSUED } else { "400 invalid_dpop_proof rejected: proof_htu" };
        assert_eq!(verdict(&answer), expected, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn below_a_tenant_a_proof_is_about_the_address_that_was_used() {
    let (world, holder) = (world().await, Holder::new());
    let used = "https://sts.example/contoso/oauth2/v2.0/token";
    let refused = "400 invalid_dpop_proof rejected: proof_htu";
    for (segment, htu, host, expected, why) in [
        ("contoso", used, "sts.example", "200 ", "as the metadata of this tenant gives it"),
        ("con%74oso", used, "evil.example", "200 ", "another spelling of the segment, and another host"),
        ("contoso", URL, "sts.example", refused, "the other address of the token endpoint"),
        ("contoso", "https://sts.example/fabrikam/oauth2/v2.0/token", "sts.example", refused, "another tenant"),
        ("contoso", "https://evil.example/contoso/oauth2/v2.0/token", "evil.example", refused, "the host of the request"),
        ("con%20toso", "https://sts.example/con%20toso/oauth2/v2.0/token", "sts.example", refused, "a segment that is no name"),
        ("%2e%2e%2ftoken", URL, "sts.example", refused, "a segment that would be more than one"),
        ("%2e%2e", "https://sts.example/oauth2/v2.0/token", "sts.example", refused, "a segment that is a step up"),
        ("%ff", "https://sts.example/%FF/oauth2/v2.0/token", "sts.example", refused, "a segment that is no text"),
    ] {
        let token = world.token();
        let [_, _, mut form] = grants(&token);
        form.push(("scope", "https://deploy.example.com/.default"));
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(format!("/{segment}/oauth2/v2.0/token")).header(FORM.0, FORM.1).header("host", host);
        let request = request.header("DPoP", holder.proof_with(&world, "htu", htu.into())).body(Body::from(body)).unwrap();
        let answer = world.app.send(request).await;
        assert_eq!(verdict(&answer), expected, "{why}: {}", answer.text);
        if answer.status == 200 {
            assert_eq!(answer.token_part(1)["cnf"]["jkt"], holder.thumbprint(), "{why}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_proof_is_demanded_none_is_refused() {
    let (world, holder) = (world().await, Holder::new());
    let token = world.token();
    for form in grants(&token) {
        let mut form = form.clone();
        form.push(("audience", VAULT));
        assert_eq!(verdict(&post(&world, &[], &form).await), "400 invalid_dpop_proof denied: proof_required", "{form:?}");
    }
    let answer = post(&world, &[&holder.proof(&world)], &TestApp::form(&token, VAULT)).await;
    assert_eq!((verdict(&answer), &answer.json()["token_type"]), (ISSUED.into(), &json!("DPoP")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_good_once() {
    let (world, holder) = (world().await, Holder::new());
    let proof = holder.proof(&world);
    assert_eq!(verdict(&exchange(&world, &[&proof]).await), ISSUED);
    let token = world.token();
    let again = post(&world, &[&proof], &TestApp::form(&token, DEPLOY)).await;
    assert_eq!(verdict(&again), "400 invalid_dpop_proof rejected: proof_replayed", "with another token");
    assert_eq!(verdict(&post(&world, &[&holder.proof(&world)], &TestApp::form(&token, DEPLOY)).await), ISSUED, "which was not spent");

    let jti = json!("the same");
    assert_eq!(verdict(&exchange(&world, &[&holder.proof_with(&world, "jti", jti.clone())]).await), ISSUED);
    let signed_anew = exchange(&world, &[&holder.proof_with(&world, "jti", jti.clone())]).await;
    assert_eq!(verdict(&signed_anew), "400 invalid_dpop_proof rejected: proof_replayed", "the same jti under another signature");
    assert_eq!(verdict(&exchange(&world, &[&Holder::new().proof_with(&world, "jti", jti)]).await), ISSUED, "another key's");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_requests_with_one_proof_one_gets_a_token() {
    let (world, holder) = (world().await, Holder::new());
    let proof = holder.proof(&world);
    let tokens: Vec<_> = (0..16).map(|_| world.token()).collect();
    let requests = tokens.iter().map(|token| {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(TestApp::form(token, DEPLOY)).finish();
        let request = Request::post("/token").header(FORM.0, FORM.1).header("DPoP", &proof).body(Body::from(body)).unwrap();
        let app = world.app.clone();
        tokio::spawn(async move { verdict(&app.send(request).await) })
    });
    let mut verdicts = Vec::new();
    for request in requests.collect::<Vec<_>>() {
        verdicts.push(request.await.unwrap());
    }
    verdicts.sort();
    assert_eq!(verdicts.remove(0), ISSUED);
    assert!(verdicts.iter().all(|verdict| verdict == "400 invalid_dpop_proof rejected: proof_replayed"), "{verdicts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_repeated_to_the_same_key_only() {
    let (world, holder) = (world().await, Holder::new());
    let (token, key) = (world.token(), "an-idempotency-key-of-a-client-01");
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(TestApp::form(&token, DEPLOY)).finish();
    let ask = async |proof: &str| world.post_with(&[("DPoP", proof), ("Idempotency-Key", key)], body.clone()).await;
    let first = ask(&holder.proof(&world)).await;
    assert_eq!(verdict(&first), ISSUED);
    let again = ask(&holder.proof(&world)).await;
    assert_eq!((verdict(&again), again.token_part(1)), (ISSUED.into(), first.token_part(1)), "a new proof of the same key");
    let thief = ask(&Holder::new().proof(&world)).await;
    assert_eq!(verdict(&thief), "400 invalid_request rejected: replayed", "whoever knows the secret, and not the key");
    assert_eq!(verdict(&world.post_with(&[("Idempotency-Key", key)], body.clone()).await), "400 invalid_request rejected: replayed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_is_exchanged_by_its_holder_only() {
    let (world, holder, thief) = (world().await, Holder::new(), Holder::new());
    let token = world.token_with(&[("cnf", json!({ "jkt": holder.thumbprint() }))]);
    for index in 0..3 {
        let mut form = grants(&token)[index].clone();
        form.push(("audience", DEPLOY));
        let code = ["invalid_request", "invalid_grant", "invalid_client"][index];
        let status = if index == 2 { 401 } else { 400 };
        assert_eq!(verdict(&post(&world, &[], &form).await), format!("{status} {code} rejected: pop_required"), "no proof");
        let stolen = post(&world, &[&thief.proof(&world)], &form).await;
        assert_eq!(verdict(&stolen), "400 invalid_dpop_proof rejected: pop_mismatch", "never bound anew");
    }
    let answer = post(&world, &[&holder.proof(&world)], &TestApp::form(&token, DEPLOY)).await;
    assert_eq!((verdict(&answer), &answer.token_part(1)["cnf"]), (ISSUED.into(), &json!({ "jkt": holder.thumbprint() })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_of_ours_is_narrowed_by_its_holder_only() {
    let (world, holder, thief) = (world().await, Holder::new(), Holder::new());
    let own = exchange(&world, &[&holder.proof(&world)]).await.token().unwrap();
    let form = vec![
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("subject_token", &own),
        ("scope", "use"),
    ];
    assert_eq!(verdict(&post(&world, &[], &form).await), "400 invalid_request rejected: pop_required");
    let stolen = post(&world, &[&thief.proof(&world)], &form).await;
    assert_eq!(verdict(&stolen), "400 invalid_dpop_proof rejected: pop_mismatch");
    let narrowed = post(&world, &[&holder.proof(&world)], &form).await;
    assert_eq!((verdict(&narrowed), &narrowed.json()["token_type"]), ("200 use".into(), &json!("DPoP")));
    assert_eq!(narrowed.token_part(1)["cnf"], json!({ "jkt": holder.thumbprint() }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_makes_the_round_trip() {
    let (world, holder) = (world_with_nonces().await, Holder::new());
    let token = world.token();
    let form = TestApp::form(&token, DEPLOY);
    let challenge = post(&world, &[&holder.proof(&world)], &form).await;
    assert_eq!(verdict(&challenge), "400 use_dpop_nonce rejected: proof_nonce");
    assert_eq!(challenge.header("cache-control"), "no-store");
    assert_eq!(challenge.headers.get_all("dpop-nonce").iter().count(), 1);
    let nonce = json!(challenge.header("dpop-nonce"));
    assert!(nonce.as_str().unwrap().len() >= 22, "128 bits");

    let answer = post(&world, &[&holder.proof_with(&world, "nonce", nonce.clone())], &form).await;
    assert_eq!(verdict(&answer), ISSUED, "the token was not spent before");
    assert_eq!(answer.headers.get_all("dpop-nonce").iter().count(), 1, "for the next request");

    world.app.clock.advance(Seconds(60));
    let near_rollover = exchange(&world, &[&holder.proof_with(&world, "nonce", nonce.clone())]).await;
    assert_eq!(verdict(&near_rollover), ISSUED, "the one before is still good");
    assert_ne!(near_rollover.header("dpop-nonce"), nonce, "and a new one is there");
    world.app.clock.advance(Seconds(60));
    let stale = exchange(&world, &[&holder.proof_with(&world, "nonce", nonce)]).await;
    assert_eq!(verdict(&stale), "400 use_dpop_nonce rejected: proof_nonce");
    let next = json!(stale.header("dpop-nonce"));
    assert_eq!(verdict(&exchange(&world, &[&holder.proof_with(&world, "nonce", next)]).await), ISSUED);

    let bearer = exchange(&world, &[]).await;
    assert_eq!((verdict(&bearer), bearer.header("dpop-nonce")), (ISSUED.into(), ""), "who sends no proof needs no nonce");
    let missing = post(&world, &[], &TestApp::form(&world.token(), VAULT)).await;
    assert_eq!(verdict(&missing), "400 invalid_dpop_proof denied: proof_required");
    assert!(!missing.header("dpop-nonce").is_empty(), "who will come back with a proof can bring the nonce");
}
