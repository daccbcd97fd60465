//! `[revocation]`: how closely a node follows what is taken back.

use crate::document::{Kind, Table};
use crate::domain::{InvalidSeconds, Seconds};

/// How closely a node follows what is taken back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RevocationSection {
    /// For how long a node may issue without having heard from the store; five seconds to five minutes.
    pub max_stale: Seconds,
}

impl Default for RevocationSection {
    fn default() -> Self {
        Self { max_stale: MAX_STALE }
    }
}

impl RevocationSection {
    pub(in crate::config) fn read(mut table: Table<'_>) -> Self {
        let mut section = Self::default();
        if let Some(value) = table.value("max_stale") {
            match value.kind() {
                Kind::Text(_) => section.max_stale = value.parse(max_stale).map_or(MAX_STALE, |bound| bound.value),
                _ => value.error(InvalidSeconds),
            }
        }
        table.finish();
        section
    }
}

fn max_stale(text: &str) -> Result<Seconds, String> {
    let bound = Seconds::parse(text).map_err(|error| error.to_string())?;
    if bound < SHORTEST {
        return Err("below five seconds (`5s`) every hiccup of the store would stop all issuing".into());
    }
    if bound > LONGEST {
        return Err("a node that is cut off must stop within five minutes (`5m`): until then it issues what others have taken back".into());
    }
    Ok(bound)
}

const MAX_STALE: Seconds = Seconds(30);
const SHORTEST: Seconds = Seconds(5);
const LONGEST: Seconds = Seconds(300);
