//! The version of trust: one digest of everything that decides.

use std::path::Path;

use crate::domain::{Digest256, Seconds};
use crate::issuers::{ClientSettings, IssuerSettings, KeySource};
use crate::outbound::Network;
use crate::policy::{Binding, ClaimMatcher, Condition, Scalar, Target, TokenFormat, TokenKind, TrustPolicy, TrustRelationship};
use crate::token::{Expectations, SubjectRule};

/// SHA-256 over the digests of all issuers, targets, relationships and clients, each kind sorted by name.
///
/// Paths count from `directory`, so that nodes which mount the same trust in different places agree.
pub(super) fn of(issuers: &[IssuerSettings], clients: &[ClientSettings], policy: &TrustPolicy, directory: &Path) -> Digest256 {
    let mut digests = Canonical::default();
    let mut issuers: Vec<_> = issuers.iter().collect();
    issuers.sort_by(|a, b| a.name.cmp(&b.name));
    digests.list(issuers, |digests, one| digests.digest(|out| issuer(out, one, directory)));
    let mut targets: Vec<_> = policy.targets().collect();
    targets.sort_by(|a, b| a.name.cmp(&b.name));
    digests.list(targets, |digests, one| digests.digest(|out| target(out, one)));
    let mut relationships: Vec<_> = policy.relationships().collect();
    relationships.sort_by(|a, b| a.name.cmp(&b.name));
    digests.list(relationships, |digests, one| digests.digest(|out| relationship(out, one)));
    let mut clients: Vec<_> = clients.iter().collect();
    clients.sort_by(|a, b| a.name.cmp(&b.name));
    digests.list(clients, |digests, one| digests.digest(|out| client(out, one, directory)));
    Digest256::of(&digests.0)
}

/// Bytes that cannot be read in two ways: every text and every list is preceded by its length.
#[derive(Default)]
struct Canonical(Vec<u8>);

impl Canonical {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_be_bytes());
    }

    fn length(&mut self, length: usize) {
        self.number(u64::try_from(length).unwrap_or(u64::MAX));
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.extend(text.as_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.number(u64::from(flag));
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>, mut write: impl FnMut(&mut Self, T)) {
        let items = items.into_iter();
        self.length(items.len());
        items.for_each(|item| write(self, item));
    }

    fn digest(&mut self, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.0.extend(Digest256::of(&inner.0).as_bytes());
    }

    fn seconds(&mut self, seconds: Option<Seconds>) {
        self.list(seconds.as_slice(), |out, seconds| out.number(seconds.0));
    }

    fn path(&mut self, path: &Path, directory: &Path) {
        self.text(&path.strip_prefix(directory).unwrap_or(path).to_string_lossy());
    }
}

fn issuer(out: &mut Canonical, issuer: &IssuerSettings, directory: &Path) {
    let IssuerSettings { name, id, owner, expectations, keys, network, ca_file, recorded } = issuer;
    out.text(name.as_str());
    out.text(id.as_str());
    out.text(owner);
    write_expectations(out, expectations);
    key_source(out, keys, directory);
    reach(out, *network, ca_file.as_deref(), directory);
    out.list(&**recorded, |out, claim| out.text(claim.as_str()));
}

fn client(out: &mut Canonical, client: &ClientSettings, directory: &Path) {
    let ClientSettings { name, owner, keys, network, ca_file } = client;
    out.text(name.as_str());
    out.text(owner);
    key_source(out, keys, directory);
    reach(out, *network, ca_file.as_deref(), directory);
}

/// From where keys may be fetched, and who vouches for the place.
fn reach(out: &mut Canonical, network: Network, ca_file: Option<&Path>, directory: &Path) {
    out.text(network.name());
    out.list(ca_file.as_slice(), |out, file| out.path(file, directory));
}

fn key_source(out: &mut Canonical, keys: &KeySource, directory: &Path) {
    match keys {
        KeySource::Discovery { token_file } => {
            out.text("discovery");
            out.list(token_file.as_slice(), |out, file| out.path(file, directory));
        }
        KeySource::JwksUri(uri) => {
            out.text("jwks_uri");
            out.text(uri.as_str());
        }
        KeySource::JwksFile(file) => {
            out.text("jwks_file");
            out.path(file, directory);
        }
    }
}

