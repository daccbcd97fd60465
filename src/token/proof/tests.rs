use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA384, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::{Digest256, Thumbprint, Timestamp};

const URL: &str = "https://sts.example/token";
const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

/// Figure 2 of RFC 9449 §4.2.
const FIGURE_2: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
/// Figure 12 of RFC 9449 §7.1, with the access token that it is for.
const FIGURE_12: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
const FIGURE_12_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
const FIGURE_KEY: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

fn expected(url: &str) -> ProofExpectations<'_> {
    ProofExpectations { method: "POST", url, access_token: None, nonce: NonceRule::NotAsked }
}

fn check(proof: &str) -> Result<VerifiedProof, RejectedProof> {
    verify_proof(&ProofText::new(proof.to_owned()), &expected(URL), NOW)
}

/// A key of a client.
struct Holder {
    key: EcdsaKeyPair,
}

impl Holder {
    fn new() -> Self {
        Self { key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap() }
    }

    fn jwk(&self) -> Value {
        let point = self.key.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..])})
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    fn sign_text(&self, header: &str, claims: &str) -> String {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn header(&self) -> Value {
        json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()})
    }

    fn proof(&self) -> String {
        self.sign(&self.header(), &claims())
    }
}

fn claims() -> Value {
    json!({"jti": "one", "htm": "POST", "htu": URL, "iat": NOW.unix()})
}

/// The object with one member set, or removed by `null`.
fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    match value {
        Value::Null => _ = object.as_object_mut().unwrap().remove(name),
        value => object[name] = value,
    }
    object
}

#[test]
fn the_proofs_of_rfc_9449_verify_at_their_time() {
    let key = Thumbprint::parse(FIGURE_KEY).unwrap();
    let (at, url) = (Timestamp::from_unix(1_562_262_616), "https://server.example.com/token");
    let proof = verify_proof(&ProofText::new(FIGURE_2.into()), &expected(url), at).unwrap();
    assert_eq!((proof.key(), proof.issued_at(), proof.refused_from()), (key, at, at + Seconds(61)));

    let request = ProofExpectations { method: "GET", ..expected("https://resource.example.org/protectedresource") };
    let with_token = |token| ProofExpectations { access_token: Some(token), ..request };
    let text = || ProofText::new(FIGURE_12.into());
    assert_eq!(verify_proof(&text(), &with_token(FIGURE_12_TOKEN), at).unwrap().key(), key);
    assert_eq!(verify_proof(&text(), &with_token("another"), at).err(), Some(RejectedProof::TokenHash));
    assert!(verify_proof(&text(), &request, at).is_ok(), "a hash that nobody asks for says nothing");
}

