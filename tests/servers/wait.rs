//! Waiting for processes.

use std::time::{Duration, Instant};

/// Until a test fails: no healthy machine needs so long for anything here.
const PATIENCE: Duration = Duration::from_secs(40);

/// Looks again and again until it is so.
pub(crate) fn eventually(what: &str, is_so: impl FnMut() -> bool) {
    assert!(within(PATIENCE, is_so), "still not so after {PATIENCE:?}: {what}");
}

/// Looks again and again, and says whether it became so in time.
#[expect(clippy::disallowed_methods, reason = "a deadline for real processes")]
pub(super) fn within(patience: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if is_so() {
            return true;
        }
        if start.elapsed() > patience {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
