//! `[trust.NAME.when]`

use std::sync::Arc;

use crate::document::{Entry, Kind, Place, Table, Value};
use crate::domain::ClaimPath;
use crate::policy::{ClaimMatcher, Condition, Glob, Scalar};
use crate::trust::claims::{needlessly_pointed, scalar_of};
use crate::trust::preset::Preset;

use super::Reader;

/// One condition, and where its value was written.
pub(in crate::trust) struct ReadCondition {
    pub(in crate::trust) condition: Condition,
    pub(in crate::trust) place: Place,
}

/// All conditions of a relationship.
#[derive(Default)]
pub(in crate::trust) struct ReadConditions {
    pub(in crate::trust) conditions: Vec<ReadCondition>,
    /// Whether nothing was left out: else what is missing has been reported, and what it leads to is not worth a word.
    pub(in crate::trust) complete: bool,
}

impl Reader {
    /// Reads all conditions; those that say nothing usable are reported and left out.
    pub(super) fn read_when(&mut self, table: Table<'_>) -> ReadConditions {
        if table.is_empty() {
            table.error("it is empty: every token of the issuer would do; name the claims that must hold");
        }
        let entries = table.entries();
        let written = entries.len();
        let conditions: Vec<_> = entries.into_iter().filter_map(|entry| self.read_condition(&entry)).collect();
        ReadConditions { complete: written > 0 && conditions.len() == written, conditions }
    }

    fn read_condition(&mut self, entry: &Entry<'_>) -> Option<ReadCondition> {
        let claim = self.read_claim(entry)?;
        let matcher = matcher(&entry.value)?;
        Some(ReadCondition { condition: Condition { claim, matcher }, place: entry.value.place() })
    }

    /// The claim that a key names; a dotted key and a needless pointer are reported.
    pub(super) fn read_claim(&mut self, entry: &Entry<'_>) -> Option<Arc<ClaimPath>> {
        if entry.is_implicit_table() {
            report_dotted(entry);
            return None;
        }
        match self.path(entry.key.value) {
            Err(error) => {
                entry.value.error(error);
                None
            }
            Ok(path) => {
                if let Some(plain) = needlessly_pointed(&path) {
                    entry.value.error(format_args!("a top-level claim is written by its plain name: {plain}"));
                }
                Some(path)
            }
        }
    }
}

/// TOML reads `a.b = 1` as a table in a table, which no claim means.
fn report_dotted(entry: &Entry<'_>) {
    let mut names = vec![entry.key.value.to_owned()];
    let mut kind = entry.value.kind();
    let mut inner;
    while let Kind::Table(table) = kind {
        let mut members = table.entries();
        if members.is_empty() || names.len() > 16 {
            break;
        }
        inner = members.swap_remove(0);
        names.push(inner.key.value.to_owned());
        kind = if inner.is_implicit_table() { inner.value.kind() } else { Kind::Unusable };
    }
    let dotted = names.join(".");
    let pointer = Preset::pointer_for(&dotted).map_or_else(|| format!("/{}", names.join("/")), ToOwned::to_owned);
    entry.value.error(format_args!(
        "a dotted key does not reach into nested claims: write the JSON Pointer \"{pointer}\", or quote a name that has dots, \"{dotted}\""
    ));
}

fn matcher(value: &Value<'_>) -> Option<ClaimMatcher> {
    match value.kind() {
        Kind::List(items) => {
            if items.is_empty() {
                value.error("an empty list matches nothing: list the values of which one must hold");
                return None;
            }
            let scalars: Vec<Scalar> = items.iter().filter_map(scalar_of).collect();
            (scalars.len() == items.len()).then(|| one_of(scalars))
        }
        Kind::Table(table) => pattern(table),
        Kind::Text(_) | Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Date(_) | Kind::Unusable => {
            scalar_of(value).map(ClaimMatcher::Exact)
        }
    }
}

/// The order in which alternatives are written means nothing, so they are kept in one order.
fn one_of(mut scalars: Vec<Scalar>) -> ClaimMatcher {
    scalars.sort_by_cached_key(ToString::to_string);
    scalars.dedup();
    ClaimMatcher::OneOf(scalars.into())
}

/// `{ glob = … }` or `{ contains = … }`
fn pattern(mut table: Table<'_>) -> Option<ClaimMatcher> {
    let glob = table.value("glob");
    let contains = table.value("contains");
    if glob.is_some() == contains.is_some() {
        table.error("write either { glob = \"…\" } or { contains = \"…\" }");
    }
    table.finish();
    match (glob, contains) {
        (Some(glob), None) => glob.parse(Glob::parse).map(|glob| ClaimMatcher::Glob(glob.value)),
        (None, Some(contains)) => scalar_of(&contains).map(ClaimMatcher::Contains),
        (None, None) | (Some(_), Some(_)) => None,
    }
}
