//! The contract of the guard on every topology.

use super::site::Site;
use super::world::RedisWorld;
use crate::release::replay::conformance::honours_the_contract;
use crate::servers::RedisOptions;

mod single {
    use super::*;

    honours_the_contract!(RedisWorld::on(Site::single(RedisOptions::default())));
}

#[test]
fn sentinel_honours_the_contract() {
    let site = Site::sentinel();
    honours_the_contract!(in_turn RedisWorld::on(site.clone()));
}

#[test]
fn cluster_honours_the_contract() {
    let site = Site::cluster();
    honours_the_contract!(in_turn RedisWorld::on(site.clone()));
}
