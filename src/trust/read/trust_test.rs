//! `[[trust.NAME.test]]`

use std::sync::Arc;

use crate::document::{Place, Spanned, Table};
use crate::domain::{ClaimPath, ClaimValue, RelationshipName, Scope, TargetName};
use crate::trust::claims::value_of;

use super::Reader;

/// One claim of a test's token, and where it was written.
pub(in crate::trust) type TestClaim = (Arc<ClaimPath>, ClaimValue, Place);

/// What a document says about a trust test.
pub(in crate::trust) struct ReadTest {
    pub(in crate::trust) name: Box<str>,
    pub(in crate::trust) place: Place,
    pub(in crate::trust) claims: Vec<TestClaim>,
    /// The claims of the actor token, when the request brings one.
    pub(in crate::trust) actor: Option<Vec<TestClaim>>,
    pub(in crate::trust) target: Option<Spanned<TargetName>>,
    pub(in crate::trust) scopes: Option<Vec<Scope>>,
    pub(in crate::trust) client_id: Option<RelationshipName>,
    pub(in crate::trust) expect: Expected,
}

/// What a trust test expects of the server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::trust) enum Expected {
    /// A permit by the relationship that the test belongs to.
    Permit,
    /// A denial, and exactly these failed conditions of that relationship.
    Deny(Vec<Spanned<Arc<ClaimPath>>>),
}

impl Reader {
    pub(super) fn read_test(&mut self, mut table: Table<'_>) -> Option<ReadTest> {
        let place = table.place();
        let name = table.required_text("name", "say in a sentence what must be so").map(|name| name.value.into());
        let claims = table.table("claims").map(|claims| self.read_test_claims(claims)).unwrap_or_default();
        let actor = table.table("actor").map(|claims| self.read_test_claims(claims));
        let target = table.parsed("target", TargetName::parse);
        let scopes = table.parsed_list("scopes", Scope::parse);
        let scopes = scopes.map(|scopes| scopes.into_iter().map(|scope| scope.value).collect());
        let client_id = table.parsed("client_id", RelationshipName::parse).map(|name| name.value);
        table.require("expect", "write \"permit\" or \"deny\"");
        let permit = table.parsed("expect", |word| match word {
            "permit" => Ok(true),
            "deny" => Ok(false),
            _ => Err("write \"permit\" or \"deny\""),
        });
        let failed = table.parsed_list("failed", |written| self.path(written));
        if permit.as_ref().is_some_and(|permit| permit.value) && failed.is_some() {
            table.error("`failed` lists the conditions of a denial; remove it, or write expect = \"deny\"");
        }
        table.finish();
        let expect = if permit?.value { Expected::Permit } else { Expected::Deny(failed.unwrap_or_default()) };
        Some(ReadTest { name: name?, place, claims, actor, target, scopes, client_id, expect })
    }

    fn read_test_claims(&mut self, table: Table<'_>) -> Vec<TestClaim> {
        let mut claims = Vec::new();
        for entry in table.entries() {
            if let Some(path) = self.read_claim(&entry) {
                claims.push((path, value_of(&entry.value), entry.value.place()));
            }
        }
        claims
    }
}
