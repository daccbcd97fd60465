//! From what was typed to what is selected. A name that nobody has would revoke nothing, and nobody would notice.

use anyhow::{anyhow, bail};
use clap::Args;

use crate::app::trust_settings;
use crate::cli::arguments::WrongArgument;
use crate::cli::output::shell;
use crate::config::Settings;
use crate::document::nearest;
use crate::domain::{Audience, ClaimPath, IssuerName, RelationshipName, Timestamp};
use crate::revocation::{Jti, Selector};
use crate::token::SubjectRule;
use crate::trust::{self, CompiledTrust};

use super::reach::Reach;

/// What is selected: exactly one of these; a claim may be of one issuer.
#[derive(Args, Debug)]
#[group(id = "selection", required = true, multiple = true)]
pub(super) struct Selection {
    /// By which relationship it was exchanged; or a registered client, which then may not ask about tokens
    #[arg(long, group = "selected", value_name = "NAME")]
    relationship: Option<String>,
    /// `<issuer name>:<subject>`, as it stands in `sub` or `act.sub` of issued tokens and in the decision log
    #[arg(long, group = "selected", value_name = "SUBJECT")]
    subject: Option<String>,
    /// For which target it was issued: its name, or its audience
    #[arg(long, group = "selected", value_name = "NAME")]
    target: Option<String>,
    /// One token, ours or an issuer's, and what came from it
    // One id in 64 begins with a hyphen.
    #[arg(long, group = "selected", value_name = "ID", allow_hyphen_values = true)]
    jti: Option<String>,
    /// Everything that was signed by a key, ours or an issuer's
    #[arg(long, group = "selected", value_name = "ID", allow_hyphen_values = true)]
    kid: Option<String>,
    /// What a claim of the presented token says, such as `repository_id=821093847`; a pointer for one below another
    #[arg(long, group = "selected", value_name = "NAME=VALUE")]
    claim: Option<String>,
    /// Everything
    #[arg(long, group = "selected")]
    all: bool,
    /// Who issued what was presented; beside --claim: only its tokens
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with_all = ["relationship", "subject", "target", "jti", "kid", "all"]
    )]
    issuer: Option<String>,
}

impl Selection {
    /// What was typed, with the option before it.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let Self { relationship, subject, target, jti, kid, claim, all: _, issuer } = self;
        let options = [
            ("--relationship", relationship),
            ("--subject", subject),
            ("--target", target),
            ("--jti", jti),
            ("--kid", kid),
            ("--claim", claim),
            ("--issuer", issuer),
        ];
        options.into_iter().filter_map(|(option, text)| Some((option, text.as_deref()?)))
    }
}

/// Names are looked up in the trust files, unless `unchecked`; and what a claim is found in.
pub(super) fn selector(settings: &Settings, selection: &Selection, unchecked: bool, now: Timestamp) -> anyhow::Result<(Selector, Reach)> {
    let names = Names::read(settings, unchecked, now)?;
    let issuer = selection.issuer.as_deref().map(|name| names.issuer(name)).transpose()?;
    let Selection { relationship, subject, target, jti, kid, claim, .. } = selection;
    let selector = match (relationship, subject, target, jti, kid, claim, issuer) {
        (Some(name), ..) => Selector::Relationship(names.relationship(name)?),
        (_, Some(subject), ..) => Selector::Subject(names.subject(subject)?),
        (_, _, Some(target), ..) => Selector::Target(names.target(target)?),
        (_, _, _, Some(id), ..) => Selector::TokenId(Jti::parse(id).map_err(|refused| WrongArgument(format!("--jti: {refused}")))?),
        (_, _, _, _, Some(id), ..) => Selector::KeyId(not_empty("--kid", id)?),
        (_, _, _, _, _, Some(claim), issuer) => of_claim(claim, issuer)?,
        (.., Some(name)) => Selector::Issuer(name),
        _ => Selector::All,
    };
    let reach = Reach::of(&selector, names.trust.as_ref());
    Ok((selector, reach))
}

fn not_empty(option: &str, text: &str) -> anyhow::Result<Box<str>> {
    anyhow::ensure!(!text.is_empty(), "{option} is empty: nothing would be selected");
    Ok(text.into())
}

fn of_claim(claim: &str, issuer: Option<IssuerName>) -> anyhow::Result<Selector> {
    let expected = "--claim is written NAME=VALUE, such as repository_id=821093847, or /kubernetes.io/namespace=ci";
    let (path, value) = claim.split_once('=').ok_or_else(|| anyhow!(expected))?;
    let path = ClaimPath::parse(path).map_err(|error| anyhow!("{error}; {expected}"))?;
    Ok(Selector::Claim { path, value: not_empty("the value of --claim", value)?, issuer })
}

