//! `cambist store init` beside running servers.

use super::{Site, lower_the_fence, note, until_ready};
use crate::processes::{jwks, kids_of};
use crate::servers::RedisOptions;
use crate::support::{Server, eventually};

#[test]
fn a_new_history_stops_every_running_server_until_it_is_restarted() {
    let site = Site::new();
    let redis = Site::redis(RedisOptions::default());
    let mut first = site.first(&redis);
    let second = site.another("n2", &redis);
    let (spent, kept) = (site.once.token(), site.once.token());
    assert_eq!(first.exchange(&spent).status, 200);
    let before = kids_of(&jwks(&first));
    assert_eq!(before, kids_of(&jwks(&second)));

    let (code, said) = first.command(&["store", "init"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("initialised already") && said.contains("--accept-loss"), "{said}");
    assert_eq!(second.exchange(&spent).reason(), "rejected: replayed", "nothing was done");

    let (code, said) = first.command(&["store", "init", "--accept-loss"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("new deployment"), "{said}");
    let refuses = |server: &Server| {
        eventually("it notices", || server.degraded().contains(&"store_unavailable".to_owned()));
        let said = note(server, "store_unavailable");
        assert!(said.contains("another deployment") && said.contains("restart"), "{said}");
        assert_eq!(server.exchange(&kept).reason(), "unavailable: signing_unavailable", "its keys are cut off");
        assert_eq!(server.exchange(&site.reusable_token()).reason(), "unavailable: signing_unavailable");
    };
    refuses(&first);
    refuses(&second);

    assert_eq!(first.terminate(), Some(0));
    first.restart();
    until_ready(&first);
    let after = kids_of(&jwks(&first));
    assert!(after.iter().all(|kid| !before.contains(kid)), "what was signed before verifies no more");
    for token in [&spent, &kept] {
        assert_eq!(first.exchange(token).reason(), "rejected: fenced");
    }
    lower_the_fence(&redis);
    assert_eq!(first.exchange(&site.once.token()).status, 200);
    assert_eq!(first.exchange(&spent).reason(), "rejected: replayed", "what was spent stays spent");
    refuses(&second);
    assert_eq!(kids_of(&jwks(&first)), after, "the old node has not written its ring back");
}

#[test]
fn an_emptied_store_without_servers_wants_a_word_of_the_administrator() {
    let site = Site::new();
    let redis = Site::redis(RedisOptions::default());
    let mut server = site.first(&redis);
    let spent = site.once.token();
    assert_eq!(server.exchange(&spent).status, 200);
    assert_eq!(server.terminate(), Some(0));
    redis.command(&["FLUSHALL"]);
    for command in [&["keys", "list"][..], &["log", "verify"]] {
        let (code, said) = server.command(command);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("its data is lost") && said.contains("--accept-loss"), "{said}");
    }
    let (code, said) = server.command(&["store", "init", "--accept-loss"]);
    assert_eq!(code, Some(0), "{said}");
    server.restart();
    until_ready(&server);
    assert_eq!(server.exchange(&spent).reason(), "rejected: fenced");
}
