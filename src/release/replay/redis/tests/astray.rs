//! A node that is led to a server whose fence says that all is well, and where its tokens were never spent.

use std::sync::Arc;

use super::world::RedisWorld;
use crate::domain::{Clock as _, Seconds};
use crate::release::replay;
use crate::release::replay::world::{World as _, spend, token};
use crate::servers::{RedisOptions, text};
use crate::store::Store;

/// The server forgets the token, and its fence stands for that history as if it had always.
fn becomes_another(world: &RedisWorld, field: &str) {
    let server = world.server();
    for key in world.site.record_keys() {
        server.command(&["DEL", &key]);
    }
    let now = match field {
        "replid" => {
            server.command(&["DEBUG", "CHANGE-REPL-ID"]);
            server.info("replication")["master_replid"].clone()
        }
        _ => "another".into(),
    };
    server.command(&["HSET", "cambist:{00}:v1:fence", field, &now]);
}

#[tokio::test]
async fn a_node_trusts_no_other_history_without_a_higher_epoch_and_no_other_deployment() {
    for field in ["replid", "deployment", "epoch"] {
        let world = RedisWorld::single(RedisOptions::default()).await;
        let spends = token("a", &world);
        assert_eq!(spend(&world, &spends).await, "fresh", "{field}");
        becomes_another(&world, field);
        assert_eq!(spend(&world, &spends).await, "fenced", "{field}");
        world.clock().advance(world.guard().fence_margin() + Seconds(1));
        assert_eq!(spend(&world, &token("b", &world)).await, "fresh", "{field}: from then on this is its history");
    }
}

#[tokio::test]
async fn one_server_that_is_known_in_two_ways_is_fenced() {
    let world = RedisWorld::single(RedisOptions::default()).await;
    let epoch = world.server().command(&["HGET", "cambist:{00}:v1:fence", "epoch"]);
    assert_eq!(text(&epoch), "single", "a word that no Sentinel and no cluster says");
}

#[tokio::test]
async fn cutting_off_takes_back_a_fence_that_a_wrong_clock_put_up() {
    let world = RedisWorld::single(RedisOptions::default()).await;
    world.server().command(&["HSET", "cambist:{00}:v1:fence", "until", "4102444800", "latest", "4102444800"]);
    assert_eq!(spend(&world, &token("a", &world)).await, "fenced");
    let clock = Arc::new(crate::domain::ManualClock::at(world.clock().now()));
    replay::cut_off(&Store::Redis(world.store().clone()), clock).await.unwrap();
    assert_eq!(spend(&world, &token("b", &world)).await, "fenced", "what was issued before");
    world.clock().advance(world.guard().fence_margin() + Seconds(1));
    assert_eq!(spend(&world, &token("c", &world)).await, "fresh");
}
