//! Several nodes on one Redis.

use std::sync::Barrier;

use super::*;
use crate::release::issuance::begin_anew;

impl Deployment {
    fn others_begin_anew(&self) {
        let store = self.store(OpenMode::Init { accept_loss: true });
        self.runtime.block_on(begin_anew(&store)).unwrap();
    }

    fn node_with_store(&self) -> (Arc<Keys>, Store) {
        let store = self.store(OpenMode::Serve);
        let keys = Keys::open(store.clone(), self.settings(&["first.key"]), self.clock.clone()).unwrap();
        (Arc::new(keys), store)
    }

    fn two_that_agree(&self) -> [Arc<Keys>; 2] {
        let nodes = [self.server(), self.server()];
        for node in &nodes {
            self.refresh(node).unwrap();
        }
        nodes
    }

    fn fields_of_the_ring(&self) -> String {
        crate::servers::text(&self.redis().command(&["HLEN", "cambist:{state}:v1:key-ring"]))
    }
}

#[test]
fn three_nodes_that_start_at_once_have_one_ring() {
    let deployment = Deployment::on_redis();
    let stores: Vec<_> = (0..3).map(|_| deployment.store(OpenMode::Serve)).collect();
    let start = Barrier::new(stores.len());
    let open = |store: Store| {
        start.wait();
        Keys::open(store, deployment.settings(&["first.key"]), deployment.clock.clone()).unwrap()
    };
    let nodes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = stores.into_iter().map(|store| scope.spawn(|| open(store))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(nodes.iter().all(|node| node.ring().jwks() == nodes[0].ring().jwks()));
    assert_eq!(nodes[0].history().unwrap().len(), 6, "the rings of the slower ones were never published");
}

#[test]
fn of_two_nodes_that_rotate_at_once_one_does() {
    let deployment = Deployment::on_redis();
    let nodes = [deployment.server(), deployment.server()];
    deployment.refresh(&nodes[0]).unwrap();
    deployment.clock.advance(Seconds(30 * 86_400));
    let before = nodes[0].ring();
    let start = Barrier::new(2);
    std::thread::scope(|scope| {
        for node in &nodes {
            scope.spawn(|| {
                start.wait();
                node.refresh_blocking().unwrap();
            });
        }
    });
    for node in &nodes {
        deployment.refresh(node).unwrap();
    }
    assert_eq!(nodes[0].describe(), nodes[1].describe());
    let retired = |state: &KeyState| matches!(state, KeyState::Retired { .. });
    assert_eq!(nodes[0].describe().iter().filter(|key| retired(&key.state)).count(), 3, "one rotation, not two");
    let now = deployment.clock.now();
    assert_eq!(accepted(&nodes[1].ring(), Algorithm::Es256, before.jwks(), now), Ok(()), "verifiers knew the new key before");
}

#[test]
fn a_nonce_of_one_node_is_good_on_every_other() {
    let deployment = Deployment::on_redis();
    let [ahead, behind] = deployment.two_that_agree();
    let now = || deployment.clock.now();
    let knows = |node: &Arc<Keys>, nonce: &str| node.ring().proof_nonces().unwrap().accept(nonce, now());
    let give = |node: &Arc<Keys>| node.ring().proof_nonces().unwrap().give(now());
    assert_eq!(give(&ahead), give(&behind), "they hold the same keys");
    assert!(knows(&deployment.server(), &give(&ahead)), "also after a restart");

    deployment.clock.advance(PUBLISH_AHEAD);
    ahead.rotate().unwrap();
    assert_ne!(give(&ahead), give(&behind), "one has rotated, and the other has not heard of it");
    assert!(knows(&ahead, &give(&behind)) && knows(&behind, &give(&ahead)));

    let stale = give(&behind);
    ahead.drop_compromised(None).unwrap();
    assert!(!knows(&ahead, &stale), "whoever has a dropped key makes no nonces");
    deployment.refresh(&behind).unwrap();
    assert_eq!(give(&ahead), give(&behind));
}

#[test]
fn a_rotation_that_a_failover_lost_comes_back() {
    let deployment = Deployment::on_redis();
    let nodes = deployment.two_that_agree();
    deployment.spoil(Accident::Backup);
    deployment.clock.advance(PUBLISH_AHEAD);
    nodes[0].rotate().unwrap();
    let rotated = nodes[0].ring();
    // The new master has not heard of it; neither has the other node.
    deployment.spoil(Accident::OldBackup);
    deployment.refresh(&nodes[1]).unwrap();
    assert!(nodes[1].ring().version() < rotated.version());
    deployment.refresh(&nodes[0]).unwrap();
    deployment.refresh(&nodes[1]).unwrap();
    assert!(nodes[1].ring().version() > rotated.version(), "higher than anything that was ever there");
    assert_eq!(nodes[1].ring().jwks(), rotated.jwks());
}

#[test]
fn a_dropped_key_does_not_come_back_with_a_node_whose_change_was_lost() {
    let deployment = Deployment::on_redis();
    let nodes = deployment.two_that_agree();
    deployment.spoil(Accident::Backup);
    deployment.clock.advance(PUBLISH_AHEAD);
    let compromised = kid(&nodes[0], Algorithm::Es256, signs);
    nodes[0].rotate().unwrap();
    deployment.refresh(&nodes[0]).unwrap();
    deployment.spoil(Accident::OldBackup);
    nodes[1].drop_compromised(Some(&compromised)).unwrap();
    for node in &nodes {
        deployment.refresh(node).unwrap();
        assert!(!kids(node).contains(&compromised));
    }
    assert_eq!(nodes[0].describe(), nodes[1].describe());
}

#[test]
fn who_was_paused_signs_nothing_before_a_look() {
    let deployment = Deployment::on_redis();
    let node = deployment.server();
    let now = deployment.clock.now();
    let (forward, and_back) = (now + Seconds(11), now);
    for (why, pause) in [
        ("stopped", &(|| deployment.clock.advance(Seconds(11))) as &dyn Fn()),
        ("a machine that slept: its monotonic clock stood still", &|| deployment.clock.step_to(deployment.clock.now() + Seconds(11))),
        ("a wall clock that was set back meanwhile", &|| {
            deployment.clock.advance(Seconds(11));
            deployment.clock.step_to(and_back);
        }),
    ] {
        deployment.clock.step_to(now);
        deployment.refresh(&node).unwrap();
        assert!(node.ring_for_issuing().is_ok(), "{why}");
        pause();
        assert!(deployment.clock.now() == and_back || deployment.clock.now() == forward);
        assert_eq!(node.ring_for_issuing().unwrap_err(), CannotIssue::Late, "{why}");
        assert_eq!(node.describe().len(), 6, "{why}: it is still published");
        deployment.refresh(&node).unwrap();
        assert!(node.ring_for_issuing().is_ok(), "{why}: it has looked");
    }
}

#[test]
fn issuing_goes_on_while_the_store_is_away_but_not_after_a_pause() {
    let deployment = Deployment::on_redis();
    let node = deployment.server();
    deployment.redis().kill();
    for _ in 0..5 {
        deployment.clock.advance(Seconds(9));
        assert!(matches!(deployment.refresh(&node), Err(KeysError::Store(_))));
        assert!(node.ring_for_issuing().is_ok(), "who cannot be reached can be changed by nobody");
    }
    deployment.clock.advance(Seconds(11));
    assert!(deployment.refresh(&node).is_err());
    assert_eq!(node.ring_for_issuing().unwrap_err(), CannotIssue::Late, "the store may have been there, and gone again");
    deployment.redis().restart();
    crate::servers::eventually("it has looked", || deployment.refresh(&node).is_ok());
    assert!(node.ring_for_issuing().is_ok());
}

#[test]
fn nothing_is_issued_from_noticing_a_loss_until_the_ring_is_back() {
    let deployment = Deployment::on_redis();
    let (node, store) = deployment.node_with_store();
    let held = node.ring();
    deployment.redis().command(&["FLUSHALL"]);
    assert!(node.ring_for_issuing().is_ok(), "nobody has noticed");
    deployment.runtime.block_on(store.check()).unwrap();
    assert_eq!((node.ring_for_issuing().unwrap_err(), store.losses()), (CannotIssue::Lost, 1));
    deployment.redis().stop_process();
    assert!(deployment.refresh(&node).is_err());
    assert_eq!(node.ring_for_issuing().unwrap_err(), CannotIssue::Lost, "it is not back");
    deployment.redis().continue_process();
    crate::servers::eventually("it is back", || deployment.refresh(&node).is_ok());
    assert!(node.ring_for_issuing().unwrap().version() > held.version());
    assert_eq!(deployment.command().ring().jwks(), held.jwks());
    deployment.runtime.block_on(store.check()).unwrap();
    assert_eq!(store.losses(), 1, "the deployment id is back too");
}

#[test]
fn a_new_history_is_not_spoilt_by_a_node_of_the_old_one() {
    let deployment = Deployment::on_redis();
    let (node, store) = deployment.node_with_store();
    let before = kids(&node);
    deployment.others_begin_anew();
    for _ in 0..2 {
        let outcome = deployment.refresh(&node);
        assert!(matches!(outcome, Err(KeysError::Store(StoreError::AnotherDeployment { .. }))), "{outcome:?}");
        assert_eq!(node.ring_for_issuing().unwrap_err(), CannotIssue::Lost);
        assert_eq!(deployment.fields_of_the_ring(), "0", "the old ring was not written back");
        // Not even when its own id is there again: what happened meanwhile is not known.
        deployment.redis().command(&["SET", "cambist:{state}:v1:deployment", store.deployment().as_str()]);
    }
    assert!(matches!(deployment.runtime.block_on(store.check()), Err(StoreError::AnotherDeployment { .. })));
    let fresh = deployment.server();
    assert!(kids(&fresh).is_disjoint(&before));
}

#[test]
fn a_new_history_begins_in_one_step_under_nodes_that_write() {
    let deployment = Deployment::on_redis();
    let nodes: Vec<_> = (0..3).map(|_| deployment.server()).collect();
    let before = kids(&nodes[0]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for node in &nodes {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let _ = node.refresh_blocking();
                }
            });
        }
        deployment.others_begin_anew();
        let found = deployment.fields_of_the_ring();
        done.store(true, Ordering::SeqCst);
        assert_eq!(found, "0");
    });
    assert_eq!(deployment.fields_of_the_ring(), "0", "nobody has written the old ring back");
    assert!(kids(&deployment.server()).is_disjoint(&before));
}
