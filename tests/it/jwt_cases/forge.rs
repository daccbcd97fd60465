//! Builds the token of a case: real keys, real signatures, then whatever the case does to them.

use std::collections::HashMap;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwk::Jwk;
use josekit::jwk::alg::{ec::EcCurve, ed::EdCurve};
use josekit::jws::{ES256, ES384, EdDSA, HS256, JwsSigner, RS256};
use serde_json::{Map, Value, json};

use super::wire;

/// The keys of the baseline, made once.
pub(super) fn keys() -> &'static HashMap<&'static str, Jwk> {
    static KEYS: OnceLock<HashMap<&'static str, Jwk>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let ec = |curve| Jwk::generate_ec_key(curve).unwrap();
        let ed = |curve| Jwk::generate_ed_key(curve).unwrap();
        let rsa = |bits| Jwk::generate_rsa_key(bits).unwrap();
        HashMap::from([
            ("es1", ec(EcCurve::P256)),
            ("es1b", ec(EcCurve::P256)),
            ("es384", ec(EcCurve::P384)),
            ("rs1", rsa(2048)),
            ("rs1024", rsa(1024)),
            ("ed1", ed(EdCurve::Ed25519)),
            ("ed448", ed(EdCurve::Ed448)),
            ("other_es", ec(EcCurve::P256)),
            ("attacker_es", ec(EcCurve::P256)),
            ("attacker_rs", rsa(2048)),
            ("oct1", Jwk::generate_oct_key(32).unwrap()),
        ])
    })
}

/// The published form of a key: public, unless it is symmetric and was published by mistake.
fn published(entry: &Value) -> Value {
    let key = &keys()[entry["key"].as_str().unwrap()];
    let public = if key.key_type() == "oct" { key.clone() } else { key.to_public_key().unwrap() };
    let Value::Object(mut jwk) = serde_json::to_value(&public).unwrap() else { unreachable!("a JWK is an object") };
    jwk.retain(|name, _| !matches!(name.as_str(), "use" | "alg" | "kid" | "key_ops"));
    for name in ["kid", "use", "alg"] {
        if let Some(value) = entry.get(name) {
            jwk.insert(name.into(), value.clone());
        }
    }
    Value::Object(jwk)
}

/// The key set that the issuer of a case publishes.
pub(super) fn key_set(baseline: &Value, mutation: &Value) -> Value {
    let changes = &mutation["jwks"];
    let mut list: Vec<Value> = baseline["jwks"].as_array().unwrap().iter().map(published).collect();
    for (kid, patch) in changes["patch"].as_object().into_iter().flatten() {
        let key = list.iter_mut().find(|key| key["kid"] == json!(kid)).unwrap().as_object_mut().unwrap();
        for (name, value) in patch.as_object().unwrap() {
            if value.is_null() {
                key.remove(name)
            } else {
                key.insert(name.clone(), value.clone())
            };
        }
    }
    list.extend(changes["add"].as_array().into_iter().flatten().map(published));
    list.extend(changes["add_raw"].as_array().into_iter().flatten().cloned());
    if let Some(size) = changes["pad_to"].as_u64() {
        let mut filler = list[0].clone();
        while (list.len() as u64) < size {
            filler["kid"] = json!(format!("pad-{}", list.len()));
            list.push(filler.clone());
        }
    }
    json!({ "keys": list })
}

/// The compact token of a case.
pub(super) fn token(baseline: &Value, mutation: &Value) -> String {
    let header = header_text(baseline, mutation);
    let claims = claims_bytes(baseline, mutation);
    let signing_input = format!("{}.{}", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(&claims));
    let sign = mutation.get("sign").unwrap_or(&baseline["sign"]);
    let signature = sign_with(sign, signing_input.as_bytes());
    let mut token = format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature));
    for edit in mutation["wire"].as_array().into_iter().flatten() {
        token = wire::edit(&token, edit, &claims);
    }
    token
}