#[test]
fn a_proof_is_one_jwt_that_its_own_key_signed() {
    use RejectedProof as R;
    let holder = Holder::new();
    let header = holder.header();
    let of = |header: Value| holder.sign(&header, &claims());
    let proof = holder.proof();
    let (input, signature) = proof.rsplit_once('.').unwrap();
    let padded = holder.sign(&header, &with(&claims(), "x", "x".repeat(16 * 1024).into()));
    let twice = holder.sign_text(&header.to_string(), &claims().to_string().replacen('{', "{\"jti\":\"two\",", 1));
    let hmac = with(&header, "alg", "HS256".into());
    let private = with(&header, "jwk", with(&holder.jwk(), "d", "AAAA".into()));
    let symmetric = with(&header, "jwk", json!({"kty": "oct", "k": "AAAA"}));
    for (proof, error, why) in [
        (proof.clone(), None, "the usual form"),
        (of(with(&header, "typ", "application/DPoP+JWT".into())), None, "a media type has no case"),
        (of(with(&header, "kid", "k1".into())), None, "a name of the key changes nothing"),
        (of(with(&header, "jwk", with(&holder.jwk(), "kid", "k1".into()))), None, "nor inside"),
        (of(with(&header, "jwk", with(&holder.jwk(), "use", "sig".into()))), None, "a key for signatures"),
        (of(with(&header, "jwk", with(&holder.jwk(), "alg", "ES256".into()))), None, "for this algorithm"),
        (of(with(&header, "typ", Value::Null)), Some(R::Type), "no type"),
        (of(with(&header, "typ", "JWT".into())), Some(R::Type), "any JWT"),
        (of(with(&header, "typ", "at+jwt".into())), Some(R::Type), "an access token"),
        (of(with(&header, "typ", json!(["dpop+jwt"]))), Some(R::Type), "no text"),
        (of(with(&header, "alg", Value::Null)), Some(R::Algorithm), "no algorithm"),
        (of(with(&header, "alg", "none".into())), Some(R::Algorithm), "none"),
        (of(with(&header, "alg", "ES512".into())), Some(R::Algorithm), "not on our list"),
        (of(hmac), Some(R::Algorithm), "symmetric"),
        (of(with(&header, "alg", "es256".into())), Some(R::Algorithm), "names have case"),
        (of(with(&header, "alg", "ES384".into())), Some(R::Key), "an algorithm of another curve"),
        (of(with(&header, "alg", "RS256".into())), Some(R::Key), "an algorithm of another type"),
        (of(with(&header, "jwk", Value::Null)), Some(R::Key), "no key"),
        (of(with(&header, "jwk", "key".into())), Some(R::Key), "no object"),
        (of(private), Some(R::Key), "whoever read the request could sign"),
        (of(symmetric), Some(R::Key), "symmetric"),
        (of(with(&header, "jwk", with(&holder.jwk(), "use", "enc".into()))), Some(R::Key), "a key for other things"),
        (of(with(&header, "jwk", with(&holder.jwk(), "x", "AAAA".into()))), Some(R::Key), "no point of the curve"),
        (of(with(&header, "jwk", shifted(&holder.jwk()))), Some(R::Key), "the same point under another thumbprint"),
        (of(with(&header, "jwk", Holder::new().jwk())), Some(R::Signature), "another key"),
        (format!("{input}.{}", URL_SAFE_NO_PAD.encode([0; 64])), Some(R::Signature), "r = s = 0"),
        (format!("{input}."), Some(R::Signature), "no signature"),
        (format!("{proof},{proof}"), Some(R::Malformed), "two in one header"),
        (format!("{proof} "), Some(R::Malformed), "a space"),
        (format!("{input}.{signature}="), Some(R::Malformed), "padding"),
        (String::new(), Some(R::Malformed), "nothing"),
        (padded, Some(R::Malformed), "too large"),
        (holder.sign_text(&header.to_string(), "[]"), Some(R::Malformed), "no claims"),
        (holder.sign_text("[]", "{}"), Some(R::Malformed), "no header"),
        (twice, Some(R::Malformed), "a claim twice"),
    ] {
        assert_eq!(check(&proof).err(), error, "{why}");
    }
    for name in ["crit", "b64", "zip", "enc", "jku", "x5u", "x5c", "x5t", "x5t#S256"] {
        assert_eq!(check(&of(with(&header, name, json!(["x"])))).err(), Some(R::Header), "{name}");
    }
}

/// The key with a byte moved from `y` to `x`.
fn shifted(jwk: &Value) -> Value {
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let (mut x, y) = (bytes("x"), bytes("y"));
    x.push(y[0]);
    with(&with(jwk, "x", URL_SAFE_NO_PAD.encode(x).into()), "y", URL_SAFE_NO_PAD.encode(&y[1..]).into())
}

