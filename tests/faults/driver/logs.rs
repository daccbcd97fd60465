//! What nodes write: decision logs and process logs, read as they grow.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use serde_json::Value;

use crate::support::Server;

/// A line that says `issued`.
#[derive(Clone, Debug)]
pub(crate) struct IssuedLine {
    /// Of header and payload of the subject token.
    pub(crate) input: String,
    pub(crate) jti: String,
    /// Where the issued token is good.
    pub(crate) audience: String,
}

/// The logs of one node, from where they were read last.
pub(crate) struct Logs {
    decisions: Tail,
    process: Tail,
}

impl Logs {
    pub(crate) fn of(server: &Server) -> Self {
        Self { decisions: Tail::of(server.log_file()), process: Tail::of(server.process_log_file().to_path_buf()) }
    }

    /// The new decisions that say `issued`.
    pub(crate) fn issued(&mut self, secrets: &HashSet<&str>) -> Vec<IssuedLine> {
        let text = self.decisions.read();
        holds_no_secret(&text, secrets);
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let issued = lines.filter(|line| line["kind"] == "decision" && line["outcome"] == "issued");
        let field = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
        issued
            .map(|line| IssuedLine {
                input: field(&line, "input_sha256"),
                jti: field(&line, "jti"),
                audience: field(&line, "target_asked"),
            })
            .collect()
    }

    /// Reads what the process said since the last time, and panics where it did or where it told a secret.
    pub(crate) fn process_is_well(&mut self, secrets: &HashSet<&str>) {
        let text = self.process.read();
        let panicked = text.lines().find(|line| line.contains("panicked at"));
        assert!(panicked.is_none(), "I6: a node panicked: {}", panicked.unwrap_or_default());
        holds_no_secret(&text, secrets);
    }
}

/// Signatures and idempotency keys are runs of base64url.
fn holds_no_secret(text: &str, secrets: &HashSet<&str>) {
    let runs = text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '-' || character == '_'));
    let told = runs.filter(|run| run.len() >= 32).any(|run| secrets.contains(run));
    assert!(!told, "I6: a log holds a signature or an idempotency key");
}

struct Tail {
    path: PathBuf,
    read: u64,
}

impl Tail {
    fn of(path: PathBuf) -> Self {
        Self { path, read: 0 }
    }

    /// Whole lines that were not read before.
    fn read(&mut self) -> String {
        let Ok(mut file) = File::open(&self.path) else { return String::new() };
        file.seek(SeekFrom::Start(self.read)).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        bytes.truncate(whole);
        self.read += whole as u64;
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
