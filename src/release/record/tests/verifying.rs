//! What a reader with suspicion finds.

use proptest::prelude::*;

use super::support::*;
use crate::domain::Digest256;
use crate::release::record::*;

/// Start, five denials, a checkpoint; then the same again by a second process.
async fn written(test: &TestLog) -> Vec<u8> {
    for _ in 0..2 {
        let log = test.open();
        test.deny(&log, 5).await;
        log.close().await.unwrap();
    }
    test.content()
}

fn lines(content: &[u8]) -> Vec<Vec<u8>> {
    content.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

fn head_of(content: &[u8]) -> Option<Digest256> {
    lines(content).last().map(|line| Digest256::of(&line[..line.len() - 1]))
}

/// Signs a checkpoint line anew, as somebody without the key cannot.
fn with_signature(line: &[u8], signature: &str) -> Vec<u8> {
    let text = String::from_utf8(line.to_vec()).unwrap();
    let (front, _) = text.split_once(r#""signature":"#).unwrap();
    format!("{front}\"signature\":\"{signature}\"}}\n").into_bytes()
}

#[tokio::test]
async fn edits_removals_reorderings_insertions_and_truncations_are_found() {
    type Edit = fn(&mut Vec<Vec<u8>>);
    let test = TestLog::new();
    let content = written(&test).await;
    let head = head_of(&content);
    assert!(test.verify_bytes(&content, head).is_clean());
    let cases: [(&str, Edit, Option<u64>); 14] = [
        ("an outcome edited", |all| all[2] = String::from_utf8(all[2].clone()).unwrap().replace("denied", "issued").into(), Some(4)),
        ("a line removed", |all| drop(all.remove(3)), Some(4)),
        ("two lines exchanged", |all| all.swap(2, 3), Some(3)),
        ("a line twice", |all| all.insert(3, all[2].clone()), Some(4)),
        ("a line made up", |all| all.insert(3, b"{\"kind\":\"decision\"}\n".to_vec()), Some(4)),
        ("an empty line", |all| all.insert(3, b"\n".to_vec()), Some(4)),
        ("a line that is no JSON", |all| all[3] = b"gone\n".to_vec(), Some(4)),
        ("the first line removed", |all| drop(all.remove(0)), Some(1)),
        ("the first process removed", |all| drop(all.drain(..7)), None),
        ("a start line removed", |all| drop(all.remove(7)), Some(8)),
        ("a checkpoint removed", |all| drop(all.remove(6)), Some(7)),
        ("the last line removed", |all| drop(all.pop()), Some(13)),
        ("the second process removed", |all| all.truncate(7), Some(7)),
        ("everything removed", Vec::clear, Some(0)),
    ];
    for (why, edit, at) in cases {
        let mut all = lines(&content);
        edit(&mut all);
        let report = test.verify_bytes(&all.concat(), head);
        assert_eq!(report.faults.first().map(|fault| fault.line), at, "{why}: {:?}", report.faults);
        // The one change that leaves a good chain is to be seen by what it continues.
        assert!(at.is_some() || report.continues.is_some(), "{why}");
    }
}

#[tokio::test]
async fn a_checkpoint_proves_exactly_the_lines_before_it() {
    let test = TestLog::new();
    let all = lines(&written(&test).await);
    let checkpoint = &all[6];
    let view: serde_json::Value = serde_json::from_slice(checkpoint).unwrap();
    let (head, time) = (Digest256::of(&all[5][..all[5].len() - 1]), view["time"].as_str().unwrap());
    let payload = |node: &str, seq: u64| format!(r#"{{"node":"{node}","seq":{seq},"head":"{head}","time":"{time}"}}"#).into_bytes();
    let good = test.sign_as(CHECKPOINT_TYPE, &payload("n1", 6));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let other_message = test.sign_as(CHECKPOINT_TYPE, &payload("n1", 5));
    for (signature, clean, why) in [
        (good.clone(), true, "signed again"),
        (test.sign_as("at+jwt", &payload("n1", 6)), false, "a token's signature is none"),
        (test.sign_as(CHECKPOINT_TYPE, &payload("n1", 5)), false, "another line"),
        (test.sign_as(CHECKPOINT_TYPE, &payload("n2", 6)), false, "another node"),
        (format!("{}.{signature}", other_message.rsplit_once('.').unwrap().0), false, "a signature over something else"),
        (format!("{message}."), false, "no signature"),
        (String::new(), false, "nothing"),
    ] {
        // The last line of this log, so that nothing but the signature can be wrong.
        let log = [all[..6].concat(), with_signature(checkpoint, &signature)].concat();
        let report = test.verify_bytes(&log, None);
        assert_eq!(report.is_clean(), clean, "{why}");
        assert!(clean || report.faults[0].problem == Problem::Checkpoint, "{why}: {:?}", report.faults);
        assert_eq!((report.checkpoints, report.unsigned_tail), if clean { (1, 0) } else { (0, 7) }, "{why}");
    }
    let report = verify_log(all.concat().as_slice(), |_| None, None).unwrap();
    assert_eq!((report.faults, report.checkpoints, report.checkpoints_of_unknown_keys), (vec![], 0, 2));
    assert_eq!(report.unsigned_tail, report.lines, "a key that nobody knows proves nothing");
}

#[tokio::test]
async fn a_recovered_line_excuses_only_the_bytes_it_names() {
    let test = TestLog::new();
    let content = written(&test).await;
    test.kept.lock().unwrap().clear();
    std::fs::write(test.path(), [&content[..], b"{\"seq\":15,\"pr"].concat()).unwrap();
    test.open().close().await.unwrap();
    let content = test.content();
    assert!(test.verify_bytes(&content, None).is_clean());
    for (from, to, why) in [
        ("{\"seq\":15,\"pr\n", "{\"seq\":15,\"px\n", "another torn line"),
        ("{\"seq\":15,\"pr\n", "", "no torn line"),
        ("{\"seq\":15,\"pr\n", "{\"seq\":15,\"pr\nmore\n", "more than the torn line"),
        ("\"length\":13", "\"length\":12", "another length"),
    ] {
        let edited = String::from_utf8(content.clone()).unwrap().replacen(from, to, 1);
        assert_eq!(test.verify_bytes(edited.as_bytes(), None).faults[0].problem, Problem::Recovered, "{why}");
    }
}

#[tokio::test]
async fn a_log_that_is_being_written_is_no_fault() {
    let test = TestLog::new();
    let content = written(&test).await;
    let report = test.verify_bytes(&content[..content.len() - 20], None);
    assert_eq!((report.faults, report.lines), (vec![], 13));
    assert!(report.unfinished_bytes > 20);
}

/// A file that ends somewhere, and has grown when it is read again.
struct Growing<'a>(Vec<&'a [u8]>);

impl std::io::Read for Growing<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self.0.first_mut() {
            Some([]) => self.0.remove(0).read(into),
            Some(part) => part.read(into),
            None => Ok(0),
        }
    }
}

#[tokio::test]
async fn a_log_that_grows_while_it_is_read_is_read_to_where_it_ended() {
    let test = TestLog::new();
    let content = written(&test).await;
    let (first, rest) = content.split_at(content.len() - 20);
    let report = verify_log(Growing(vec![first, rest]), |kid| test.key(kid), None).unwrap();
    assert_eq!((report.faults, report.lines), (vec![], 13), "the second half of a line is no line");
    assert!(report.unfinished_bytes > 20);
}

#[test]
fn any_edit_of_any_byte_is_found() {
    let test = TestLog::new();
    let content = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(written(&test));
    let head = head_of(&content);
    let edits = (0..content.len(), any::<u8>(), 0..3_u8);
    proptest!(ProptestConfig::with_cases(512), |((at, byte, how) in edits)| {
        let mut edited = content.clone();
        match how {
            0 => edited[at] = byte,
            1 => edited.insert(at, byte),
            _ => drop(edited.remove(at)),
        }
        // Without its last newline the last line still says the same.
        prop_assume!(edited != content && content.strip_suffix(b"\n") != Some(&edited));
        let report = test.verify_bytes(&edited, head);
        prop_assert!(!report.is_clean(), "{} at {}", how, at);
    });
}
