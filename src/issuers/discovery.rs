//! The discovery document (OpenID Connect Discovery 1.0 §3 and §4, RFC 8414 §3.3).

use url::Url;

use crate::domain::{IssuerUrl, JsonError, JsonLimits, parse_json};

/// Appended to the issuer, whose terminating slash is removed first (OpenID Connect Discovery 1.0 §4).
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Where the issuer's document is.
pub(super) fn document_url(issuer: &IssuerUrl) -> Result<Url, InvalidDiscovery> {
    Url::parse(&issuer.join(WELL_KNOWN)).map_err(|_| InvalidDiscovery::Address)
}

/// The `jwks_uri` of a document that is this issuer's own. Whether it may be asked is decided by who asks it.
pub(super) fn jwks_uri(document: &[u8], issuer: &IssuerUrl) -> Result<Url, InvalidDiscovery> {
    let value = parse_json(document, JsonLimits { depth: 8, members: 256 })?;
    let members = value.as_object().ok_or(InvalidDiscovery::NoObject)?;
    let stated = members.text("issuer").ok_or(InvalidDiscovery::IssuerMissing)?;
    if stated != issuer.as_str() {
        return Err(InvalidDiscovery::IssuerMismatch { stated: stated.chars().take(200).collect::<String>().into() });
    }
    let uri = members.text("jwks_uri").ok_or(InvalidDiscovery::KeysMissing)?;
    Url::parse(uri).map_err(|_| InvalidDiscovery::KeysMissing)
}

/// A discovery document cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum InvalidDiscovery {
    #[error("the issuer's URL has no discovery document; set `jwks_uri` or `jwks_file`")]
    Address,
    #[error("the discovery document has no `issuer`")]
    IssuerMissing,
    #[error(
        "the discovery document is of another issuer: its `issuer` is {stated:?}; `url` must equal that, byte for byte, if it is the same"
    )]
    IssuerMismatch { stated: Box<str> },
    #[error("the discovery document is not strict JSON: {0}")]
    Json(#[from] JsonError),
    #[error("the discovery document has no `jwks_uri` that is a URL; set `jwks_uri` or `jwks_file`")]
    KeysMissing,
    #[error("the discovery document is not an object")]
    NoObject,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_beside_the_issuer_with_or_without_its_slash() {
        for (issuer, expected) in [
            ("https://h", "https://h/.well-known/openid-configuration"),
            ("https://h/", "https://h/.well-known/openid-configuration"),
            ("https://h/t", "https://h/t/.well-known/openid-configuration"),
            ("https://h/t/", "https://h/t/.well-known/openid-configuration"),
        ] {
            let issuer = IssuerUrl::parse(issuer).unwrap();
            assert_eq!(document_url(&issuer).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn only_the_issuers_own_document_is_believed() {
        let issuer = IssuerUrl::parse("https://h/t/").unwrap();
        let mismatch = |stated: &str| Some(InvalidDiscovery::IssuerMismatch { stated: stated.into() });
        for (document, expected, why) in [
            (r#"{"issuer":"https://h/t/","jwks_uri":"https://keys/","other":[{}]}"#, None, "exact"),
            (r#"{"issuer":"https://h/t","jwks_uri":"https://keys/"}"#, mismatch("https://h/t"), "without the slash"),
            (r#"{"issuer":"https://H/t/","jwks_uri":"https://keys/"}"#, mismatch("https://H/t/"), "other case"),
            (r#"{"issuer":"https://h:443/t/","jwks_uri":"https://keys/"}"#, mismatch("https://h:443/t/"), "default port"),
            (r#"{"issuer":["https://h/t/"],"jwks_uri":"https://keys/"}"#, Some(InvalidDiscovery::IssuerMissing), "a list"),
            (r#"{"jwks_uri":"https://keys/"}"#, Some(InvalidDiscovery::IssuerMissing), "absent"),
            (r#"{"issuer":"https://h/t/"}"#, Some(InvalidDiscovery::KeysMissing), "no keys"),
            (r#"{"issuer":"https://h/t/","jwks_uri":"/keys"}"#, Some(InvalidDiscovery::KeysMissing), "a relative URL"),
            (r#"{"issuer":"x","issuer":"https://h/t/","jwks_uri":"https://keys/"}"#, Some(JsonError::Duplicate.into()), "two issuers"),
            ("<html>", Some(JsonError::Syntax.into()), "a login page"),
            ("[]", Some(InvalidDiscovery::NoObject), "no object"),
        ] {
            assert_eq!(jwks_uri(document.as_bytes(), &issuer).err(), expected, "{why}");
        }
    }
}
