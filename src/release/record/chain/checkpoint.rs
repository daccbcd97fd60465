//! Checkpoints: lines that our key ring signs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;

use super::super::line::Body;
use super::super::text;
use super::link::{Head, View};

/// The `typ` of a checkpoint's signature (RFC 7515 §4.1.9). It differs from every token's, so that neither passes for the other.
pub const CHECKPOINT_TYPE: &str = "cambist-checkpoint+jws";

/// What is signed: the head before the checkpoint, on which node, and when.
pub(in crate::release::record) fn payload(head: &Head, unix_millis: u64, node: &str) -> Vec<u8> {
    let time = text::rfc3339(unix_millis);
    let members = serde_json::json!({ "node": node, "seq": head.seq, "head": head.digest, "time": time });
    members.to_string().into_bytes()
}

/// The checkpoint line. `signature` is a compact JWS over [`payload`].
pub(in crate::release::record) fn body(signature: &str, kid: &str, unix_millis: u64, node: &str) -> Box<[u8]> {
    let mut body = Body::new("checkpoint", unix_millis, node);
    body.text("kid", kid, 256);
    body.text("signature", signature, 4096);
    body.end()
}

/// What a reader thinks of a checkpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Signed by a key we know, over exactly the head before it.
    Good,
    /// Signed by a key we do not know (any more): it proves nothing.
    UnknownKey,
    /// The signature does not verify, or says something else than the line.
    Bad,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Deserialize)]
struct Payload {
    node: String,
    seq: u64,
    head: String,
    time: String,
}

/// Checks a checkpoint line that stands after `head`.
pub(super) fn judge(view: &View, head: &Head, keys: &dyn Fn(&str) -> Option<Vec<u8>>) -> Verdict {
    let (Some(kid), Some(signature)) = (&view.kid, &view.signature) else { return Verdict::Bad };
    let Some(key) = keys(kid) else { return Verdict::UnknownKey };
    if opens(signature, kid, &key).is_some_and(|payload| says(&payload, view, head)) { Verdict::Good } else { Verdict::Bad }
}

/// The payload of a compact JWS that this key signed as a checkpoint.
fn opens(compact: &str, kid: &str, key: &[u8]) -> Option<Payload> {
    let (message, signature) = compact.rsplit_once('.')?;
    let (header, payload) = message.split_once('.')?;
    let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    if header.typ != CHECKPOINT_TYPE || header.kid != kid {
        return None;
    }
    let algorithm = match header.alg.as_str() {
        "ES256" => Algorithm::ES256,
        "RS256" => Algorithm::RS256,
        "EdDSA" => Algorithm::EdDSA,
        _ => return None,
    };
    let jwk: Jwk = serde_json::from_slice(key).ok()?;
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    let verified = crypto::verify(signature, message.as_bytes(), &key, algorithm).ok()?;
    if verified { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok() } else { None }
}

fn says(payload: &Payload, view: &View, head: &Head) -> bool {
    payload.seq == head.seq
        && payload.head == head.digest.to_string()
        && Some(&payload.time) == view.time.as_ref()
        && Some(&payload.node) == view.node.as_ref()
}