fn write_expectations(out: &mut Canonical, expectations: &Expectations) {
    let Expectations {
        issuer: _,
        replay,
        audiences,
        algorithms,
        typ,
        typ_required,
        extra_audiences,
        leeway,
        iat_skew,
        max_lifetime,
        max_age,
        subject,
    } = expectations;
    out.text(replay.name());
    out.list(audiences, |out, audience| out.text(audience.as_str()));
    out.list(algorithms.iter().collect::<Vec<_>>(), |out, algorithm| out.text(algorithm.name()));
    out.list(typ, |out, typ| out.text(typ));
    out.flag(*typ_required);
    out.flag(*extra_audiences);
    out.seconds(Some(*leeway));
    out.seconds(Some(*iat_skew));
    out.seconds(Some(*max_lifetime));
    out.seconds(*max_age);
    match subject {
        SubjectRule::Sub => out.text("sub"),
        // Of which trust domain stands with the issuer.
        SubjectRule::SpiffeId(_) => out.text("spiffe id"),
        SubjectRule::Claims(claims) => {
            out.text("claims");
            out.list(claims, |out, claim| out.text(claim.as_str()));
        }
    }
}

fn target(out: &mut Canonical, target: &Target) {
    let Target { name, audience, owner, max_lifetime, scopes, algorithm, bind, format, kind, introspection, encryption } = target;
    out.text(name.as_str());
    out.text(audience.as_str());
    out.text(owner);
    out.seconds(Some(*max_lifetime));
    out.list(scopes, |out, (scope, description)| {
        out.text(scope.as_str());
        out.text(description);
    });
    out.text(algorithm.name());
    out.text(match bind {
        Binding::Any => "any",
        Binding::Dpop => "dpop",
        Binding::Mtls => "mtls",
    });
    out.text(match format {
        TokenFormat::Jwt => "jwt",
        TokenFormat::Opaque => "opaque",
    });
    out.flag(*kind == TokenKind::AuthorizationGrant);
    out.list(introspection, |out, name| out.text(name));
    out.list(encryption.as_slice(), |out, key| {
        out.text(&key.thumbprint().to_string());
        out.text(key.key_id().unwrap_or_default());
    });
}

fn relationship(out: &mut Canonical, rule: &TrustRelationship) {
    out.text(rule.name.as_str());
    out.text(rule.issuer.as_str());
    out.text(&rule.owner);
    out.text(&rule.purpose);
    out.number(rule.review_by.unix());
    out.list(&rule.conditions, condition);
    out.list(rule.actor.as_slice(), |out, actor| {
        out.text(actor.issuer.as_str());
        out.text(actor.role.name());
        out.list(&actor.conditions, condition);
    });
    out.list(&rule.grants, |out, grant| {
        out.text(grant.target.name.as_str());
        out.list(grant.scopes.iter().collect::<Vec<_>>(), |out, scope| out.text(scope.as_str()));
        out.seconds(Some(grant.lifetime));
        out.flag(grant.cap_to_subject);
        out.flag(grant.narrow);
    });
    out.list(&rule.mapping, |out, mapping| {
        out.text(&mapping.name);
        out.text(mapping.from.as_str());
    });
}

fn condition(out: &mut Canonical, condition: &Condition) {
    // A scalar is displayed as JSON, which tells strings from numbers and booleans.
    let scalars = |out: &mut Canonical, scalars: &[Scalar]| out.list(scalars, |out, scalar| out.text(&scalar.to_string()));
    out.text(condition.claim.as_str());
    match &condition.matcher {
        ClaimMatcher::Exact(value) | ClaimMatcher::Contains(value) => {
            out.text(if matches!(condition.matcher, ClaimMatcher::Exact(_)) { "exact" } else { "contains" });
            scalars(out, std::slice::from_ref(value));
        }
        ClaimMatcher::OneOf(values) => {
            out.text("one of");
            scalars(out, values);
        }
        ClaimMatcher::NoneOf(values) => {
            out.text("none of");
            scalars(out, values);
        }
        ClaimMatcher::Glob(glob) => {
            out.text("glob");
            out.text(glob.as_str());
        }
    }
}
