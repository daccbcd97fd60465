//! What a selector does not reach. A claim is found in tokens that we issued only where they carry a mark of it.

use std::process::ExitCode;

use crate::cli::output;
use crate::domain::{ClaimPath, IssuerName, Mark};
use crate::policy::TrustRelationship;
use crate::revocation::Selector;
use crate::trust::CompiledTrust;

use super::wait::NOT_EVERYWHERE;

/// Which tokens that were issued before a claim is found in.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Reach {
    /// All that are selected; mostly, because it is no claim.
    Issued,
    /// Not in those of these relationships.
    ButOf(Vec<String>),
    /// In none.
    Presented,
    /// The trust files cannot be read.
    Unknown,
}

impl Reach {
    pub(super) fn of(selector: &Selector, trust: Option<&CompiledTrust>) -> Self {
        let Selector::Claim { path, issuer, .. } = selector else { return Self::Issued };
        let Some(trust) = trust else { return Self::Unknown };
        let concerned = trust.policy.relationships().filter(|rule| {
            let actor = rule.actor.as_ref().map(|actor| &actor.issuer);
            issuer.as_ref().is_none_or(|issuer| rule.issuer == *issuer || actor == Some(issuer))
        });
        let (with, without): (Vec<_>, Vec<_>) = concerned.partition(|rule| marks(trust, rule, path, issuer.as_ref()));
        match (with.is_empty(), without.is_empty()) {
            (true, _) => Self::Presented,
            (false, true) => Self::Issued,
            (false, false) => {
                let mut names: Vec<String> = without.into_iter().map(|rule| rule.name.to_string()).collect();
                names.sort();
                Self::ButOf(names)
            }
        }
    }

    /// Tells the person. `code` is what the rest of the command says.
    pub(super) fn print(&self, code: ExitCode) -> ExitCode {
        match self {
            Self::Issued => return code,
            Self::ButOf(names) => {
                let shown = names[..names.len().min(SHOWN)].join(", ");
                let more = if names.len() > SHOWN { ", \u{2026}" } else { "" };
                output::line(format!("Tokens that were issued by {shown}{more} carry no mark of this claim and are not reached."));
                return code;
            }
            Self::Presented => output::line(
                "It reaches tokens that are presented from now on, and none that were issued: no relationship marks this claim.",
            ),
            Self::Unknown => output::line(
                "It reaches tokens that are presented from now on; whether also those that were issued is not known, because the trust files have errors.",
            ),
        }
        output::line("Take those back by --relationship, --subject, --target or --issuer.");
        ExitCode::from(NOT_EVERYWHERE)
    }
}

/// Whether tokens of this relationship carry a mark of the claim.
fn marks(trust: &CompiledTrust, rule: &TrustRelationship, path: &ClaimPath, of: Option<&IssuerName>) -> bool {
    let kind = Mark::claim(path);
    let is_meant = |issuer: &IssuerName| of.is_none_or(|of| of == issuer);
    let is_id = |issuer: &IssuerName| {
        let settings = trust.issuers.iter().find(|settings| settings.name == *issuer);
        settings.is_some_and(|settings| settings.recorded.iter().any(|id| Mark::claim(id) == kind))
    };
    let by_subject = is_meant(&rule.issuer) && (is_id(&rule.issuer) || rule.marked().any(|claim| Mark::claim(claim) == kind));
    let by_actor = rule
        .actor
        .as_ref()
        .is_some_and(|actor| is_meant(&actor.issuer) && (is_id(&actor.issuer) || actor.marked().any(|claim| Mark::claim(claim) == kind)));
    by_subject || by_actor
}

/// Names that a message lists, at most.
const SHOWN: usize = 20;
