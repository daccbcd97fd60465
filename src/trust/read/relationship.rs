//! `[trust.NAME]`

use std::sync::Arc;

use crate::document::{Place, Spanned, Table};
use crate::domain::{ClaimPath, IssuerName, RelationshipName, Scope, Seconds, TargetName, Timestamp};
use crate::policy::ActorRole;

use super::Reader;
use super::registered::is_registered;
use super::target::{LONGEST_LIFETIME, lifetime};
use super::trust_test::ReadTest;

pub(in crate::trust) use super::condition::{ReadCondition, ReadConditions};

/// What a document says about a relationship.
pub(in crate::trust) struct ReadRelationship {
    pub(in crate::trust) name: RelationshipName,
    /// Its head, for what is wrong with it as a whole.
    pub(in crate::trust) place: Place,
    pub(in crate::trust) issuer: Option<Spanned<IssuerName>>,
    pub(in crate::trust) owner: Arc<str>,
    pub(in crate::trust) purpose: Box<str>,
    /// The last second of the day.
    pub(in crate::trust) review_by: Option<Spanned<Timestamp>>,
    pub(in crate::trust) conditions: ReadConditions,
    pub(in crate::trust) actor: Option<ReadActor>,
    pub(in crate::trust) grants: Vec<ReadGrant>,
    pub(in crate::trust) mappings: Vec<ReadMapping>,
    pub(in crate::trust) tests: Vec<ReadTest>,
}

/// What a document says about the second party.
pub(in crate::trust) struct ReadActor {
    pub(in crate::trust) place: Place,
    pub(in crate::trust) issuer: Option<Spanned<IssuerName>>,
    pub(in crate::trust) role: Option<ActorRole>,
    pub(in crate::trust) conditions: ReadConditions,
}

/// What a document says about a grant.
pub(in crate::trust) struct ReadGrant {
    pub(in crate::trust) target: Spanned<TargetName>,
    pub(in crate::trust) scopes: Vec<Spanned<Scope>>,
    pub(in crate::trust) lifetime: Option<Spanned<Seconds>>,
    pub(in crate::trust) cap_to_subject: bool,
    pub(in crate::trust) narrow: Option<Spanned<bool>>,
}

/// A claim that is carried over under another name.
pub(in crate::trust) struct ReadMapping {
    pub(in crate::trust) name: Box<str>,
    pub(in crate::trust) from: Spanned<Arc<ClaimPath>>,
}

impl Reader {
    pub(super) fn read_relationship(&mut self, key: Spanned<&str>, mut table: Table<'_>) {
        let name = self.relationship_names.register(&key, &table, RelationshipName::parse(key.value));
        table.require("issuer", "write the name of a registered issuer: issuer = \"…\"");
        table.require("review_by", "write the date by which somebody looks at it again: review_by = 2027-06-30");
        table.require("when", "name the claims that must hold: [trust.NAME.when]");
        table.require("grant", "say what it offers: [[trust.NAME.grant]]");
        let issuer = table.parsed("issuer", IssuerName::parse);
        let owner = self.owner(&mut table);
        let purpose = table.required_text("purpose", "say in a sentence what it is for").map_or("", |purpose| purpose.value).into();
        let review_by = table.date("review_by").and_then(end_of_day);
        let conditions = table.table("when").map(|when| self.read_when(when)).unwrap_or_default();
        let actor = table.table("actor").map(|actor| self.read_actor(actor));
        let grants = table.value("grant");
        if let Some(grants) = grants.as_ref().filter(|grants| grants.is_empty_list()) {
            grants.error("it is empty: a relationship offers at least one grant");
        }
        let grants = grants.map(|grants| grants.tables()).unwrap_or_default().into_iter().filter_map(read_grant).collect();
        let mappings = table.table("claims").map(|claims| self.read_mappings(claims)).unwrap_or_default();
        let tests = table.tables("test").into_iter().filter_map(|test| self.read_test(test)).collect();
        table.finish();
        if let Some(name) = name {
            let (name, place) = (name.value, key.place);
            let read = ReadRelationship { name, place, issuer, owner, purpose, review_by, conditions, actor, grants, mappings, tests };
            self.relationships.push(read);
        }
    }

    fn read_actor(&mut self, mut table: Table<'_>) -> ReadActor {
        let place = table.place();
        table.require("issuer", "write the name of the registered issuer whose token must come as `actor_token`");
        table.require("as", "write as = \"act\" to name the actor in the token, or as = \"witness\" to record it only");
        table.require("when", "name the claims that must hold for the actor: [trust.NAME.actor.when]");
        let issuer = table.parsed("issuer", IssuerName::parse);
        let role = table.parsed("as", |word| ActorRole::from_name(word).ok_or("write \"act\" or \"witness\"")).map(|role| role.value);
        let conditions = table.table("when").map(|when| self.read_when(when)).unwrap_or_default();
        table.finish();
        ReadActor { place, issuer, role, conditions }
    }

    fn read_mappings(&mut self, table: Table<'_>) -> Vec<ReadMapping> {
        let mut mappings = Vec::new();
        for entry in table.entries() {
            let name = entry.key.value;
            let well_formed = (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !well_formed || entry.is_implicit_table() {
                entry.value.error("the new name of a claim is 1 to 64 characters of `a-z`, `A-Z`, `0-9` and `_`");
                continue;
            }
            if is_registered(name) {
                entry.value.error("the name has a registered meaning in tokens, which an outside claim must not take; choose another");
                continue;
            }
            let Some(written) = entry.value.text() else { continue };
            match self.path(written.value) {
                Ok(path) => mappings.push(ReadMapping { name: name.into(), from: written.map(|_| path) }),
                Err(error) => entry.value.error(error),
            }
        }
        mappings.sort_by(|a, b| a.name.cmp(&b.name));
        mappings
    }
}

fn read_grant(mut table: Table<'_>) -> Option<ReadGrant> {
    table.require("target", "write the name of a registered target");
    table.require("scopes", "list the scopes of the target that it offers");
    let target = table.parsed("target", TargetName::parse);
    let scopes = table.value("scopes");
    if let Some(scopes) = scopes.as_ref().filter(|scopes| scopes.is_empty_list()) {
        scopes.error("it is empty: list at least one scope of the target");
    }
    let scopes = scopes.and_then(|scopes| scopes.parse_list(Scope::parse)).unwrap_or_default();
    let place = table.place();
    let lifetime = lifetime(&mut table, "lifetime", LONGEST_LIFETIME).map(|value| Spanned { value, place });
    let cap_to_subject = table.bool("cap_to_subject").is_some_and(|cap| cap.value);
    let narrow = table.bool("narrow").filter(|narrow| narrow.value);
    table.finish();
    Some(ReadGrant { target: target?, scopes, lifetime, cap_to_subject, narrow })
}

/// The last second of the day, in UTC.
fn end_of_day(date: Spanned<jiff::civil::Date>) -> Option<Spanned<Timestamp>> {
    let last = date.value.at(23, 59, 59, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    let seconds = u64::try_from(last.timestamp().as_second()).ok()?;
    Some(date.map(|_| Timestamp::from_unix(seconds)))
}