#[test]
fn a_proof_is_about_this_request_and_this_minute() {
    use RejectedProof as R;
    let holder = Holder::new();
    let now = NOW.unix();
    for (name, value, error, why) in [
        ("htm", Value::Null, Some(R::Method), "no method"),
        ("htm", "GET".into(), Some(R::Method), "another method"),
        ("htm", "post".into(), Some(R::Method), "methods have case"),
        ("htm", json!(["POST"]), Some(R::Method), "no text"),
        ("htu", Value::Null, Some(R::Uri), "no URL"),
        ("htu", "HTTPS://STS.example:443/token?x#y".into(), None, "the same URL"),
        ("htu", "https://evil.example/token".into(), Some(R::Uri), "another host"),
        ("htu", "https://sts.example/introspect".into(), Some(R::Uri), "another endpoint"),
        ("htu", "http://sts.example/token".into(), Some(R::Uri), "another scheme"),
        ("htu", "token".into(), Some(R::Uri), "no URL"),
        ("htu", json!([URL]), Some(R::Uri), "no text"),
        ("jti", Value::Null, Some(R::Id), "no jti"),
        ("jti", "".into(), Some(R::Id), "empty"),
        ("jti", 7.into(), Some(R::Id), "no text"),
        ("jti", "x".repeat(512).into(), None, "the longest"),
        ("jti", "x".repeat(513).into(), Some(R::Id), "too long"),
        ("jti", "x".repeat(4_096).into(), Some(R::Id), "much too long"),
        ("iat", Value::Null, Some(R::IssuedAt), "no iat"),
        ("iat", now.to_string().into(), Some(R::IssuedAt), "no number"),
        ("iat", (-1).into(), Some(R::IssuedAt), "negative"),
        ("iat", (now - 60).into(), None, "the oldest"),
        ("iat", (now - 61).into(), Some(R::IssuedAt), "older"),
        ("iat", json!(1_799_999_939.9), Some(R::IssuedAt), "a fraction older"),
        ("iat", (now + 5).into(), None, "a clock ahead of ours"),
        ("iat", (now + 6).into(), Some(R::IssuedAt), "further ahead"),
        ("iat", json!(1_800_000_005.1), Some(R::IssuedAt), "a fraction further"),
        ("nonce", "anything".into(), None, "a nonce that nobody asks for"),
        ("ath", "anything".into(), None, "a hash that nobody asks for"),
        ("exp", (now - 4).into(), None, "over, by a clock ahead of ours"),
        ("exp", (now - 5).into(), Some(R::IssuedAt), "over"),
        ("exp", "soon".into(), Some(R::IssuedAt), "an end that nobody can tell"),
        ("nbf", (now + 5).into(), None, "a clock ahead of ours"),
        ("nbf", (now + 6).into(), Some(R::IssuedAt), "not yet"),
    ] {
        let proof = holder.sign(&holder.header(), &with(&claims(), name, value.clone()));
        assert_eq!(check(&proof).err(), error, "{why}: {name} {}", value.to_string().get(..20).unwrap_or_default());
    }
    let proof = holder.proof();
    let garbled = verify_proof(&ProofText::new(proof), &expected("token"), NOW);
    assert_eq!(garbled.err(), Some(R::Uri), "an endpoint without a URL has no proofs");
}

#[test]
fn the_times_of_a_proof_are_read_against_it() {
    let holder = Holder::new();
    let proof = check(&holder.sign(&holder.header(), &with(&claims(), "iat", json!(1_799_999_990.5)))).unwrap();
    assert_eq!(proof.issued_at().unix(), 1_799_999_991, "as the fence compares it: up");
    assert_eq!(proof.refused_from().unix(), 1_800_000_051);
    let at = |now| verify_proof(&ProofText::new(holder.proof()), &expected(URL), now).is_ok();
    assert!(at(NOW + OLDEST) && !at(NOW + OLDEST + Seconds(1)), "accepted until `refused_from`, and not from then on");
}

#[test]
fn the_same_proof_is_recognised_and_nothing_else_is() {
    let (holder, other) = (Holder::new(), Holder::new());
    let identity = |holder: &Holder, name: &str, value: Value| {
        check(&holder.sign(&holder.header(), &with(&claims(), name, value))).unwrap().identity()
    };
    let first = check(&holder.proof()).unwrap().identity();
    for (identity, same, why) in [
        (identity(&holder, "jti", "one".into()), true, "signed anew: ECDSA gives another signature"),
        (identity(&holder, "iat", (NOW.unix() - 5).into()), true, "the jti names it, whatever else it says"),
        (identity(&holder, "htu", "https://STS.example/token?y".into()), true, "another spelling of the URL"),
        (identity(&holder, "jti", "two".into()), false, "another jti"),
        (identity(&other, "jti", "one".into()), false, "another key"),
    ] {
        assert_eq!(identity == first, same, "{why}");
    }
    let elsewhere = "https://sts.example/revoke";
    let proof = holder.sign(&holder.header(), &with(&claims(), "htu", elsewhere.into()));
    let there = verify_proof(&ProofText::new(proof), &expected(elsewhere), NOW).unwrap();
    assert_ne!(there.identity(), first, "another endpoint");
}

