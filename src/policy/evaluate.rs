//! The only maker of a permit.

use std::sync::Arc;

use crate::domain::{ClaimValue, RelationshipName, Scopes, Seconds, Timestamp};
use crate::token::VerifiedToken;

use super::ask::Ask;
use super::assess::{Granted, assess};
use super::denial::Denial;
use super::policy_set::TrustPolicy;
use super::relationship::TrustRelationship;
use super::target::Target;

/// Evidence that one ask of one verified token is within one grant, narrowed to it. Only [`evaluate`] makes one.
#[derive(Debug)]
pub struct Permit {
    token: VerifiedToken,
    granted: Granted,
    subject: Box<str>,
    mapped: Vec<(Box<str>, ClaimValue)>,
    not_after: Option<Timestamp>,
}

/// Decides what the bearer of a verified token gets. `now` only tells whether a capped token would have any time to live.
pub fn evaluate(policy: &TrustPolicy, token: VerifiedToken, ask: &Ask, now: Timestamp) -> Result<Permit, Denial> {
    let granted = assess(policy, token.issuer_name(), token.claims(), ask)?;
    let not_after = granted.cap_to_subject.then(|| token.expires_at());
    if not_after.is_some_and(|end| end <= now) {
        return Err(Denial::Lifetime { relationship: granted.relationship.name.clone() });
    }
    let carried = granted.relationship.mapping.iter().filter_map(|mapping| {
        let value = token.claims().at(&mapping.from).filter(|value| !value.is_vacant())?;
        Some((mapping.name.clone(), value.clone()))
    });
    let mapped = carried.collect();
    let subject = format!("{}:{}", token.issuer_name(), token.subject()).into();
    Ok(Permit { token, granted, subject, mapped, not_after })
}

impl Permit {
    /// The relationship that permits it: `client_id` of the issued token.
    #[must_use]
    pub fn relationship(&self) -> &RelationshipName {
        &self.granted.relationship.name
    }

    /// The whole rule.
    #[must_use]
    pub fn rule(&self) -> &Arc<TrustRelationship> {
        &self.granted.relationship
    }

    /// The one target.
    #[must_use]
    pub fn target(&self) -> &Arc<Target> {
        &self.granted.target
    }

    /// The scopes, all of them granted.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.granted.scopes
    }

    /// The lifetime, in seconds; at least 1.
    #[must_use]
    pub fn lifetime(&self) -> Seconds {
        self.granted.lifetime
    }

    /// The instant that the issued token must not outlive, when the grant caps it to the subject token.
    #[must_use]
    pub fn not_after(&self) -> Option<Timestamp> {
        self.not_after
    }

    /// `sub` of the issued token: `<issuer name>:<external subject>`. Injective, because issuer names hold no colon.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Claims carried over, under their new names.
    #[must_use]
    pub fn mapped(&self) -> &[(Box<str>, ClaimValue)] {
        &self.mapped
    }

    /// `cnf` of the issued token.
    #[must_use]
    pub fn bond(&self) -> crate::token::Bond {
        crate::token::Bond::default()
    }

    /// The token that it is a permit for.
    #[must_use]
    pub fn token(&self) -> &VerifiedToken {
        &self.token
    }
}
