//! `docs/conformance.md` is complete, and true as far as a test can see: every row of the checklist once, every test that it names there.

mod ids;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::reasons::sources;

struct Row {
    id: &'static str,
    status: &'static str,
    evidence: &'static str,
}

/// Every row of every table.
fn rows() -> Vec<Row> {
    let page = include_str!("../../../docs/conformance.md");
    let cells = page.lines().filter(|line| line.starts_with("| ")).map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect());
    let rows = cells.filter(|cells: &Vec<_>| cells.first() != Some(&"id")).map(|cells| match cells[..] {
        [id, _, status, evidence] => Row { id, status, evidence },
        _ => panic!("a row has four cells: {cells:?}"),
    });
    rows.collect()
}

/// What stands in code style.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_row_of_the_checklist_stands_once() {
    let mut seen = BTreeMap::<_, usize>::new();
    for row in rows() {
        *seen.entry(row.id).or_default() += 1;
    }
    let repeated: Vec<_> = seen.iter().filter(|(_, count)| **count > 1).collect();
    assert!(repeated.is_empty(), "rows that stand twice: {repeated:?}");
    let listed: BTreeSet<_> = ids::COVERED.iter().chain(ids::BLOCKS).copied().collect();
    let rows: BTreeSet<_> = seen.keys().copied().collect();
    let missing: Vec<_> = listed.difference(&rows).collect();
    let unknown: Vec<_> = rows.difference(&listed).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing: {missing:?}, unknown: {unknown:?}");
}

#[test]
fn every_row_has_a_status_and_what_it_needs() {
    for Row { id, status, evidence } in rows() {
        let tests = named(evidence).count();
        match status {
            "done" => assert!(tests > 0, "{id} is done, and no test is named"),
            "diverges" | "later" | "not planned" => {
                assert!(!evidence.starts_with('`') && evidence.len() > 10, "{id} does not say why it is {status}");
            }
            other => panic!("{id}: `{other}` is no status"),
        }
    }
}

#[test]
fn every_test_that_is_named_exists() {
    let known = tests_of_the_suite();
    assert!(known.len() > 400, "the tests were not found");
    for Row { id, evidence, .. } in rows() {
        for name in named(evidence) {
            assert!(known.contains(name), "{id} names `{name}`, and there is no such test");
        }
    }
}

/// The names of all tests: functions with a test's attribute, and the cases of the contract of replay engines.
fn tests_of_the_suite() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::new();
    for file in ["src", "tests"].iter().flat_map(|folder| sources(&root.join(folder))) {
        let text = fs::read_to_string(&file).unwrap();
        let contract = ["conformance.rs", "repeats.rs"].iter().any(|name| file.ends_with(Path::new("release/replay").join(name)));
        let mut attribute = false;
        for line in text.lines().map(str::trim) {
            if let Some((_, rest)) = line.split_once("fn ") {
                if attribute || (contract && line.contains("async fn")) {
                    tests.insert(rest.split(['(', '<']).next().unwrap().to_owned());
                }
                attribute = false;
            } else {
                attribute |= line == "#[test]" || line.starts_with("#[tokio::test");
            }
        }
    }
    tests
}