/// What the trust files know, and whether a name must be among it.
struct Names {
    trust: Option<CompiledTrust>,
    unchecked: bool,
}

impl Names {
    fn read(settings: &Settings, unchecked: bool, now: Timestamp) -> anyhow::Result<Self> {
        let trust = trust::load(&trust_settings(settings), now);
        if unchecked {
            return Ok(Self { trust: trust.ok(), unchecked });
        }
        let refused =
            |_| anyhow!("the trust files have errors (see `cambist check`), so names cannot be checked; use --force to go on without");
        trust.map(|trust| Self { trust: Some(trust), unchecked }).map_err(refused)
    }

    fn issuer(&self, text: &str) -> anyhow::Result<IssuerName> {
        let known = |trust: &CompiledTrust| trust.issuers.iter().map(|issuer| issuer.name.to_string()).collect();
        self.check("issuer", text, known)?;
        Ok(IssuerName::parse(text)?)
    }

    fn relationship(&self, text: &str) -> anyhow::Result<RelationshipName> {
        let known = |trust: &CompiledTrust| {
            let clients = trust.clients.iter().map(|client| client.name.as_str().to_owned());
            trust.policy.relationships().map(|rule| rule.name.to_string()).chain(clients).collect()
        };
        self.check("relationship or client", text, known)?;
        Ok(RelationshipName::parse(text)?)
    }

    fn subject(&self, text: &str) -> anyhow::Result<Box<str>> {
        let parts = text.split_once(':').filter(|(_, subject)| !subject.is_empty());
        let parts = parts.ok_or_else(|| anyhow!("--subject is written <issuer name>:<subject>, as the decision log shows it"));
        let (issuer, subject) = parts?;
        let name = self.issuer(issuer)?;
        self.can_be_subject(&name, subject)?;
        Ok(text.into())
    }

    /// The issuer's `subject` says how its subjects are written in issued tokens; another text would match none.
    fn can_be_subject(&self, issuer: &IssuerName, subject: &str) -> anyhow::Result<()> {
        let trust = self.trust.as_ref().filter(|_| !self.unchecked);
        let mut rules = trust.iter().flat_map(|trust| &trust.issuers).filter(|settings| settings.name == *issuer);
        let Some(rule) = rules.next().map(|settings| &settings.expectations.subject).filter(|rule| !rule.can_be(subject)) else {
            return Ok(());
        };
        let claims: &[ClaimPath] = if let SubjectRule::Claims(paths) = rule { paths } else { &[] };
        let mut instead = vec![format!("--subject {issuer}:{rule}")];
        instead.extend(claims.iter().map(|path| format!("--claim {path}=<value> --issuer {issuer}")));
        instead.push(format!("for what is presented with it, --claim {} --issuer {issuer}", shell::word(&format!("sub={subject}"))));
        bail!(
            "no subject of issuer `{issuer}` is `{}`: they look like {issuer}:{rule}. Nothing was revoked. Use {}. For tokens that were issued \
             while the issuer had another `subject`, use --force",
            subject.escape_debug(),
            instead.join("; or ")
        )
    }

    fn target(&self, text: &str) -> anyhow::Result<Audience> {
        let targets = || self.trust.iter().flat_map(|trust| trust.policy.targets());
        if let Some(target) = targets().find(|target| target.name.as_str() == text || target.audience.as_str() == text) {
            return Ok(target.audience.clone());
        }
        let known = |trust: &CompiledTrust| trust.policy.targets().map(|target| target.name.to_string()).collect();
        self.check("target", text, known)?;
        Ok(Audience::parse(text)?)
    }

    /// Whether it is known, where anything is; `--force` lets unknown ones pass.
    fn check(&self, kind: &str, text: &str, known: impl Fn(&CompiledTrust) -> Vec<String>) -> anyhow::Result<()> {
        let Some(trust) = self.trust.as_ref().filter(|_| !self.unchecked) else { return Ok(()) };
        let mut known = known(trust);
        known.sort();
        if known.iter().any(|name| name == text) {
            return Ok(());
        }
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        let hint = match nearest(text, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "there is none.".to_owned(),
            None => format!("known are {}{}", names[..names.len().min(SHOWN)].join(", "), if names.len() > SHOWN { ", …" } else { "." }),
        };
        bail!(
            "no {kind} is called `{}`: {hint} Nothing was revoked. For a name that was removed from the trust files, use --force",
            text.escape_debug()
        )
    }
}

/// Names that a message lists, at most.
const SHOWN: usize = 20;
