//! How a line is put together, member by member.

use std::fmt;
use std::io::Write as _;

use serde::Serialize;

use crate::domain::Digest256;

use super::text;

/// A line without its link: the members after `seq` and `prev`, up to the closing brace.
#[derive(Debug)]
pub(super) struct Body(Vec<u8>);

/// Bytes that the chain puts around a body: `{"seq":…,"prev":"…",` and the newline.
pub(super) const LINK_BYTES: usize = 7 + 20 + 9 + 64 + 2 + 1;
/// Enough for nearly every line.
const USUAL_BYTES: usize = 1_536;
/// Longest node name in a line, in bytes.
pub(super) const MAX_NODE_BYTES: usize = 64;

impl Body {
    /// Starts a body of that kind, as of a moment on a node.
    pub(super) fn new(kind: &str, unix_millis: u64, node: &str) -> Self {
        let mut body = Self(Vec::with_capacity(USUAL_BYTES));
        body.text("kind", kind, 32);
        body.text("time", &text::rfc3339(unix_millis), 32);
        body.text("node", node, MAX_NODE_BYTES);
        body
    }

    pub(super) fn text(&mut self, name: &str, value: &str, limit: usize) {
        self.name(name);
        text::push_text(&mut self.0, value, limit);
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        self.display(value);
    }

    pub(super) fn digest(&mut self, name: &str, value: Option<Digest256>) {
        match value {
            Some(digest) => self.plain(name, digest),
            None => self.raw(name, b"null"),
        }
    }

    /// A value of ours whose text is short, and needs no escape.
    pub(super) fn plain(&mut self, name: &str, value: impl fmt::Display) {
        self.name(name);
        self.0.push(b'"');
        self.display(value);
        self.0.push(b'"');
    }

    fn display(&mut self, value: impl fmt::Display) {
        // Writing to memory does not fail.
        let _ = write!(self.0, "{value}");
    }

    pub(super) fn raw(&mut self, name: &str, json: &[u8]) {
        self.name(name);
        self.0.extend_from_slice(json);
    }

    pub(super) fn json(&mut self, name: &str, value: &impl Serialize, limit: usize) {
        self.name(name);
        text::push_json(&mut self.0, value, limit);
    }

    pub(super) fn optional(&mut self, name: &str, value: Option<&str>, limit: usize) {
        if let Some(value) = value {
            self.text(name, value, limit);
        }
    }

    /// An object whose members `fill` writes.
    pub(super) fn object(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        self.raw(name, b"{");
        fill(self);
        self.0.push(b'}');
    }

    /// An object of members that are written already.
    pub(super) fn members(&mut self, name: &str, members: &[u8]) {
        self.object(name, |body| body.0.extend_from_slice(members));
    }

    /// A list of objects, each filled from one item.
    pub(super) fn objects<T>(&mut self, name: &str, items: &[T], mut fill: impl FnMut(&mut Self, &T)) {
        self.raw(name, b"[");
        for (index, item) in items.iter().enumerate() {
            self.0.extend_from_slice(if index == 0 { b"{" } else { b",{" });
            fill(self, item);
            self.0.push(b'}');
        }
        self.0.push(b']');
    }

    fn name(&mut self, name: &str) {
        if !matches!(self.0.last(), None | Some(b'{')) {
            self.0.push(b',');
        }
        text::push_text(&mut self.0, name, 256);
        self.0.push(b':');
    }

    /// The members, and the brace that ends the line.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.0.push(b'}');
        // It may wait in a queue of thousands.
        self.0.shrink_to(2 * self.0.len());
        self.0
    }
}