fn sign_with(sign: &Value, message: &[u8]) -> Vec<u8> {
    let Some(key) = sign["key"].as_str().filter(|key| *key != "none").map(|name| &keys()[name]) else { return Vec::new() };
    let signer: Result<Box<dyn JwsSigner>, _> = match sign["real_alg"].as_str().unwrap() {
        "ES256" => ES256.signer_from_jwk(key).map(|signer| Box::new(signer) as _),
        "ES384" => ES384.signer_from_jwk(key).map(|signer| Box::new(signer) as _),
        "RS256" => RS256.signer_from_jwk(key).map(|signer| Box::new(signer) as _),
        "EdDSA" => EdDSA.signer_from_jwk(key).map(|signer| Box::new(signer) as _),
        "HS256" => HS256.signer_from_jwk(key).map(|signer| Box::new(signer) as _),
        other => panic!("no signer for {other}"),
    };
    match signer {
        Ok(signer) => signer.sign(message).unwrap(),
        // OpenSSL's wrapper refuses to sign with 1024 bits; the verifier must refuse the key before it looks at a signature.
        Err(_) if sign["key"] == "rs1024" => vec![7; 128],
        Err(error) => panic!("{error}"),
    }
}

fn header_text(baseline: &Value, mutation: &Value) -> Vec<u8> {
    if let Some(text) = mutation["header_text"].as_str() {
        return text.into();
    }
    let mut header = baseline["header"].as_object().unwrap().clone();
    apply(&mut header, &mutation["header_set"], &mutation["header_unset"]);
    if let Some(name) = mutation["header_set_jwk"].as_str() {
        header.insert("jwk".into(), serde_json::to_value(keys()[name].to_public_key().unwrap()).unwrap());
    }
    serde_json::to_vec(&header).unwrap()
}

fn apply(object: &mut Map<String, Value>, set: &Value, unset: &Value) {
    object.extend(set.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
    for name in unset.as_array().into_iter().flatten() {
        object.remove(name.as_str().unwrap());
    }
}

fn claims_bytes(baseline: &Value, mutation: &Value) -> Vec<u8> {
    if let Some(text) = mutation["claims_text"].as_str() {
        return text.into();
    }
    let mut claims = baseline["claims"].as_object().unwrap().clone();
    apply(&mut claims, &mutation["claims_set"], &mutation["claims_unset"]);
    if let Some(repeat) = mutation["claims_set_repeat"].as_object() {
        let text = repeat["char"].as_str().unwrap().repeat(usize::try_from(repeat["n"].as_u64().unwrap()).unwrap());
        claims.insert(repeat["name"].as_str().unwrap().into(), text.into());
    }
    if let Some(depth) = mutation["claims_act_depth"].as_u64() {
        let chain = (0..depth).fold(Value::Null, |inner, level| match inner {
            Value::Null => json!({ "sub": format!("actor-{level}") }),
            inner => json!({ "sub": format!("actor-{level}"), "act": inner }),
        });
        claims.insert("act".into(), chain);
    }
    let claims = Value::Object(claims);
    let pretty = mutation["claims_pretty"] == true;
    let text = if pretty { serde_json::to_string_pretty(&claims).unwrap() } else { claims.to_string() };
    raw_edits(text, mutation).into()
}

/// Edits of the JSON text that no JSON library would write.
fn raw_edits(mut text: String, mutation: &Value) -> String {
    if let Some(members) = mutation["claims_prefix_members"].as_str() {
        text.insert_str(1, members);
    }
    if let Some(repeat) = mutation["claims_prefix_members_repeat"].as_object() {
        let n = usize::try_from(repeat["n"].as_u64().unwrap()).unwrap();
        let part = |name: &str| repeat[name].as_str().unwrap().repeat(n);
        text.insert_str(1, &format!("\"{}\":{}{},", repeat["name"].as_str().unwrap(), part("open"), part("close")));
    }
    if let Some(replace) = mutation["claims_replace_text"].as_object() {
        let find = replace["find"].as_str().unwrap();
        assert!(text.contains(find), "{text} has no {find}");
        text = text.replace(find, replace["text"].as_str().unwrap());
    }
    if let Some(digits) = mutation["claims_digits"].as_object() {
        let n = usize::try_from(digits["n"].as_u64().unwrap()).unwrap();
        let name = digits["name"].as_str().unwrap();
        let find = format!("\"{name}\":1800000290");
        assert!(text.contains(&find));
        text = text.replace(&find, &format!("\"{name}\":{}", "9".repeat(n)));
    }
    text.push_str(mutation["claims_suffix_text"].as_str().unwrap_or_default());
    if mutation["claims_encoding"] == "utf-8-sig" { format!("\u{feff}{text}") } else { text }
}
