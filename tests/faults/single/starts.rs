//! What no node starts on.

use crate::driver::{Issuers, Secrets};
use crate::servers::{RedisOptions, RedisServer, eventually};
use crate::store;
use crate::support::{Server, ServerOptions};

/// 22. `[store] url` names a replica.
///
/// Neither `store init` nor `serve` does anything, and both say what the URL must name.
pub(super) fn on_a_replica() {
    let options = RedisOptions { users: vec![store::user()], ..RedisOptions::default() };
    let master = RedisServer::start(&options);
    let replica = RedisServer::start(&RedisOptions { replica_of: Some(master.port()), ..options });
    eventually("it is attached", || replica.info("replication")["master_link_status"] == "up");
    let (secrets, trust) = (Secrets::new(), Issuers::start().trust());
    let node = |redis: &RedisServer| Server::prepare(&secrets.node(0, &store::section(&redis.url()), &trust));
    refuses(&node(&replica), &["replica", "url"], "an empty replica");
    let (code, said) = node(&master).command(&["store", "init"]);
    assert_eq!(code, Some(0), "{said}");
    refuses(&node(&replica), &["replica", "url"], "a replica of a store that is in use");
}

/// 23. A wrong password, and a user that lacks a right.
///
/// Each is refused at the start, with a sentence that leads to the password or to the rights, and never tells the password.
pub(super) fn without_rights() {
    let trust = Issuers::start().trust();
    for (user, words, why) in [
        (store::user().replace(">fault-plan-password", ">another"), ["access", "password"], "a wrong password"),
        (store::user().replace("+evalsha", ""), ["access", "docs/operations.md"], "no scripts"),
        (store::user().replace("+info", ""), ["access", "docs/operations.md"], "no look at the server"),
        (store::user().replace("~cambist:*", "~other:*"), ["access", "docs/operations.md"], "no keys"),
    ] {
        let redis = RedisServer::start(&RedisOptions { users: vec![user], ..RedisOptions::default() });
        let secrets = Secrets::new();
        let options: ServerOptions = secrets.node(0, &store::section(&redis.url()), &trust);
        refuses(&Server::prepare(&options), &words, why);
    }
}

fn refuses(node: &Server, words: &[&str], why: &str) {
    for command in [&["serve"][..], &["store", "init"]] {
        let (code, said) = node.command(command);
        assert!(code.is_some_and(|code| code != 0), "{why}: {command:?} went on: {said}");
        assert!(words.iter().all(|word| said.contains(word)), "{why}: {command:?} does not say what to do: {said}");
        assert!(!said.contains(store::PASSWORD), "{why}: {command:?} tells the password");
    }
}
