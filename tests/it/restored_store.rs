//! A database that was restored from a backup, beside the decision log that nobody restored.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use cambist::app::App;
use cambist::config::Settings;
use cambist::document::Diagnostics;
use cambist::domain::{ManualClock, Timestamp};
use tempfile::TempDir;

use crate::support::{DEPLOY, ISSUER, NOW, ONE_TARGET, OWN_ISSUER, TestApp, World, verdict};

fn copy(from: &Path, to: &Path, names: &[&str]) {
    for name in names {
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

/// A folder with trust and settings and nothing else.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("trust")).unwrap();
    fs::create_dir_all(folder.path().join("state")).unwrap();
    fs::write(folder.path().join("trust/test.toml"), ONE_TARGET).unwrap();
    fs::write(folder.path().join("cambist.toml"), format!("issuer = \"{OWN_ISSUER}\"\n")).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_older_than_the_log_starts_with_a_fence() {
    const DATABASE: [&str; 3] = ["cambist.db", "cambist.db-wal", "cambist.db-shm"];
    let (first, backup) = (folder(), tempfile::tempdir().unwrap());
    let settings = Settings::load(&first.path().join("cambist.toml"), &Diagnostics::new()).unwrap();
    App::prepare_store(&settings, Arc::new(ManualClock::at(Timestamp::from_unix(NOW - 100)))).await.unwrap();
    copy(&first.path().join("state"), backup.path(), &DATABASE);

    let world = World::around(TestApp::start_in(first).await.unwrap(), "oidc", ISSUER);
    let spent = world.token();
    assert_eq!(verdict(&world.app.exchange(&spent, DEPLOY).await), "200 use");
    let running = world.app.folder.path().join("state");
    for (why, database, again, fresh) in [
        ("killed", running.as_path(), "400 invalid_request rejected: replayed", "200 use"),
        ("restored", backup.path(), "400 invalid_request rejected: fenced", "400 invalid_request rejected: fenced"),
    ] {
        let next = folder();
        let state = next.path().join("state");
        copy(&running, &state, &["decisions.jsonl"]);
        copy(database, &state, &DATABASE);
        if why == "killed" {
            copy(&running, &state, &["encryption.key"]);
        }
        let app = TestApp::start_in(next).await.unwrap();
        app.web.publish(ISSUER, &world.issuer.key_set().unwrap());
        assert_eq!(verdict(&app.exchange(&spent, DEPLOY).await), again, "{why}");
        assert_eq!(verdict(&app.exchange(&world.token(), DEPLOY).await), fresh, "{why}");
    }
}