#[test]
fn every_kind_of_key_proves() {
    let random = SystemRandom::new();
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let point = p384.public_key().as_ref();
    let p384_jwk = json!({"kty": "EC", "crv": "P-384", "x": encode(&point[1..49]), "y": encode(&point[49..])});
    let edwards = Ed25519KeyPair::generate().unwrap();
    let edwards_jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(edwards.public_key().as_ref())});
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let (n, e) = (rsa.public_key().modulus(), rsa.public_key().exponent());
    let rsa_jwk = json!({"kty": "RSA", "n": encode(n.big_endian_without_leading_zero()), "e": encode(e.big_endian_without_leading_zero())});
    let sign = |algorithm: &str, input: &[u8]| match algorithm {
        "ES384" => p384.sign(&random, input).unwrap().as_ref().to_vec(),
        "EdDSA" | "Ed25519" => edwards.sign(input).as_ref().to_vec(),
        _ => {
            let mut signature = vec![0; rsa.public_modulus_len()];
            let encoding: &dyn aws_lc_rs::signature::RsaEncoding = if algorithm == "PS384" { &RSA_PSS_SHA384 } else { &RSA_PKCS1_SHA256 };
            rsa.sign(encoding, &random, input, &mut signature).unwrap();
            signature
        }
    };
    for (algorithm, jwk, good) in [
        ("ES384", &p384_jwk, true),
        ("EdDSA", &edwards_jwk, true),
        ("Ed25519", &edwards_jwk, true),
        ("PS384", &rsa_jwk, true),
        ("RS256", &rsa_jwk, true),
        ("ES384", &edwards_jwk, false),
        ("PS384", &p384_jwk, false),
    ] {
        let header = json!({"typ": "dpop+jwt", "alg": algorithm, "jwk": jwk}).to_string();
        let input = format!("{}.{}", encode(header.as_bytes()), encode(claims().to_string().as_bytes()));
        let proof = format!("{input}.{}", encode(&sign(algorithm, input.as_bytes())));
        assert_eq!(check(&proof).err(), (!good).then_some(RejectedProof::Key), "{algorithm} {jwk}");
    }
}

#[test]
fn nobody_chooses_how_long_we_work_on_a_key() {
    let holder = Holder::new();
    for (bytes, error, why) in [
        (255, RejectedProof::Key, "below 2048 bits"),
        (256, RejectedProof::Signature, "2048 bits"),
        (512, RejectedProof::Signature, "4096 bits"),
        (513, RejectedProof::Key, "more"),
    ] {
        let jwk = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(vec![0xff; bytes]), "e": "AQAB"});
        let header = json!({"typ": "dpop+jwt", "alg": "RS256", "jwk": jwk});
        assert_eq!(check(&holder.sign(&header, &claims())).err(), Some(error), "{why}");
    }
}

fn nonces(current: u8, others: &[u8]) -> ProofNonces {
    ProofNonces::new(NonceKey::new(&[current; 32]), others.iter().map(|other| NonceKey::new(&[*other; 32])).collect())
}

