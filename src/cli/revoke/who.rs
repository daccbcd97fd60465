//! Who runs this: for the record, not for any decision.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

/// `user@machine`, as the operating system knows them.
pub(super) fn runs_this() -> String {
    let machine = fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| fs::read_to_string("/etc/hostname"));
    let machine = machine.unwrap_or_default();
    let machine = if machine.trim().is_empty() { "localhost" } else { machine.trim() };
    format!("{}@{machine}", user())
}

/// The name of the user of this process; its number where it has no name.
fn user() -> String {
    let Ok(process) = fs::metadata("/proc/self") else { return "somebody".to_owned() };
    let id = process.uid().to_string();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(&id)).then(|| name.to_owned())
    });
    named.unwrap_or(id)
}
