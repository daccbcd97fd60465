//! Callers whose access token is bound to a key (RFC 9449 section 7).

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cambist::domain::{Digest256, Thumbprint, TokenId};
use cambist::http::ClientCertificate;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jws::{self, ES256, JwsHeader};
use serde_json::{Value, json};

use super::{Bench, refusal};
use crate::support::{Answer, DEPLOY, FORM, NOW, OWN_ISSUER, TestApp};

/// A key, and proofs of it.
struct Holder(Jwk);

impl Holder {
    fn new() -> Self {
        Self(Jwk::generate_ec_key(EcCurve::P256).unwrap())
    }

    /// A proof for this path of ours, and for this access token.
    fn proof(&self, path: &str, token: Option<&str>, nonce: Option<&str>) -> String {
        let mut claims = json!({ "jti": TokenId::random().as_str(), "htm": "POST", "htu": format!("{OWN_ISSUER}{path}"), "iat": NOW });
        if let Some(token) = token {
            claims["ath"] = URL_SAFE_NO_PAD.encode(Digest256::of(token.as_bytes()).as_bytes()).into();
        }
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        let mut header = JwsHeader::new();
        header.set_token_type("dpop+jwt");
        header.set_claim("jwk", Some(serde_json::to_value(self.0.to_public_key().unwrap()).unwrap())).unwrap();
        jws::serialize_compact(claims.to_string().as_bytes(), &header, &ES256.signer_from_jwk(&self.0).unwrap()).unwrap()
    }

    /// An access token for us that is bound to this key.
    async fn token(&self, bench: &Bench, nonce: Option<&str>) -> String {
        let subject = bench.world.token_with(&[("sub", "inspector".into())]);
        let form = [
            ("grant_type", cambist::exchange::TOKEN_EXCHANGE),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
            ("subject_token", &*subject),
            ("audience", OWN_ISSUER),
            ("scope", "introspect"),
        ];
        let proof = self.proof("/token", None, nonce);
        let answer = bench.post("/token", &[("dpop", &proof)], &form).await;
        answer.token().unwrap_or_else(|| panic!("{}", answer.text))
    }
}

async fn ask(bench: &Bench, scheme: &str, bearer: &str, proof: Option<&str>, token: &str) -> Answer {
    let authorization = format!("{scheme} {bearer}");
    let headers: Vec<_> = [("authorization", &*authorization)].into_iter().chain(proof.map(|proof| ("dpop", proof))).collect();
    bench.post("/introspect", &headers, &[("token", token)]).await
}

const INVALID_PROOF: &str =
    "DPoP realm=\"cambist\", error=\"invalid_dpop_proof\", algs=\"ES256 ES384 EdDSA PS256 PS384 PS512 RS256 RS384 RS512 Ed25519\"";
