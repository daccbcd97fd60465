//! `docs/errors.md` and the code speak of the same reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Where reasons of one family only are made. The other places are read as well.
const FAMILIES: &[(&str, &str)] = &[
    ("src/token/rejected.rs", "rejected"),
    ("src/exchange/request/malformed.rs", "malformed"),
    ("src/token/proof/rejected.rs", "rejected"),
    ("src/http/basic.rs", "malformed"),
    ("src/http/form/error.rs", "malformed"),
    ("src/policy/denial.rs", "denied"),
    ("src/limits/limited.rs", "limited"),
    ("src/store/error.rs", "unavailable"),
];

/// Its reasons stop a start or a reload and stand in the process log: no request is ever answered with them.
const NEVER_ANSWERED: &str = "src/release/bindings/mod.rs";

/// The reasons that `docs/errors.md` explains, in its order.
pub(crate) fn headings() -> Vec<&'static str> {
    sections().into_iter().map(|(_, reason)| reason).collect()
}

/// Each reason, below the heading of its family.
fn sections() -> Vec<(&'static str, &'static str)> {
    let mut family = "";
    let mut sections = Vec::new();
    for line in include_str!("../../docs/errors.md").lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            family = heading;
        } else if let Some(reason) = line.strip_prefix("### ") {
            sections.push((family, reason));
        }
    }
    sections
}

#[test]
fn every_reason_that_code_can_answer_is_explained() {
    let explained: BTreeMap<_, _> = sections().into_iter().map(|(family, reason)| (reason, family)).collect();
    for (reason, file) in answered() {
        let family = explained.get(&*reason).unwrap_or_else(|| panic!("docs/errors.md does not explain `{reason}` of {file}"));
        if let Some((_, expected)) = FAMILIES.iter().find(|(place, _)| *place == file) {
            assert_eq!(family, expected, "`{reason}` of {file} stands under another family");
        }
    }
}

#[test]
fn every_explained_reason_is_one_that_code_can_answer() {
    let answered: BTreeSet<_> = answered().into_iter().map(|(reason, _)| reason).collect();
    for reason in headings() {
        assert!(answered.contains(reason), "docs/errors.md explains `{reason}`, and no code answers it");
    }
}

#[test]
fn reasons_are_found_wherever_they_are_made() {
    let answered = answered();
    for (reason, file) in [
        ("expired", "src/token/rejected.rs"),
        ("lifetime_syntax", "src/exchange/request/malformed.rs"),
        ("replayed", "src/exchange/refusal.rs"),
        ("condition_failed", "src/policy/denial.rs"),
        ("client_secret", "src/http/basic.rs"),
        ("host_header", "src/http/server/service.rs"),
        ("shutting_down", "src/http/server/tracker.rs"),
        ("internal_error", "src/http/oauth_error.rs"),
    ] {
        assert!(answered.contains(&(reason.into(), file.into())), "{reason} of {file} was not found in {answered:?}");
    }
    assert!(answered.iter().all(|(reason, _)| reason != "scheme" && reason != "malformed"), "details and families are no reasons");
}

/// Every reason with the file that makes it: the words in each public `reason`, and those that `http` hands to an error. Read from the
/// source, so that no list here can fall behind.
fn answered() -> BTreeSet<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut answered = BTreeSet::new();
    for file in sources(&root.join("src")) {
        let name = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if name.contains("/tests") || name.ends_with("testing.rs") || name == NEVER_ANSWERED {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let mut words = BTreeSet::new();
        for body in code.split("pub const fn reason(").skip(1) {
            words.extend(words_of(body.split("\n    }\n").next().unwrap()));
        }
        if name.starts_with("src/http/") {
            let calls = ["malformed(", "unavailable(", "unauthorized(", "OauthError::new(", "Self::new("];
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//") && calls.iter().any(|call| line.contains(call)));
            words.extend(lines.flat_map(|line| words_of(line.split(".with_detail(").next().unwrap())));
        }
        answered.extend(
            words.into_iter().filter(|word| !["limited", "malformed", "unavailable"].contains(&&**word)).map(|word| (word, name.clone())),
        );
    }
    answered
}

/// The string literals that are words: small letters, digits, `_`.
fn words_of(code: &str) -> impl Iterator<Item = String> {
    let literals = code.split('"').skip(1).step_by(2);
    let is_word =
        |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    literals.filter(is_word).map(str::to_owned)
}

/// Every Rust file below a folder.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
