//! Checkpoints: lines that our key ring signs.

use serde::Deserialize;

use crate::release::issuance::PublishedKey;

use super::super::body::Body;
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
pub(in crate::release::record) fn body(signature: &str, kid: &str, unix_millis: u64, node: &str) -> Vec<u8> {
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
struct Payload {
    node: String,
    seq: u64,
    head: String,
    time: String,
}

/// Checks a checkpoint line that stands after `head`.
pub(super) fn judge(view: &View, head: &Head, keys: &dyn Fn(&str) -> Option<PublishedKey>) -> Verdict {
    let (Some(kid), Some(signature)) = (&view.kid, &view.signature) else { return Verdict::Bad };
    let Some(key) = keys(kid) else { return Verdict::UnknownKey };
    let payload = key.verify(CHECKPOINT_TYPE, signature).and_then(|payload| serde_json::from_slice(&payload).ok());
    if payload.is_some_and(|payload| says(&payload, view, head)) { Verdict::Good } else { Verdict::Bad }
}

fn says(payload: &Payload, view: &View, head: &Head) -> bool {
    payload.seq == head.seq
        && payload.head == head.digest.to_string()
        && Some(&payload.time) == view.time.as_ref()
        && Some(&payload.node) == view.node.as_ref()
}
