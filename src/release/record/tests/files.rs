//! The file: begun, continued, torn, rotated.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use proptest::prelude::*;

use super::support::*;
use crate::domain::Digest256;
use crate::release::record::*;

#[tokio::test]
async fn a_log_begins_continues_and_verifies() {
    let test = TestLog::new();
    let log = test.open();
    test.deny(&log, 3).await;
    log.close().await.unwrap();
    assert_eq!(log.refused(test.verified(), DENIED, None).await, Err(LogUnavailable::Broken), "nothing is recorded after the end");
    let log = test.open();
    test.deny(&log, 2).await;
    log.close().await.unwrap();
    let kinds = kinds(&test.content());
    assert_eq!(kinds.join(" "), "start decision decision decision checkpoint start decision decision checkpoint");
    let report = test.verify(&[&test.path()], test.kept.lock().unwrap().last().map(|head| head.digest));
    assert_eq!((report.faults.as_slice(), report.checkpoints, report.unsigned_tail, report.continues), (&[][..], 2, 0, None));
    assert_eq!(report.after_expected_head, Some(0), "the head at the end is kept");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&test.path()), mode(test.path().parent().unwrap())), (0o600, 0o700));
}

#[tokio::test]
async fn a_node_may_be_renamed_where_a_process_starts_and_nowhere_else() {
    let test = TestLog::new();
    for node in ["n1", "n2"] {
        let log = DecisionLog::open(LogSettings { node: node.into(), ..test.settings() }, test.edges()).unwrap();
        test.deny(&log, 1).await;
        log.close().await.unwrap();
    }
    assert_eq!(test.verify(&[&test.path()], None).faults, []);
    let edited = String::from_utf8(test.content()).unwrap().replacen(r#""node":"n1","decision""#, r#""node":"n9","decision""#, 1);
    assert_eq!(test.verify_bytes(edited.as_bytes(), None).faults[0].problem, Problem::OtherNode);
}

#[tokio::test]
async fn a_second_writer_is_refused() {
    let test = TestLog::new();
    let log = test.open();
    let error = DecisionLog::open(test.settings(), test.edges()).err().unwrap().to_string();
    assert!(error.contains("another process is writing it"), "{error}");
    log.close().await.unwrap();
    test.open();
}

#[tokio::test]
async fn a_file_that_others_may_touch_is_told() {
    for (mode, told) in [(0o600, false), (0o640, false), (0o660, true), (0o644, true), (0o606, true)] {
        let test = TestLog::new();
        test.open().close().await.unwrap();
        fs::set_permissions(test.path(), fs::Permissions::from_mode(mode)).unwrap();
        let said = test.directory.path().join("process.log");
        let file = std::sync::Mutex::new(fs::File::create(&said).unwrap());
        let subscriber = tracing_subscriber::fmt().with_writer(file).with_ansi(false).finish();
        let log = tracing::subscriber::with_default(subscriber, || test.open());
        log.close().await.unwrap();
        let said = fs::read_to_string(said).unwrap();
        assert_eq!(said.contains(&format!("chmod g-w,o-rwx {}", test.path().display())), told, "{mode:o}: {said}");
    }
}

#[tokio::test]
async fn a_line_torn_at_any_byte_is_closed_and_the_chain_goes_on() {
    let test = TestLog::new();
    let log = test.open();
    test.deny(&log, 2).await;
    log.close().await.unwrap();
    let whole = test.content();
    // The second decision: the line before the checkpoint.
    let line_before = |end: usize| whole[..end - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let decisions_end = line_before(whole.len());
    let last = line_before(decisions_end);
    for cut in last..=decisions_end {
        test.kept.lock().unwrap().clear();
        fs::write(test.path(), &whole[..cut]).unwrap();
        let log = test.open();
        test.deny(&log, 1).await;
        log.close().await.unwrap();
        let content = test.content();
        let report = test.verify_bytes(&content, None);
        assert_eq!(report.faults, [], "cut at {cut}");
        let torn = cut > last && cut < decisions_end - 1;
        assert_eq!(report.torn, u64::from(torn), "cut at {cut}");
        assert!(content.starts_with(&whole[..cut]), "nothing is rewritten");
        let expected = if torn { "start decision recovered start decision checkpoint" } else { "start decision" };
        assert!(kinds(&content).join(" ").starts_with(expected), "cut at {cut}");
    }
}

#[tokio::test]
async fn a_crash_while_a_torn_line_is_closed_is_mended_too() {
    let test = TestLog::new();
    let log = test.open();
    test.deny(&log, 1).await;
    log.close().await.unwrap();
    let whole = test.content();
    for (tail, why) in [
        (&b"{\"seq\":4,\"prev"[..], "a torn line"),
        (b"{\"seq\":4,\"prev\n", "closed, and no more"),
        (b"{\"seq\":4,\"prev\n{\"seq\":4,\"pr", "torn in the `recovered` line"),
        (b"{\"seq\":4,\"prev\n{\"seq\":4,\"pr\n{\"se", "twice"),
        (b"\n", "an empty line"),
        (&vec![0; 300_000], "zeros that a file system left behind"),
    ] {
        test.kept.lock().unwrap().clear();
        fs::write(test.path(), [&whole, tail].concat()).unwrap();
        let log = test.open();
        test.deny(&log, 1).await;
        log.close().await.unwrap();
        let report = test.verify(&[&test.path()], None);
        assert_eq!((report.faults, report.torn), (vec![], 1), "{why}");
    }
    for (content, why) in [(&b"{\"se"[..], "the very first line torn"), (b"", "an empty file")] {
        test.kept.lock().unwrap().clear();
        fs::write(test.path(), content).unwrap();
        let log = test.open();
        log.close().await.unwrap();
        let report = test.verify(&[&test.path()], None);
        assert_eq!((report.faults, report.continues), (vec![], None), "{why}");
    }
}

#[tokio::test]
async fn a_rotated_log_is_one_chain_over_all_files() {
    let test = TestLog::new();
    let old = test.path().with_extension("1");
    let log = test.open();
    test.deny(&log, 3).await;
    log.reopen().await.unwrap();
    assert_eq!(kinds(&test.content()).join(" "), "start decision decision decision checkpoint", "the same file is not started again");
    fs::rename(test.path(), &old).unwrap();
    test.deny(&log, 1).await;
    log.reopen().await.unwrap();
    test.deny(&log, 2).await;
    log.close().await.unwrap();
    assert_eq!(kinds(&test.content()).join(" "), "start decision decision checkpoint");
    let report = test.verify(&[&old, &test.path()], None);
    assert_eq!((report.faults, report.decisions, report.continues), (vec![], 6, None));
    let report = test.verify(&[&test.path()], None);
    let end_of_old = test.verify(&[&old], None).head.map(|head| head.digest);
    assert_eq!((report.faults, report.continues), (vec![], end_of_old), "alone, it says what it continues");
    let report = test.verify(&[&test.path(), &old], None);
    assert!(!report.is_clean(), "in the wrong order");
}

#[tokio::test]
async fn a_file_that_lost_its_end_keeps_the_gap() {
    let test = TestLog::new();
    let log = test.open();
    test.deny(&log, 5).await;
    log.close().await.unwrap();
    let whole = test.content();
    let two_lines = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
    fs::write(test.path(), &whole[..two_lines]).unwrap();
    let log = test.open();
    test.deny(&log, 1).await;
    log.close().await.unwrap();
    let report = test.verify(&[&test.path()], None);
    let problems: Vec<_> = report.faults.iter().map(|fault| (fault.line, fault.problem)).collect();
    assert_eq!(problems, [(3, Problem::Sequence { expected: 3, found: 8 })], "also without the kept head");
    fs::remove_file(test.path()).unwrap();
    let kept = *test.kept.lock().unwrap().last().unwrap();
    test.open().close().await.unwrap();
    let report = test.verify(&[&test.path()], None);
    assert_eq!((report.faults, report.continues), (vec![], Some(kept.digest)), "a new file continues from the kept head");
}

#[tokio::test]
async fn only_the_end_of_a_large_file_is_read_and_other_files_are_refused() {
    let test = TestLog::new();
    let log = test.open();
    test.deny(&log, 1).await;
    log.close().await.unwrap();
    let last_line = test.content();
    // Sparse gigabytes in front of it.
    let file = fs::OpenOptions::new().write(true).open(test.path()).unwrap();
    file.set_len(0).unwrap();
    let offset = 8 << 30;
    std::os::unix::fs::FileExt::write_all_at(&file, &[b"\n", last_line.as_slice()].concat(), offset).unwrap();
    drop(file);
    test.open().close().await.unwrap();
    assert!(fs::metadata(test.path()).unwrap().len() > offset + u64::try_from(last_line.len()).unwrap());
    let file = fs::OpenOptions::new().write(true).open(test.path()).unwrap();
    file.set_len(0).unwrap();
    file.set_len(100 << 20).unwrap();
    drop(file);
    let error = DecisionLog::open(test.settings(), test.edges()).err().unwrap().to_string();
    assert!(error.contains("does not end like a decision log"), "{error}");
}

#[tokio::test]
async fn checkpoints_come_every_thousand_lines_and_heads_are_kept() {
    let test = TestLog::new();
    let log = test.open();
    let waiting: Vec<_> = (0..2_500).map(|_| log.refused(test.verified(), DENIED, None)).collect();
    for line in waiting {
        line.await.unwrap();
    }
    log.close().await.unwrap();
    let report = test.verify(&[&test.path()], None);
    assert_eq!((report.faults, report.decisions, report.unsigned_tail), (vec![], 2_500, 0));
    assert!(report.checkpoints >= 3, "{}", report.checkpoints);
    let kept = test.kept.lock().unwrap().clone();
    for head in kept {
        assert!(test.verify(&[&test.path()], Some(head.digest)).is_clean(), "{head:?}");
    }
}

#[tokio::test]
async fn without_a_key_there_is_no_checkpoint_and_still_a_log() {
    let test = TestLog::new();
    let edges = LogEdges { sign: std::sync::Arc::new(|_| None), ..test.edges() };
    let log = DecisionLog::open(test.settings(), edges).unwrap();
    test.deny(&log, 1_200).await;
    log.close().await.unwrap();
    let report = test.verify(&[&test.path()], None);
    assert_eq!((report.faults, report.checkpoints, report.unsigned_tail), (vec![], 0, 1_201));
    let kept = test.kept.lock().unwrap().last().map(|head| head.digest);
    assert_eq!(kept, report.head.map(|head| head.digest), "the head at the end is kept all the same");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_torn_bytes_stand_at_the_end_the_chain_goes_on(tail in proptest::collection::vec(any::<u8>(), 1..400)) {
        let test = TestLog::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let log = test.open();
            test.deny(&log, 1).await;
            log.close().await.unwrap();
            let whole = test.content();
            fs::write(test.path(), [&whole[..], &tail].concat()).unwrap();
            test.open().close().await.unwrap();
        });
        let report = test.verify(&[&test.path()], None);
        prop_assert!(report.is_clean(), "{:?}", report.faults);
        prop_assert!(report.head.is_some_and(|head| head.digest != Digest256::of(b"")));
    }
}
