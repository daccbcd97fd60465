//! The search for secrets, which ends every test run, finds what it looks for.

use std::fs;
use std::path::Path;
use std::process::Command;

fn search(folder: &Path) -> (Option<i32>, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/no-secrets-in-logs.sh");
    let output = Command::new(script).arg(folder).output().unwrap();
    (output.status.code(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn a_secret_in_a_log_is_found_and_not_repeated() {
    const SECRET: &str = "kq3vC1y8wRz0yq1bqk0m2A";
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
    for (files, code, expected, why) in [
        (&[][..], 1, "no secrets", "nothing was noted: the tests did not run"),
        (&[("1.secrets", "\n"), ("a.log", "words")], 1, "no secrets", "empty lines are none"),
        (&[("1.secrets", "kq3vC1y8wRz0yq1bqk0m2A\n")], 0, "", "the log of before has no secret"),
        (&[("a.log", "signature=kq3vC1y8wRz0yq1bqk0m2A;")], 1, "a.log", "a leak"),
        (&[("a.log", "words"), ("b.log", "KQ3VC1Y8WRZ0YQ1BQK0M2A")], 0, "", "another text"),
        (&[("b.log", "\0\u{1}kq3vC1y8wRz0yq1bqk0m2A")], 1, "b.log", "among bytes that are no text"),
    ] {
        for (name, content) in files {
            write(name, content);
        }
        let (found, said) = search(folder.path());
        assert_eq!(found, Some(code), "{why}: {said}");
        assert!(said.contains(expected) && !said.contains(SECRET), "{why}: {said}");
    }
}
