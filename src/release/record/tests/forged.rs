//! A file that somebody else wrote: the server must not sign what it did not write.

use std::fs;

use super::support::*;
use crate::domain::Digest256;
use crate::release::record::*;

/// Links the bodies of these lines anew, as anybody can who can write the file.
fn relinked(lines: Vec<&str>) -> String {
    let (mut seq, mut prev, mut out) = (0_u64, Digest256::from_bytes([0; 32]), String::new());
    for line in lines {
        let (_, body) = line.split_once(r#""kind""#).unwrap();
        seq += 1;
        let linked = format!(r#"{{"seq":{seq},"prev":"{prev}","kind"{body}"#);
        prev = Digest256::of(linked.as_bytes());
        out = out + &linked + "\n";
    }
    out
}

/// What this process and the next ones make of a file that was replaced while no server ran.
async fn continued(test: &TestLog, content: &str) -> Report {
    fs::write(test.path(), content).unwrap();
    for _ in 0..2 {
        let log = test.open();
        test.deny(&log, 1).await;
        log.close().await.unwrap();
    }
    test.verify(&[&test.path()], test.kept.lock().unwrap().last().map(|head| head.digest))
}

/// A start, five denials, a checkpoint; the last is kept.
async fn written(test: &TestLog) -> (String, Head) {
    let log = test.open();
    test.deny(&log, 5).await;
    log.close().await.unwrap();
    (String::from_utf8(test.content()).unwrap(), *test.kept.lock().unwrap().last().unwrap())
}

#[tokio::test]
async fn a_forged_past_is_never_signed() {
    type Forge = fn(&[&str]) -> String;
    let forgeries: [(&str, Forge); 5] = [
        ("an outcome edited", |all| relinked([&all[..3], &[&all[3].replace("denied", "issued")], &[all[4]; 9]].concat())),
        ("a line removed", |all| relinked([&all[..3], &[all[5]; 9]].concat())),
        ("shorter than the kept head", |all| relinked(all[..3].to_vec())),
        ("the kept line within a forged chain", |all| relinked(all[..4].to_vec()) + all[6] + "\n" + &relinked(vec![all[5]; 12])),
        ("a forged chain behind the true past", |all| all.join("\n") + "\n" + &relinked(vec![all[5]; 12])),
    ];
    for (why, forge) in forgeries {
        let test = TestLog::new();
        let (content, kept) = written(&test).await;
        let forged = forge(&content.lines().collect::<Vec<_>>());
        let report = continued(&test, &forged).await;
        assert!(!report.is_clean(), "{why}");
        let next = String::from_utf8(test.content()).unwrap()[forged.len()..].to_owned();
        let expected = format!(r#"{{"seq":{},"prev":"{}","kind":"start""#, kept.seq + 1, kept.digest);
        assert!(next.starts_with(&expected), "{why}: {next}");
    }
}

#[tokio::test]
async fn lines_after_the_kept_head_are_continued() {
    type Since = fn(&[&str]) -> String;
    let ends: [(&str, Since); 4] = [
        ("the end itself", |all| all[..7].join("\n") + "\n"),
        ("killed later", |all| all[..10].join("\n") + "\n"),
        ("killed in a line", |all| all[..10].join("\n") + "\n" + &all[10][..30]),
        ("killed after a rotation, before the first checkpoint of the new file", |all| all[7..10].join("\n") + "\n"),
    ];
    for (why, end) in ends {
        let test = TestLog::new();
        let (_, kept) = written(&test).await;
        let log = test.open();
        test.deny(&log, 5).await;
        log.close().await.unwrap();
        *test.kept.lock().unwrap() = vec![kept];
        let content = String::from_utf8(test.content()).unwrap();
        let report = continued(&test, &end(&content.lines().collect::<Vec<_>>())).await;
        assert_eq!(report.faults, [], "{why}");
    }
}

#[tokio::test]
async fn a_file_put_in_place_of_ours_shows_as_a_break_when_it_is_reopened() {
    for rotated in [true, false] {
        let test = TestLog::new();
        let (content, _) = written(&test).await;
        let forged = relinked(content.lines().chain([content.lines().nth(3).unwrap(); 20]).collect());
        let log = test.open();
        test.deny(&log, 2).await;
        fs::rename(test.path(), test.path().with_extension("1")).unwrap();
        if !rotated {
            fs::write(test.path(), forged).unwrap();
        }
        log.reopen().await.unwrap();
        test.deny(&log, 2).await;
        log.close().await.unwrap();
        assert_eq!(test.verify(&[&test.path()], None).is_clean(), rotated);
        let both = test.verify(&[&test.path().with_extension("1"), &test.path()], None);
        assert_eq!(both.is_clean(), rotated, "{:?}", both.faults);
    }
}
