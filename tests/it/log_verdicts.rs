//! `cambist log verify`: a verdict only when something vouches for it.

use std::fs;
use std::time::Duration;

use cambist::domain::Digest256;
use cambist::release::record::{Head, save_head};
use cambist::store::{OpenMode, SqliteSettings, Store};

use crate::support::{TestApp, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nothing_vouches_for_is_not_called_clean() {
    let app = TestApp::with_trust("").await.unwrap();
    let state = app.folder.path().join("state");
    let (config, log, other) = (app.folder.path().join("cambist.toml"), state.join("decisions.jsonl"), state.join("other.jsonl"));
    let signed = async {
        while !fs::read_to_string(&log).unwrap().contains("\"checkpoint\"") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), signed).await.expect("the first checkpoint does not wait for a minute");
    let (code, said) = run(&["log", "verify"], Some(&config));
    assert!(code == Some(0) && said.contains("\nclean"), "{code:?}: {said}");

    let zeros = "0".repeat(64);
    let start =
        format!(r#"{{"seq":1,"prev":"{zeros}","kind":"start","time":"2027-01-01T00:00:00.000Z","node":"other","previous_head":null}}"#);
    fs::write(&other, format!("{start}\n")).unwrap();
    let file = other.to_str().unwrap();
    let (code, said) = run(&["log", "verify", file], Some(&config));
    assert!(
        code == Some(1) && said.contains("UNPROVEN: ") && said.contains("--head"),
        "no head of that node, no checkpoint: {code:?}: {said}"
    );
    let head = Digest256::of(start.as_bytes());
    let (code, said) = run(&["log", "verify", file, "--head", &head.to_string()], Some(&config));
    assert!(code == Some(0) && said.contains("\nclean"), "its head was given: {code:?}: {said}");

    let store = Store::sqlite(&SqliteSettings { path: state.join("cambist.db") }, &[], OpenMode::Command).unwrap();
    for (digest, expected, why) in [(Digest256::of(b"x"), 1, "more is kept of that node"), (head, 0, "its head is kept")] {
        save_head(&store, "other", Head { seq: 1, digest, unix_millis: 0 }).await.unwrap();
        let (code, said) = run(&["log", "verify", file], Some(&config));
        assert_eq!(code, Some(expected), "{why}: {said}");
    }
}
