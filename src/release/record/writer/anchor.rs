//! Whether a file holds what this node wrote: found from its end, as its tail is.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::domain::Digest256;

use super::super::Head;
use super::super::chain::View;
use super::tail::{FIRST_WINDOW, LAST_WINDOW};

/// Whether an unbroken chain leads from `kept` to the last whole line of the file: `kept` is that line, or an earlier one, or the line
/// that the file's first one continues. Looks at no more than the last 64 MiB; a kept head is at most a minute behind the end.
pub(super) fn leads_from(kept: &Head, file: &File) -> io::Result<bool> {
    let size = file.metadata()?.len();
    let mut window = FIRST_WINDOW;
    loop {
        let from = size.saturating_sub(window);
        let mut bytes = vec![0; usize::try_from(size - from).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, from)?;
        // A window may begin within a line: what is left of it reads as none.
        if reaches_end(kept, &bytes) {
            return Ok(true);
        }
        if from == 0 || window >= LAST_WINDOW {
            return Ok(false);
        }
        window = (window * 8).min(LAST_WINDOW);
    }
}

/// Bytes that are no line are passed over, as the writer passes over them: whether they are explained is for who verifies to say.
fn reaches_end(kept: &Head, bytes: &[u8]) -> bool {
    let mut reached: Option<Head> = None;
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some(view) = View::of(line) else { continue };
        let head = Head { seq: view.seq, digest: Digest256::of(line), unix_millis: 0 };
        let linked = view.follows(kept) || reached.is_some_and(|reached| view.follows(&reached));
        reached = (linked || head.is_at(kept)).then_some(head);
    }
    reached.is_some()
}
