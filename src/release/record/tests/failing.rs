//! A log that cannot be written, floods, and what is released meanwhile: nothing.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use super::support::*;
use crate::release::record::*;

/// Waits until the log is as expected, for as long as a slow machine may need.
async fn until_broken_is(log: &DecisionLog, broken: bool) {
    let becomes_so = async {
        while log.is_broken() != broken {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), becomes_so).await.unwrap();
}

/// The path becomes a link, so that the disk behind it can be exchanged for a full one.
fn point_at(test: &TestLog, target: &std::path::Path) {
    fs::create_dir_all(test.path().parent().unwrap()).unwrap();
    let _ = fs::remove_file(test.path());
    symlink(target, test.path()).unwrap();
}

#[tokio::test]
async fn a_full_disk_stops_releases_until_there_is_room_again() {
    let test = TestLog::new();
    let real = test.directory.path().join("real.jsonl");
    point_at(&test, &real);
    let log = test.open();
    test.deny(&log, 2).await;
    let room = log.reserve().unwrap();
    point_at(&test, "/dev/full".as_ref());
    assert_eq!(log.reopen().await, Err(LogUnavailable::Broken));
    assert_eq!(log.reserve().err(), Some(LogUnavailable::Broken), "nothing is spent for a log that cannot take it");
    assert_eq!(log.refused(test.verified(), DENIED, Some(room)).await, Err(LogUnavailable::Broken), "a room from before is no promise");
    assert_eq!(log.refused(test.verified(), DENIED, None).await, Err(LogUnavailable::Broken));
    log.noted(&test.unverified(), EXPIRED);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(log.is_broken(), "still full at the next try");
    point_at(&test, &real);
    until_broken_is(&log, false).await;
    test.deny(&log, 1).await;
    log.close().await.unwrap();
    let kinds = kinds(&fs::read(&real).unwrap()).join(" ");
    assert!(kinds.contains("recovered"), "{kinds}");
    assert!(kinds.contains("folded"), "what happened meanwhile was counted: {kinds}");
    let report = test.verify(&[&real], None);
    assert_eq!((report.faults, report.decisions), (vec![], 3));
}

#[test]
fn a_place_that_cannot_be_written_stops_the_start() {
    let test = TestLog::new();
    for place in ["/dev/full", "/proc/no/such/place.jsonl", "/"] {
        let settings = LogSettings { place: LogPlace::from_setting(place), ..test.settings() };
        let error = DecisionLog::open(settings, test.edges()).err().unwrap().to_string();
        assert!(error.starts_with(&format!("cannot write the decision log to {place}: ")), "{error}");
    }
    assert_eq!(LogPlace::from_setting("-"), LogPlace::StandardOutput);
}

/// The other half of [`a_write_cut_in_the_middle_leaves_a_torn_line_and_nothing_released`], under a limit on the size of files.
#[tokio::test]
#[ignore = "run by another test, in a process of its own"]
#[expect(clippy::disallowed_methods, reason = "how the other test names the directory")]
async fn child_under_a_file_size_limit() {
    let Ok(path) = std::env::var("CAMBIST_TEST_LOG") else { return };
    let test = TestLog::new();
    let settings = LogSettings { place: LogPlace::from_setting(&path), sync: SyncMode::Always, ..test.settings() };
    let log = DecisionLog::open(settings, test.edges()).unwrap();
    let mut recorded = 0;
    while log.refused(test.verified(), DENIED, None).await.is_ok() {
        recorded += 1;
    }
    assert_eq!(log.reserve().err(), Some(LogUnavailable::Broken));
    let torn = fs::read(&path).unwrap();
    assert_ne!(torn.last(), Some(&b'\n'), "the limit cuts a line: choose another one");
    let limit = ["--fsize=unlimited", "--pid", &std::process::id().to_string()].map(str::to_owned);
    assert!(Command::new("prlimit").args(limit).status().unwrap().success());
    until_broken_is(&log, false).await;
    test.deny(&log, 1).await;
    log.close().await.unwrap();
    let report = test.verify(&[path.as_ref()], None);
    assert_eq!((report.faults, report.torn, report.decisions), (vec![], 1, recorded + 1));
}

#[test]
fn a_write_cut_in_the_middle_leaves_a_torn_line_and_nothing_released() {
    let test = TestLog::new();
    // A write that reaches the limit is cut short; the next one fails with EFBIG, as long as SIGXFSZ is ignored.
    let script = r#"trap "" XFSZ; exec prlimit --fsize=5000:unlimited "$0" --exact "$1" --ignored"#;
    let name = "release::record::tests::failing::child_under_a_file_size_limit";
    let mut child = Command::new("sh");
    child.args(["-c", script]).arg(std::env::current_exe().unwrap()).arg(name).env("CAMBIST_TEST_LOG", test.path());
    let output = child.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn rooms_bound_the_queue_and_are_given_back() {
    let test = TestLog::new();
    let log = test.open();
    let rooms: Vec<_> = (0..QUEUE_LINES).map(|_| log.reserve().unwrap()).collect();
    assert_eq!(log.reserve().err(), Some(LogUnavailable::Full));
    assert_eq!(log.refused(test.verified(), DENIED, None).await, Err(LogUnavailable::Full));
    log.noted(&test.unverified(), EXPIRED);
    drop(rooms);
    test.deny(&log, 1).await;
    // The answer comes a moment before the room is given back.
    while log.free_rooms() < QUEUE_LINES {
        tokio::task::yield_now().await;
    }
    log.close().await.unwrap();
    assert_eq!(kinds(&test.content()).join(" "), "start decision folded checkpoint", "what found no room was counted");
}

#[tokio::test]
async fn a_flood_before_the_signature_is_folded_and_never_stops_issuing() {
    let test = TestLog::new();
    let log = test.open();
    let controls = "\0".repeat(64);
    for index in 0..100_000_u64 {
        if index % 2_000 == 0 {
            // Two thousand a second, and a verified request now and then.
            test.clock.advance(crate::domain::Seconds(1));
            test.deny(&log, 1).await;
        }
        let mut draft = test.unverified();
        draft.asked(Some(&controls), Some(&controls));
        log.noted(&draft, EXPIRED);
    }
    log.close().await.unwrap();
    let content = test.content();
    assert!(content.len() < 10 * 1024 * 1024, "{}", content.len());
    let lines: Vec<serde_json::Value> = content.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let folded: u64 = lines.iter().filter_map(|line| line.get("count")?.as_u64()).sum();
    let own = lines.iter().filter(|line| line["reason"] == "expired" && line["kind"] == "decision").count();
    assert_eq!((own, folded), (50 * 50, 100_000 - 50 * 50), "each one is a line or is counted");
    let report = test.verify_bytes(&content, None);
    assert_eq!((report.faults, report.decisions), (vec![], 50 + 50 * 50));
}

#[tokio::test]
async fn always_waits_for_the_disk_and_otherwise_says_the_same() {
    let test = TestLog::new();
    let log = DecisionLog::open(LogSettings { sync: SyncMode::Always, ..test.settings() }, test.edges()).unwrap();
    let waiting: Vec<_> = (0..20).map(|_| log.refused(test.verified(), DENIED, None)).collect();
    for line in waiting {
        line.await.unwrap();
    }
    log.close().await.unwrap();
    assert_eq!(test.verify(&[&test.path()], None).decisions, 20);
}
