//! Issuers: what the document says, over what the preset says.

use std::collections::HashMap;
use std::sync::Arc;

use crate::document::{Diagnostics, Place, Spanned};
use crate::domain::{Audience, ClaimPath, IssuerId, IssuerName, Seconds, TrustDomain};
use crate::issuers::IssuerSettings;
use crate::outbound::Network;
use crate::policy::{ClaimMatcher, Condition};
use crate::token::{Algorithms, Expectations, ReplayMode, SubjectRule};
use crate::trust::preset::{IssuerKind, Preset};
use crate::trust::read::ReadIssuer;

use super::TrustSettings;

/// Clock difference tolerated for `exp` and `nbf` unless the issuer says otherwise, in seconds.
const DEFAULT_LEEWAY: Seconds = Seconds(60);
/// A leeway beyond this would lengthen every short token by half its life, in seconds.
const LONGEST_LEEWAY: Seconds = Seconds(300);
/// How far `iat` may lie ahead, in seconds. Never more: the replay fence counts on it.
const LONGEST_IAT_SKEW: Seconds = Seconds(10);

/// Audiences that other systems accept: a token that carries one was meant for them, and they would take it from us.
const AUDIENCES_OF_OTHERS: [(&str, &str); 3] = [
    ("https://kubernetes.default.svc", "a Kubernetes API server"),
    ("sts.amazonaws.com", "AWS"),
    ("api://AzureADTokenExchange", "Microsoft Entra"),
];

/// An issuer as relationships see it.
pub(super) struct CompiledIssuer {
    pub(super) name: IssuerName,
    pub(super) preset: &'static Preset,
    /// What the preset refuses, as conditions that relationships share.
    pub(super) refusals: Vec<Condition>,
    /// `None` when something about it was reported.
    pub(super) settings: Option<IssuerSettings>,
}

impl CompiledIssuer {
    /// Its trust domain, if it is one of SPIFFE.
    pub(super) fn trust_domain(&self) -> Option<&TrustDomain> {
        match &self.settings.as_ref()?.id {
            IssuerId::TrustDomain(domain) => Some(domain),
            IssuerId::Url(_) => None,
        }
    }
}

/// All issuers of a known preset, by name.
pub(super) fn compile_issuers(
    read: Vec<ReadIssuer>,
    settings: &TrustSettings,
    diagnostics: &Diagnostics,
) -> HashMap<IssuerName, CompiledIssuer> {
    let mut ids: HashMap<IssuerId, (IssuerName, Place)> = HashMap::new();
    let mut compiled = HashMap::new();
    for issuer in read {
        let Some(preset) = issuer.preset else { continue };
        let name = issuer.name.clone();
        let context = Context { name: name.clone(), place: issuer.place.clone(), settings, diagnostics };
        let issuer_settings = context.compile(issuer, preset);
        if let Some(issuer) = &issuer_settings {
            if let Some((other, first)) = ids.get(&issuer.id) {
                let same = if matches!(issuer.id, IssuerId::Url(_)) { "url" } else { "trust_domain" };
                let message = format!("`{other}`, at {first}, has the same `{same}`: a token must belong to one issuer; remove one");
                context.error(None, "", &message);
            }
            ids.entry(issuer.id.clone()).or_insert((name.clone(), context.place.clone()));
        }
        let refusals = preset
            .refuse
            .iter()
            .map(|(claim, values)| Condition { claim: Arc::new(claim.clone()), matcher: ClaimMatcher::NoneOf(values.as_slice().into()) });
        compiled.insert(name.clone(), CompiledIssuer { name, preset, refusals: refusals.collect(), settings: issuer_settings });
    }
    compiled
}

/// What the parts of one issuer need to speak of it.
pub(super) struct Context<'c> {
    name: IssuerName,
    place: Place,
    pub(super) settings: &'c TrustSettings,
    diagnostics: &'c Diagnostics,
}

