//! Imports point downwards only.

use super::imports::{Import, imports};
use super::source::Source;

/// Each layer may name only itself and the layers listed beside it. In the order of `src/lib.rs`, lowest first.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("document", &["domain"]),
    ("outbound", &["domain"]),
    ("store", &["domain"]),
    ("token", &["domain"]),
    ("issuers", &["domain", "outbound", "store", "token"]),
    // Pure: no store, no network.
    ("policy", &["domain", "token"]),
    ("limits", &["domain", "policy", "token"]),
    ("trust", &["domain", "document", "issuers", "outbound", "policy", "token"]),
    ("revocation", &["domain", "policy", "store", "token", "trust"]),
    ("release", &["domain", "policy", "revocation", "store", "token"]),
    ("exchange", &["domain", "issuers", "limits", "policy", "release", "revocation", "store", "token", "trust"]),
    ("inspection", &["domain", "exchange", "issuers", "limits", "policy", "release", "revocation", "store", "token"]),
    ("http", &["domain", "exchange", "inspection", "issuers", "limits", "policy", "release", "revocation", "token", "trust"]),
    ("telemetry", &["domain"]),
    ("config", &[ALL_ABOVE]),
    ("app", &[ALL_ABOVE]),
    ("cli", &[ALL_ABOVE]),
];

/// Stands for every layer that the table lists before this one.
const ALL_ABOVE: &str = "…";

/// Real Redis processes. Only tests start them.
const SERVERS: &str = "servers";

/// The order inside `release`: who holds a minted token cannot reach who opens it.
const INSIDE_RELEASE: &[(&str, &[&str])] =
    &[("issuance", &[]), ("notice", &["issuance"]), ("own", &["issuance"]), ("replay", &["issuance"]), ("record", &["issuance", "replay"])];

#[test]
fn layers_import_only_downwards() {
    let sources = Source::below("src");
    let violations: Vec<String> = sources.iter().flat_map(violations).collect();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn every_module_of_the_crate_is_a_layer() {
    let root = Source::below("src").into_iter().find(|source| source.path.ends_with("lib.rs")).unwrap();
    let mut declared: Vec<String> = root.text.lines().filter_map(|line| Some(line.strip_prefix("pub mod ")?.replace(';', ""))).collect();
    let mut layers: Vec<&str> = MAY_IMPORT.iter().map(|(layer, _)| *layer).collect();
    declared.sort();
    layers.sort_unstable();
    assert_eq!(declared, layers, "a new module needs its line in MAY_IMPORT");
}

#[test]
fn a_layer_names_only_layers_listed_before_it() {
    for rules in [MAY_IMPORT, INSIDE_RELEASE] {
        for (at, (layer, allowed)) in rules.iter().enumerate() {
            let before = |below: &str| below == ALL_ABOVE || rules[..at].iter().any(|(name, _)| *name == below);
            assert!(allowed.iter().all(|below| before(below)), "{layer} names a layer that is not below it");
        }
    }
}

#[test]
fn a_forbidden_import_is_found() {
    for (path, text, found, why) in [
        ("src/policy/evaluate.rs", "use crate::store::Store;", 1, "policy is pure"),
        ("src/policy/evaluate.rs", "use super::super::store::Store;", 1, "the same, by another road"),
        ("src/policy/evaluate.rs", "use crate::{domain::X, http::Y};", 1, "one of two"),
        ("src/policy/evaluate.rs", "use crate::*;", 1, "a glob over everything"),
        ("src/policy/evaluate.rs", "use crate::token::X; use super::grant::Y;", 0, "what it may import"),
        ("src/release/replay/guard.rs", "use crate::release::record::X;", 1, "upwards inside release"),
        ("src/release/replay/guard.rs", "use super::super::record::X;", 1, "the same, relative"),
        ("src/release/replay/guard.rs", "use crate::release::IssuedToken;", 1, "the folder above re-exports from higher up"),
        ("src/release/replay/guard.rs", "use super::super::issuance::X;", 0, "downwards inside release"),
        ("src/release/replay/guard.rs", "pub(in crate::release) fn f() {}", 0, "visibility imports nothing"),
        ("src/release/mod.rs", "pub use record::X; use crate::release::record::Y;", 0, "the folder itself"),
        ("src/release/replay/guard.rs", "use crate::servers::RedisServer;", 1, "no test"),
        ("src/release/replay/redis/tests/site.rs", "use crate::servers::RedisServer;", 0, "a test"),
    ] {
        assert_eq!(violations(&Source::new(path.into(), text.into())).len(), found, "{why}: {text}");
    }
}

fn violations(source: &Source) -> Vec<String> {
    let module = source.module();
    let Some(layer) = module.first() else { return Vec::new() };
    let wrong = |import: &Import| {
        if source.is_tests() && import.path.first().is_some_and(|first| first == SERVERS) {
            return None;
        }
        let problem = outside(layer, import).or_else(|| inside_release(&module, import))?;
        Some(format!("{}:{}: {problem}", source.path.display(), import.line))
    };
    imports(source).iter().filter_map(wrong).collect()
}

fn outside(layer: &str, import: &Import) -> Option<String> {
    let named = import.path.first().map_or("*", String::as_str);
    let at = MAY_IMPORT.iter().position(|(name, _)| *name == layer)?;
    let (before, allowed) = (&MAY_IMPORT[..at], MAY_IMPORT[at].1);
    let permitted = allowed.contains(&named) || allowed.contains(&ALL_ABOVE) && before.iter().any(|(name, _)| *name == named);
    (named != layer && !permitted).then(|| format!("`{layer}` must not import `{}`", import.path.join("::")))
}

fn inside_release(module: &[String], import: &Import) -> Option<String> {
    let [layer, part, ..] = module else { return None };
    let (_, allowed) = INSIDE_RELEASE.iter().find(|(name, _)| layer == "release" && name == part)?;
    if import.visibility || import.path.first() != Some(layer) {
        return None;
    }
    let named = import.path.get(1).map_or("*", String::as_str);
    let problem = || format!("`release::{part}` must not import `{}`; name the folder below it", import.path.join("::"));
    (named != part && !allowed.contains(&named)).then(problem)
}
