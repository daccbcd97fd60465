use josekit::jwe::{self, ECDH_ES, RSA_OAEP_256};
use josekit::jwk::Jwk;
use serde_json::{Value, json};

use super::*;
use crate::domain::{JsonLimits, parse_json};

const JWT: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJqb2IifQ.c2lnbmF0dXJl";

fn read(jwk: &Value) -> Result<EncryptionKey, UnusableEncryptionKey> {
    let parsed = parse_json(jwk.to_string().as_bytes(), JsonLimits { depth: 4, members: 32 }).unwrap();
    EncryptionKey::from_jwk(parsed.as_object().unwrap())
}

/// A key pair as josekit makes it: the public part as JSON, and all of it for decrypting.
fn pair(kind: &str) -> (Value, Jwk) {
    let pair = match kind {
        "RSA" => Jwk::generate_rsa_key(2048).unwrap(),
        "P-256" => Jwk::generate_ec_key(josekit::jwk::alg::ec::EcCurve::P256).unwrap(),
        "P-384" => Jwk::generate_ec_key(josekit::jwk::alg::ec::EcCurve::P384).unwrap(),
        _ => Jwk::generate_ec_key(josekit::jwk::alg::ec::EcCurve::P521).unwrap(),
    };
    (value_of(&pair.to_public_key().unwrap()), pair)
}

fn value_of(jwk: &Jwk) -> Value {
    Value::Object(jwk.as_ref().clone())
}

fn decrypt(token: &str, pair: &Jwk) -> Option<(Vec<u8>, Value)> {
    let opened = if pair.key_type() == "RSA" {
        jwe::deserialize_compact(token, &RSA_OAEP_256.decrypter_from_jwk(pair).unwrap())
    } else {
        jwe::deserialize_compact(token, &ECDH_ES.decrypter_from_jwk(pair).unwrap())
    };
    opened.ok().map(|(plain, header)| (plain, Value::Object(header.claims_set().clone())))
}

fn with(jwk: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut changed = jwk.clone();
    changed[name] = value.into();
    changed
}

#[test]
fn only_the_target_reads_what_was_encrypted_to_it() {
    for (kind, alg) in [("RSA", "RSA-OAEP-256"), ("P-256", "ECDH-ES"), ("P-384", "ECDH-ES"), ("P-521", "ECDH-ES")] {
        let (public, private) = pair(kind);
        let key = read(&with(&public, "kid", "vault-1")).unwrap();
        let (token, again) = (key.encrypt(JWT).unwrap(), key.encrypt(JWT).unwrap());
        assert_ne!(token, again, "{kind}: never twice the same");
        let mut named = private.clone();
        named.set_key_id("vault-1");
        let (plain, mut header) = decrypt(&token, &named).unwrap();
        assert_eq!(plain, JWT.as_bytes(), "{kind}");
        header.as_object_mut().unwrap().remove("epk");
        assert_eq!(header, json!({"alg": alg, "enc": "A256GCM", "cty": "JWT", "kid": "vault-1"}), "{kind}");
        assert_eq!((key.algorithm(), key.key_id()), (alg, Some("vault-1")));

        let (_, mut other) = pair(kind);
        other.set_key_id("vault-1");
        assert!(decrypt(&token, &other).is_none(), "{kind}: another key");
        let at = token.rfind('.').unwrap() - 1;
        let tampered = format!("{}{}{}", &token[..at], if &token[at..=at] == "A" { "B" } else { "A" }, &token[at + 1..]);
        assert!(decrypt(&tampered, &named).is_none(), "{kind}: a character was changed");
    }
}

#[test]
fn a_key_without_a_name_is_not_given_one() {
    let (public, private) = pair("P-256");
    let key = read(&public).unwrap();
    let (_, header) = decrypt(&key.encrypt(JWT).unwrap(), &private).unwrap();
    assert_eq!((key.key_id(), header.get("kid")), (None, None));
}

#[test]
fn what_is_no_key_to_encrypt_to_says_why() {
    use UnusableEncryptionKey::{Malformed, NotForEncrypting, Private, Unsupported, Weak};
    let ((rsa, rsa_pair), (ec, ec_pair)) = (pair("RSA"), pair("P-256"));
    let (p384, _) = pair("P-384");
    let short = "AQ".repeat(100) + "Aw";
    for (jwk, expected, why) in [
        (rsa.clone(), None, "RSA of 2048 bits"),
        (with(&rsa, "use", "enc"), None, "for encrypting"),
        (with(&rsa, "use", Value::Null), None, "as good as absent"),
        (with(&rsa, "alg", "RSA-OAEP-256"), None, "for what we do with it"),
        (with(&ec, "alg", "ECDH-ES"), None, "for what we do with it"),
        (with(&ec, "key_ops", json!(["deriveKey"])), None, "an operation of ours"),
        (with(&rsa, "use", "sig"), Some(NotForEncrypting), "for signatures"),
        (with(&rsa, "use", 7), Some(NotForEncrypting), "no text"),
        (with(&rsa, "key_ops", json!(["verify"])), Some(NotForEncrypting), "for signatures"),
        (with(&rsa, "alg", "RSA-OAEP"), Some(NotForEncrypting), "with SHA-1"),
        (with(&rsa, "alg", "RSA1_5"), Some(NotForEncrypting), "PKCS #1 v1.5"),
        (with(&ec, "alg", "ECDH-ES+A256KW"), Some(NotForEncrypting), "a key wrapped in between"),
        (with(&ec, "d", "AQ"), Some(Private), "a private member"),
        (value_of(&rsa_pair), Some(Private), "the whole pair"),
        (value_of(&ec_pair), Some(Private), "the whole pair"),
        (json!({"kty": "oct", "k": "AQ"}), Some(Private), "a symmetric key"),
        (json!({"kty": "OKP", "crv": "X25519", "x": "AQ"}), Some(Unsupported), "X25519"),
        (with(&ec, "crv", "secp256k1"), Some(Unsupported), "another curve"),
        (with(&ec, "crv", "P-384"), Some(Malformed), "coordinates of another length"),
        (with(&ec, "x", ec["y"].clone()), Some(Malformed), "not on the curve"),
        (with(&p384, "x", format!("{}AA", p384["x"].as_str().unwrap())), Some(Malformed), "too long"),
        (with(&ec, "y", "="), Some(Malformed), "no base64url"),
        (with(&rsa, "n", short), Some(Weak), "too short"),
        (with(&rsa, "e", "AQ"), Some(Weak), "an exponent of one"),
        (with(&rsa, "kid", ""), Some(Malformed), "an empty name"),
        (with(&rsa, "kid", 7), Some(Malformed), "no text"),
        (json!({"kty": "RSA"}), Some(Malformed), "no members"),
        (json!({}), Some(Malformed), "nothing"),
    ] {
        assert_eq!(read(&jwk).err(), expected, "{why}: {jwk}");
    }
}

#[test]
fn two_keys_are_equal_when_they_are_one() {
    let (public, _) = pair("P-256");
    let key = read(&public).unwrap();
    assert_eq!(key, read(&with(&public, "use", "enc")).unwrap());
    assert_ne!(key, read(&with(&public, "kid", "another name")).unwrap());
    assert_ne!(key, read(&pair("P-256").0).unwrap());
    assert_eq!(format!("{key:?}"), format!("EncryptionKey {{ alg: \"ECDH-ES\", thumbprint: \"{}\", .. }}", key.thumbprint()));
}
