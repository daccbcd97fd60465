//! `[decisions]`: the decision log.

use std::path::PathBuf;

use crate::document::Table;

use super::value::Folder;

/// Where decisions are recorded, and under which name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DecisionsSection {
    /// Where lines go.
    pub destination: Destination,
    /// When a line counts as recorded.
    pub sync: DecisionSync,
    /// The name of this server in every line; there is one chain per name. 1 to 64 of letters, digits, `.`, `_` and `-`.
    pub node: String,
}

/// Where lines go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Destination {
    /// A file that only grows.
    File(PathBuf),
    /// Standard output.
    StandardOutput,
}

/// When a line counts as recorded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DecisionSync {
    /// The operating system has it; on disk at most one second later.
    Second,
    /// It is on disk.
    Always,
}

impl DecisionsSection {
    pub(super) fn default_in(folder: Folder<'_>) -> Self {
        Self {
            destination: Destination::File(folder.at("state/decisions.jsonl")),
            sync: DecisionSync::Second,
            node: name_of_this_machine(),
        }
    }

    pub(super) fn read(mut table: Table<'_>, folder: Folder<'_>) -> Self {
        let mut decisions = Self::default_in(folder);
        let destination = table.parsed("file", |text| match text {
            "-" => Ok(Destination::StandardOutput),
            path => folder.parse(path).map(Destination::File),
        });
        if let Some(destination) = destination {
            decisions.destination = destination.value;
        }
        let sync = table.parsed("sync", |text| match text {
            "second" => Ok(DecisionSync::Second),
            "always" => Ok(DecisionSync::Always),
            _ => Err("expected \"second\" or \"always\""),
        });
        if let Some(sync) = sync {
            decisions.sync = sync.value;
        }
        if let Some(node) = table.parsed("node", node) {
            decisions.node = node.value;
        }
        table.finish();
        decisions
    }
}

fn node(text: &str) -> Result<String, &'static str> {
    if (1..=MAX_NODE_BYTES).contains(&text.len()) && text.bytes().all(is_node_byte) {
        Ok(text.to_owned())
    } else {
        Err("expected a name of 1 to 64 letters, digits, `.`, `_` and `-`, and another one for each server")
    }
}

fn is_node_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// The name that the machine was given, or `node`. Stable across restarts, where the machine's name is.
fn name_of_this_machine() -> String {
    let written = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    node(written.trim()).unwrap_or_else(|_| "node".to_owned())
}

const MAX_NODE_BYTES: usize = 64;
