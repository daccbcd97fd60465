//! What is allowed, and still worth a second look.

use crate::document::{Diagnostics, Place, Spanned};
use crate::domain::{ClaimPath, RelationshipName, Timestamp};
use crate::policy::{Condition, Target, TokenKind};

use super::preset::Preset;
use super::read::ReadCondition;

/// A relationship counts on a name that is given away again, and pins no id that would tell.
pub const NAMES_WITHOUT_IDS: &str = "names-without-ids";
/// Beyond the ids, all conditions are on claims that whoever starts the workload chooses.
pub const USER_CONTROLLED_CLAIM_ALONE: &str = "user-controlled-claim-alone";
/// A grant lets its tokens be narrowed, and none of them can be shown here again.
pub const NARROW_IN_VAIN: &str = "narrow-in-vain";
/// The day by which somebody wanted to look at the relationship again is over.
pub const REVIEW_OVERDUE: &str = "review-overdue";

/// `names-without-ids` and `user-controlled-claim-alone`: both need to know what the claims mean, so they speak of known claims only.
pub(super) fn conditions(table: &str, place: &Place, read: &[ReadCondition], preset: &Preset, diagnostics: &Diagnostics) {
    let pinned = |id: &ClaimPath| read.iter().any(|read| *read.condition.claim == *id && !read.condition.matcher.pinned().is_empty());
    let recyclable = read.iter().filter_map(|read| {
        let ids = &preset.claim(&read.condition.claim)?.ids;
        let id = ids.first().filter(|_| !ids.iter().any(pinned))?;
        Some((read, id))
    });
    let recyclable: Vec<_> = recyclable.collect();
    if let Some((first, _)) = recyclable.first() {
        let names = quoted(recyclable.iter().map(|(read, _)| &*read.condition.claim));
        let ids = quoted(recyclable.iter().map(|(_, id)| *id));
        let message = format!("{table}: {names} can be given to somebody else one day: pin {ids} as well");
        diagnostics.lint_at(NAMES_WITHOUT_IDS, &first.place, message);
    }
    let narrowing: Vec<_> = read.iter().filter(|read| narrows(&read.condition, preset)).collect();
    let chosen = |read: &&ReadCondition| preset.claim(&read.condition.claim).is_some_and(|known| known.user_controlled);
    if !narrowing.is_empty() && narrowing.iter().all(chosen) {
        let claims = quoted(narrowing.iter().map(|read| &*read.condition.claim));
        let place = narrowing.first().map_or(place, |first| &first.place);
        let message = format!(
            "{table}: whoever starts the workload chooses {claims}, so nobody is kept out by it: \
             add a condition on something they cannot choose, or leave it out"
        );
        diagnostics.lint_at(USER_CONTROLLED_CLAIM_ALONE, place, message);
    }
}

/// Whether a condition is more than saying whose workload it is: neither on an id nor on a required claim.
fn narrows(condition: &Condition, preset: &Preset) -> bool {
    let required = preset.required.iter().flatten().any(|claim| *claim == *condition.claim);
    !required && !preset.claim(&condition.claim).is_some_and(|known| known.is_id)
}

/// `review-overdue`
pub(super) fn review(name: &RelationshipName, review_by: Option<&Spanned<Timestamp>>, now: Timestamp, diagnostics: &Diagnostics) {
    if let Some(review_by) = review_by.filter(|review_by| review_by.value < now) {
        let message = format!(
            "trust.{name}.review_by: the review was due by {}: ask the owner whether it is still needed, then move the date or remove it",
            review_by.value
        );
        diagnostics.lint_at(REVIEW_OVERDUE, &review_by.place, message);
    }
}

/// `narrow-in-vain`
pub(super) fn narrowing(name: &RelationshipName, place: &Place, target: &Target, diagnostics: &Diagnostics) {
    let why = match (target.kind, &target.encryption) {
        (TokenKind::AuthorizationGrant, _) => "is an authorization server: its tokens are grants for it alone",
        (TokenKind::AccessToken, Some(_)) => "has an encryption_key: its tokens cannot be read here",
        (TokenKind::AccessToken, None) => return,
    };
    let message =
        format!("trust.{name}.grant.narrow: target `{}` {why}, so none can be exchanged for a narrower one: leave it out", target.name);
    diagnostics.lint_at(NARROW_IN_VAIN, place, message);
}

/// The claims, each once, in quotes.
fn quoted<'c>(claims: impl Iterator<Item = &'c ClaimPath>) -> String {
    let mut names: Vec<_> = claims.map(|claim| format!("`{claim}`")).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}
