//! References to secrets, and what they lead to.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use secrecy::ExposeSecret as _;

use super::*;

#[test]
fn a_secret_is_a_reference_and_never_repeated() {
    for (written, expected, why) in [
        ("'hunter2'", "never stands in this file", "the secret itself"),
        ("{}", "name one of", "nothing"),
        ("{ file = 'f', env = 'E' }", "name one of", "two places"),
        ("{ env = 'A-B' }", "name of an environment variable", "no such name"),
        ("{ path = 'f' }", "unknown field `path`", "a typo"),
    ] {
        let report = refused(&format!("issuer = 'https://sts.example.com'\n[keys]\nencryption_keys = [{written}]"));
        assert!(report.contains(expected) && !report.contains("hunter2"), "{why}: {report}");
    }
    assert!(fault("[keys]\nencryption_keys = []").contains("at least one"));
    assert!(fault("[keys]\nencryption_keys = 'hunter2'").contains("at least one"));
}

fn file_with(folder: &tempfile::TempDir, content: &[u8], mode: u32) -> PathBuf {
    let path = folder.path().join("secret");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn a_secret_is_the_content_of_its_file_without_the_final_line_break() {
    let folder = tempfile::tempdir().unwrap();
    for (content, expected) in [("s3cret", "s3cret"), ("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), ("a\nb\n\n", "a\nb\n")] {
        let secret = Secret::File(file_with(&folder, content.as_bytes(), 0o640));
        assert_eq!(secret.resolve().unwrap().expose_secret(), expected);
    }
}

#[test]
fn a_secret_that_cannot_be_kept_or_used_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (content, mode, expected, why) in [
        (&b"s3cret"[..], 0o644, "chmod o-rwx", "everybody may read it"),
        (b"s3cret", 0o602, "chmod o-rwx", "everybody may write it"),
        (b"\n", 0o600, "is empty", "nothing in it"),
        (b"s3cret\xff", 0o600, "is not UTF-8 text", "no text"),
        (&vec![b'x'; 64 * 1024 + 1], 0o600, "is larger than 64 KiB", "too large"),
    ] {
        let error = Secret::File(file_with(&folder, content, mode)).resolve().unwrap_err();
        assert!(error.to_string().contains(expected) && !format!("{error:?}").contains("s3cret"), "{why}: {error}");
    }
    let missing = Secret::File(folder.path().join("missing")).resolve().unwrap_err();
    assert!(matches!(missing, SecretError::Unreadable { kind: std::io::ErrorKind::NotFound, .. }));
    let directory = Secret::File(folder.path().into()).resolve().unwrap_err();
    assert!(matches!(directory, SecretError::NotAFile { .. }));
}

#[test]
fn a_secret_may_stand_in_the_environment() {
    // Cargo sets this one for every test.
    assert_eq!(Secret::Env("CARGO_PKG_NAME".into()).resolve().unwrap().expose_secret(), "cambist");
    let missing = Secret::Env("CAMBIST_NO_SUCH_VARIABLE".into()).resolve().unwrap_err();
    assert_eq!(missing.to_string(), "the environment variable CAMBIST_NO_SUCH_VARIABLE is not set, or not text");
}
