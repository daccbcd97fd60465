//! How issued tokens name the subject of a presented one.

use std::fmt;

use crate::domain::{ClaimPath, ClaimValue, Claims, SpiffeId, TrustDomain};

use super::RejectedToken;
use super::claims::{is_clean, spiffe_id, subject};

/// Which claims name the subject of the issued token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SubjectRule {
    /// `sub` itself.
    Sub,
    /// These claims: immutable ids, where `sub` recycles names.
    Claims(Vec<ClaimPath>),
    /// `sub`, a SPIFFE ID of this trust domain. The issuer is the trust domain then, whatever `iss` says (SPIFFE JWT-SVID §3).
    SpiffeId(TrustDomain),
}

impl SubjectRule {
    /// The subject as issued tokens name it, still without the issuer in front: `sub`, or `claim=value` for each claim of the rule.
    ///
    /// Injective: only strings count, commas and percent signs in them are escaped, names come from the issuer's own registration.
    pub(super) fn external(&self, claims: &Claims) -> Result<Box<str>, RejectedToken> {
        let paths = match self {
            Self::SpiffeId(domain) => return spiffe_id(claims, domain).map(Into::into),
            Self::Sub => return subject(claims).map(Into::into),
            Self::Claims(paths) => paths,
        };
        // Required in any case.
        subject(claims)?;
        let mut out = String::new();
        for path in paths {
            let text = match claims.at(path) {
                Some(ClaimValue::Text(text)) if is_clean(text, 256) => text.replace('%', "%25").replace(',', "%2C"),
                None => return Err(RejectedToken::SubjectMissing),
                Some(_) => return Err(RejectedToken::SubjectInvalid),
            };
            let separator = if out.is_empty() { "" } else { "," };
            out.extend([separator, path.as_str(), "=", &text]);
        }
        Ok(out.into())
    }

    /// Whether a subject of this rule can be written so. What is not can never be one.
    #[must_use]
    pub fn can_be(&self, subject: &str) -> bool {
        let paths = match self {
            Self::Sub => return true,
            Self::SpiffeId(domain) => return SpiffeId::parse(subject).is_ok_and(|id| id.is_of(domain)),
            Self::Claims(paths) => paths,
        };
        let mut rest = Some(subject);
        for path in paths {
            let value = rest.and_then(|rest| rest.strip_prefix(path.as_str())?.strip_prefix('='));
            let Some(value) = value else { return false };
            rest = match value.split_once(',') {
                Some(("", _)) => return false,
                Some((_, more)) => Some(more),
                None if value.is_empty() => return false,
                None => None,
            };
        }
        rest.is_none()
    }
}

/// How its subjects look, for people: `repository_id=<value>`.
impl fmt::Display for SubjectRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sub => f.write_str("<sub>"),
            Self::SpiffeId(domain) => write!(f, "{}/<path>", domain.as_uri()),
            Self::Claims(paths) => {
                let parts: Vec<String> = paths.iter().map(|path| format!("{path}=<value>")).collect();
                f.write_str(&parts.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(paths: &[&str]) -> SubjectRule {
        SubjectRule::Claims(paths.iter().map(|path| ClaimPath::parse(path).unwrap()).collect())
    }

    #[test]
    fn what_a_rule_never_writes_is_known() {
        let (one, two) = (claims(&["repository_id"]), claims(&["project_id", "/kubernetes.io/namespace"]));
        let mesh = SubjectRule::SpiffeId(TrustDomain::parse("mesh.test").unwrap());
        for (rule, subject, expected) in [
            (&SubjectRule::Sub, "repo:acme/web:ref:refs/heads/main", true),
            (&one, "repository_id=821093847", true),
            (&one, "repository_id=a=b%2Cc", true),
            (&one, "repo:acme/web:ref:refs/heads/main", false),
            (&one, "repository_id=", false),
            (&one, "repository_id", false),
            (&one, "repository_id=1,x=2", false),
            (&two, "project_id=7,/kubernetes.io/namespace=ci", true),
            (&two, "/kubernetes.io/namespace=ci,project_id=7", false),
            (&two, "project_id=7", false),
            (&two, "project_id=,/kubernetes.io/namespace=ci", false),
            (&mesh, "spiffe://mesh.test/ns/ci", true),
            (&mesh, "spiffe://other.test/ns/ci", false),
            (&mesh, "ci", false),
        ] {
            assert_eq!(rule.can_be(subject), expected, "{rule}: {subject}");
        }
        assert_eq!(two.to_string(), "project_id=<value>,/kubernetes.io/namespace=<value>");
    }

    #[test]
    fn what_a_rule_writes_it_takes_for_its_own() {
        let rule = claims(&["project_id", "ref"]);
        let said = [("sub", "x"), ("project_id", "7,%"), ("ref", "a=b,")];
        let said = said.map(|(name, text)| (name.into(), ClaimValue::Text(text.into())));
        let said = Claims::from_distinct(said.into());
        assert!(rule.can_be(&rule.external(&said).unwrap()));
    }
}