const ALGORITHMS: &str = "algs=\"ES256 ES384 EdDSA PS256 PS384 PS512 RS256 RS384 RS512 Ed25519\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_access_token_comes_with_a_proof_for_this_very_request() {
    let bench = Bench::new().await;
    let (holder, stranger) = (Holder::new(), Holder::new());
    let (bound, plain, token) = (holder.token(&bench, None).await, bench.bearer("introspect").await, bench.token().await);
    let good = |holder: &Holder| holder.proof("/introspect", Some(&bound), None);
    let bad_proof = |reason: &str| format!("401 invalid_dpop_proof rejected: {reason} | {INVALID_PROOF}");
    let bad_token =
        |reason: &str| format!("401 invalid_token rejected: {reason} | DPoP realm=\"cambist\", error=\"invalid_token\", {ALGORITHMS}");
    let no_bearer_token = format!(
        "401 invalid_token rejected: pop_required | Bearer realm=\"cambist\", error=\"invalid_token\", DPoP realm=\"cambist\", {ALGORITHMS}"
    );
    for (scheme, bearer, proof, expected, why) in [
        ("DPoP", &bound, Some(good(&holder)), String::new(), "as it must be"),
        ("dpop", &bound, Some(good(&holder)), String::new(), "schemes ignore case"),
        ("Bearer", &bound, None, no_bearer_token.clone(), "as though it were not bound"),
        ("Bearer", &bound, Some(good(&holder)), no_bearer_token, "by the wrong scheme"),
        ("DPoP", &bound, None, format!("401 invalid_dpop_proof denied: proof_required | {INVALID_PROOF}"), "no proof"),
        ("DPoP", &bound, Some(good(&stranger)), bad_token("pop_mismatch"), "another's proof"),
        ("DPoP", &bound, Some(holder.proof("/token", Some(&bound), None)), bad_proof("proof_htu"), "for another endpoint"),
        ("DPoP", &bound, Some(holder.proof("/introspect", Some(&plain), None)), bad_proof("proof_ath"), "for another token"),
        ("DPoP", &bound, Some(holder.proof("/introspect", None, None)), bad_proof("proof_ath"), "for no token"),
        ("DPoP", &bound, Some("garbage".into()), bad_proof("proof_malformed"), "no proof at all"),
        ("DPoP", &plain, Some(holder.proof("/introspect", Some(&plain), None)), bad_token("pop_mismatch"), "a token that is not bound"),
    ] {
        let answer = ask(&bench, scheme, bearer, proof.as_deref(), &token).await;
        if expected.is_empty() {
            assert_eq!(answer.json()["active"], true, "{why}: {}", answer.text);
        } else {
            assert_eq!(refusal(&answer), expected, "{why}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_good_for_one_question() {
    let bench = Bench::new().await;
    let holder = Holder::new();
    let (bound, token) = (holder.token(&bench, None).await, bench.token().await);
    let proof = holder.proof("/introspect", Some(&bound), None);
    assert_eq!(ask(&bench, "DPoP", &bound, Some(&proof), &token).await.json()["active"], true);
    let again = ask(&bench, "DPoP", &bound, Some(&proof), &token).await;
    assert_eq!(refusal(&again), format!("401 invalid_dpop_proof rejected: proof_replayed | {INVALID_PROOF}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_holds_a_nonce_where_nonces_are_required() {
    let bench = Bench::with("[dpop]\nnonce = \"required\"").await;
    let holder = Holder::new();
    let nonce = nonce_of_the_token_endpoint(&bench, &holder).await;
    let (bound, token) = (holder.token(&bench, Some(&nonce)).await, bench.token().await);
    let asked = ask(&bench, "DPoP", &bound, Some(&holder.proof("/introspect", Some(&bound), None)), &token).await;
    let expected = format!("401 use_dpop_nonce rejected: proof_nonce | DPoP realm=\"cambist\", error=\"use_dpop_nonce\", {ALGORITHMS}");
    assert_eq!(refusal(&asked), expected);
    let nonce = asked.header("dpop-nonce");
    let answer = ask(&bench, "DPoP", &bound, Some(&holder.proof("/introspect", Some(&bound), Some(nonce))), &token).await;
    assert_eq!(answer.json()["active"], true, "{}", answer.text);
}

async fn nonce_of_the_token_endpoint(bench: &Bench, holder: &Holder) -> String {
    let subject = bench.world.token();
    let form = [
        ("grant_type", cambist::exchange::TOKEN_EXCHANGE),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ("subject_token", &*subject),
        ("audience", OWN_ISSUER),
    ];
    bench.post("/token", &[("dpop", &holder.proof("/token", None, None))], &form).await.header("dpop-nonce").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_is_explained_with_its_key() {
    let bench = Bench::new().await;
    let holder = Holder::new();
    let subject = bench.world.token();
    let form = [
        ("grant_type", cambist::exchange::TOKEN_EXCHANGE),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ("subject_token", &*subject),
        ("audience", crate::support::DEPLOY),
    ];
    let issued = bench.post("/token", &[("dpop", &holder.proof("/token", None, None))], &form).await;
    let told: Value = bench.ask(&bench.bearer("introspect").await, &issued.token().unwrap()).await.json();
    assert_eq!((&told["active"], &told["token_type"]), (&json!(true), &json!("DPoP")), "an inspector needs no proof of it");
    assert_eq!(told["cnf"], issued.token_part(1)["cnf"]);
    assert!(told["cnf"]["jkt"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_bound_to_a_certificate_is_explained_with_it() {
    let bench = Bench::new().await;
    let cnf = json!({ "x5t#S256": Thumbprint::of(b"certificate") });
    let subject = bench.world.token_with(&[("cnf", cnf.clone())]);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(TestApp::form(&subject, DEPLOY)).finish();
    let mut request = Request::post("/token").header(FORM.0, FORM.1).body(Body::from(body)).unwrap();
    request.extensions_mut().insert(ClientCertificate(Thumbprint::of(b"certificate")));
    let issued = bench.world.app.send(request).await;
    let told: Value = bench.ask(&bench.bearer("introspect").await, &issued.token().unwrap()).await.json();
    assert_eq!((&told["active"], &told["token_type"], &told["cnf"]), (&json!(true), &json!("Bearer"), &cnf));
}