#[test]
fn a_nonce_is_good_for_one_to_two_minutes_on_every_node() {
    // The first second of a minute.
    let start = Timestamp::from_unix(1_800_000_000);
    let node = nonces(1, &[]);
    let nonce = node.give(start);
    for (node, after, good, why) in [
        (nonces(1, &[]), 0, true, "at once"),
        (nonces(1, &[]), 59, true, "in the same minute"),
        (nonces(1, &[]), 119, true, "in the next one"),
        (nonces(1, &[]), 120, false, "later"),
        (nonces(2, &[1]), 0, true, "a node that has a newer key already"),
        (nonces(2, &[3, 1]), 0, true, "or one more"),
        (nonces(2, &[3]), 0, false, "keys that were dropped"),
    ] {
        assert_eq!(node.accept(&nonce, start + Seconds(after)), good, "{why}");
    }
    let early = start - Seconds(5);
    assert!(node.accept(&nonce, early), "given out by a node whose clock is 5 s ahead");
    assert!(!node.accept(&nonce, early - Seconds(1)), "nobody can use it before");
    assert_eq!(nonce, node.give(start + Seconds(59)), "one a minute");
    assert_ne!(nonce, node.give(start + Seconds(60)));
    assert_eq!(nonce.len(), 43);
    for (text, why) in [("", "empty"), ("AAAA", "short"), (&*format!("{nonce}="), "padded"), (&nonce[..42], "cut")] {
        assert!(!node.accept(text, start), "{why}");
    }
}

#[test]
fn where_a_nonce_is_asked_for_the_last_thing_missing_is_the_nonce() {
    use RejectedProof as R;
    let (holder, node) = (Holder::new(), nonces(1, &[]));
    let request = ProofExpectations { nonce: NonceRule::Required(&node), ..expected(URL) };
    let stale = node.give(NOW - Seconds(180));
    for (claims, error, why) in [
        (with(&claims(), "nonce", node.give(NOW).into()), None, "the nonce of now"),
        (with(&claims(), "nonce", node.give(NOW - Seconds(60)).into()), None, "the one before"),
        (claims(), Some(R::Nonce), "none"),
        (with(&claims(), "nonce", stale.into()), Some(R::Nonce), "an old one"),
        (with(&claims(), "nonce", json!([node.give(NOW)])), Some(R::Nonce), "no text"),
        (with(&claims(), "htm", "GET".into()), Some(R::Method), "a nonce would not help this one"),
        (with(&claims(), "iat", 1.into()), Some(R::IssuedAt), "nor this one"),
    ] {
        let proof = ProofText::new(holder.sign(&holder.header(), &claims));
        assert_eq!(verify_proof(&proof, &request, NOW).err(), error, "{why}");
    }
}

#[test]
fn nothing_prints_a_proof_or_a_key() {
    let proof = Holder::new().proof();
    assert!(!format!("{:?}", ProofText::new(proof.clone())).contains(&proof[..20]));
    assert_eq!(format!("{:?}", NonceKey::new(&[1; 32])), "NonceKey(..)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_mutation_of_a_proof_verifies(at in any::<prop::sample::Index>(), byte in prop::sample::select(&b"Aa0-_.Zz9"[..]), cut in 0_u8..3) {
        let (text, url) = (FIGURE_2, "https://server.example.com/token");
        let at = at.index(text.len());
        let mut mutated = text.as_bytes().to_vec();
        match cut {
            0 => mutated[at] = byte,
            1 => mutated.insert(at, byte),
            _ => _ = mutated.remove(at),
        }
        let mutated = String::from_utf8(mutated).unwrap();
        prop_assume!(mutated != text);
        let result = verify_proof(&ProofText::new(mutated), &expected(url), Timestamp::from_unix(1_562_262_616));
        prop_assert!(result.is_err());
    }

    #[test]
    fn normal_forms_stay_and_no_text_is_a_fault(text in "\\PC{0,80}", path in "[a-zA-Z0-9%./?#@:\\[\\]-]{0,40}") {
        for url in [text, format!("https://h{path}"), format!("HTTPS://{path}")] {
            if let Some(once) = uri::normalised(&url) {
                prop_assert_eq!(uri::normalised(&once), Some(once.clone()), "{}", url);
                prop_assert!(once.starts_with("http"), "{}", once);
            }
        }
    }
}

#[test]
fn a_hash_is_that_of_the_very_token() {
    let digest = Digest256::of(FIGURE_12_TOKEN.as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(digest.as_bytes()), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
}
