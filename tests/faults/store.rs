//! How nodes are told of their store, and what the harness reads in it.

use crate::servers::{RedisServer, list, text};

/// The user of the nodes, with the rights of `docs/operations.md` and no others.
pub(crate) fn user() -> String {
    let file = include_str!("../../deploy/redis/users.acl");
    let line = file.lines().find_map(|line| line.strip_prefix("user cambist ")).unwrap();
    format!("cambist {}", line.replace("#<password-sha256>", &format!(">{PASSWORD}")))
}

/// Its password.
pub(crate) const PASSWORD: &str = "fault-plan-password";

/// The fields of `[store]`; `{secrets}` stands for a folder.
pub(crate) fn section(url: &str) -> String {
    format!("url = \"{url}\"\nusername = \"cambist\"\npassword = {{ file = \"{{secrets}}/password\" }}\n")
}

/// Up to where the highest fence stands on these servers; 0 without any. None when one of them does not answer.
pub(crate) fn fence<'a>(servers: impl Iterator<Item = &'a RedisServer>) -> Option<u64> {
    let mut highest = 0;
    for server in servers {
        for key in list(server.try_command(&["KEYS", "cambist:{*}:v1:fence"]).ok()?) {
            let until = server.try_command(&["HGET", &text(&key), "until"]).ok()?;
            highest = highest.max(text(&until).parse().unwrap_or(0));
        }
    }
    Some(highest)
}