impl Context<'_> {
    pub(super) fn error(&self, place: Option<&Place>, field: &str, message: &str) {
        let dot = if field.is_empty() { "" } else { "." };
        self.diagnostics.error_at(place.unwrap_or(&self.place), format!("issuer.{}{dot}{field}: {message}", self.name));
    }

    fn compile(&self, read: ReadIssuer, preset: &'static Preset) -> Option<IssuerSettings> {
        let network = read.keys.network.as_ref().map_or(Network::Public, |network| network.value);
        let id = self.id(&read, preset, network);
        self.check_loopback(read.keys.network.as_ref());
        let ca_file = read.keys.ca_file.as_ref().map(|file| file.value.clone());
        let keys = self.keys(&read.keys, preset.kind, network);
        let owner = read.owner.clone();
        let expectations = self.expectations(read, preset, id.as_ref());
        Some(IssuerSettings {
            name: self.name.clone(),
            id: id?,
            owner,
            expectations,
            keys: keys?,
            network,
            ca_file,
            recorded: preset.recorded.as_slice().into(),
        })
    }

    fn check_loopback(&self, network: Option<&Spanned<Network>>) {
        if let Some(network) = network.filter(|network| network.value == Network::Loopback && !self.settings.loopback_issuers) {
            let message = "an issuer on the loopback network is for one machine: bind every listener to loopback, or remove it";
            self.error(Some(&network.place), "network", message);
        }
    }

    fn expectations(&self, read: ReadIssuer, preset: &Preset, id: Option<&IssuerId>) -> Expectations {
        let replay = read.replay.as_ref().map_or(preset.replay, |replay| replay.value);
        let max_age = read.token_max_age.map(|age| age.value).or(preset.token_max_age);
        // A JWT-SVID may lack `iat`; what is left of its life is bounded then, by `token_max_lifetime`.
        if replay == ReplayMode::Reusable && max_age.is_none() && preset.kind != IssuerKind::Spiffe {
            let place = read.replay.as_ref().map(|replay| &replay.place);
            self.error(place, "replay", "a reusable token is bounded by its age: write `token_max_age`, such as \"1h\"");
        }
        let algorithms = read.algorithms.map_or_else(|| preset.algorithms.clone(), |list| list.into_iter().map(|one| one.value).collect());
        Expectations {
            issuer: self.name.clone(),
            replay,
            audiences: self.audiences(read.audiences),
            algorithms: Algorithms::from(algorithms),
            typ: read.typ.map_or_else(|| preset.typ.clone(), |typ| typ.into_iter().map(|typ| typ.value).collect()),
            typ_required: false,
            extra_audiences: read.extra_audiences,
            leeway: self.at_most("leeway", read.leeway, LONGEST_LEEWAY).unwrap_or(DEFAULT_LEEWAY),
            iat_skew: self.at_most("iat_skew", read.iat_skew, LONGEST_IAT_SKEW).unwrap_or(LONGEST_IAT_SKEW),
            max_lifetime: read.token_max_lifetime.map_or(preset.token_max_lifetime, |lifetime| lifetime.value),
            max_age,
            subject: match id {
                Some(IssuerId::TrustDomain(domain)) => SubjectRule::SpiffeId(domain.clone()),
                Some(IssuerId::Url(_)) | None => self.subject(read.subject.as_deref(), preset),
            },
        }
    }

    fn at_most(&self, field: &str, written: Option<Spanned<Seconds>>, longest: Seconds) -> Option<Seconds> {
        let written = written?;
        if written.value > longest {
            self.error(Some(&written.place), field, &format!("{} is too long: write at most {longest}", written.value));
        }
        Some(written.value)
    }

    fn audiences(&self, written: Option<Vec<Spanned<Audience>>>) -> Vec<Audience> {
        let own = &self.settings.own_issuer;
        let Some(written) = written else { return Audience::parse(own.as_str()).into_iter().collect() };
        for audience in &written {
            let text = audience.value.as_str();
            let foreign =
                AUDIENCES_OF_OTHERS.iter().find(|(other, _)| text == *other || (other.contains("://") && text.starts_with(other)));
            if let Some((_, whose)) = foreign {
                let message = format!(
                    "`{text}` is the audience of {whose}: who can read such a token here can use it there; have workloads ask for `{own}`"
                );
                self.error(Some(&audience.place), "audiences", &message);
            }
        }
        let mut audiences: Vec<_> = written.into_iter().map(|audience| audience.value).collect();
        audiences.sort_unstable();
        audiences.dedup();
        audiences
    }

    fn subject(&self, written: Option<&[Spanned<ClaimPath>]>, preset: &Preset) -> SubjectRule {
        for claim in written.into_iter().flatten().filter(|claim| claim.value.as_str() != "sub") {
            if let Some(known) = preset.claim(&claim.value).filter(|known| !known.is_id) {
                let instead = known.ids.first().map_or_else(|| "sub".to_owned(), ToString::to_string);
                let message = format!("`{}` may belong to another one day; use an immutable id, such as `{instead}`", claim.value);
                self.error(Some(&claim.place), "subject", &message);
            }
        }
        let paths: Vec<ClaimPath> = written.into_iter().flatten().map(|claim| claim.value.clone()).collect();
        let paths = if written.is_some() { paths } else { preset.subject.clone() };
        let is_sub = |path: &ClaimPath| path.as_str() == "sub";
        if paths.iter().any(is_sub) {
            if paths.len() > 1 {
                let place = written.into_iter().flatten().next().map(|claim| &claim.place);
                self.error(place, "subject", "`sub` names the subject alone; write [\"sub\"], or ids without it");
            }
            return SubjectRule::Sub;
        }
        SubjectRule::Claims(paths)
    }
}
