//! Tokens that are bound to a key (RFC 7800), and what their presenter has shown of keys.

use crate::domain::{ClaimValue, Claims, Thumbprint};

use super::RejectedToken;
use super::jwk::thumbprint;

/// The `cnf` of a token: whoever presents it must prove possession of every key it names.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Bond {
    /// `jkt`, or the thumbprint of `jwk` (RFC 9449 §6.1, RFC 7800 §3.2): proven by DPoP.
    pub key: Option<Thumbprint>,
    /// `x5t#S256` (RFC 8705 §3.1): proven by the certificate of the connection.
    pub certificate: Option<Thumbprint>,
}

/// What a request has proven about the keys of whoever sent it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ProvenKeys {
    /// The key of a valid DPoP proof for this request.
    pub key: Option<Thumbprint>,
    /// The certificate whose key the client used in the TLS handshake.
    pub certificate: Option<Thumbprint>,
}

/// Who shows a token.
#[derive(Clone, Copy, Debug)]
pub enum Shown {
    /// Whoever wants something for it, having proven these keys.
    ByHolder(ProvenKeys),
    /// Somebody who asks about it: a resource server that introspects what it was sent. Nothing is handed out for it.
    ByInspector,
}

impl Bond {
    /// Reads `cnf`. A confirmation method that we cannot check makes the token unusable here, never a bearer token.
    pub(super) fn read(claims: &Claims) -> Result<Self, RejectedToken> {
        let Some(confirmation) = claims.get("cnf") else { return Ok(Self::default()) };
        let members = confirmation.as_object().ok_or(RejectedToken::ConfirmationUnsupported)?;
        let mut bond = Self::default();
        for (name, value) in members.iter() {
            match (name, value) {
                ("jkt", ClaimValue::Text(text)) => bond.bind_key(Thumbprint::parse(text))?,
                ("jwk", ClaimValue::Object(jwk)) => bond.bind_key(thumbprint(jwk))?,
                ("x5t#S256", ClaimValue::Text(text)) => {
                    bond.certificate = Some(Thumbprint::parse(text).ok_or(RejectedToken::ConfirmationUnsupported)?);
                }
                _ => return Err(RejectedToken::ConfirmationUnsupported),
            }
        }
        if bond == Self::default() { Err(RejectedToken::ConfirmationUnsupported) } else { Ok(bond) }
    }

    /// Whether the presenter has proven what the token is bound to.
    pub(super) fn check(&self, shown: Shown) -> Result<(), RejectedToken> {
        let Shown::ByHolder(proven) = shown else { return Ok(()) };
        for (bound, proven, mismatch) in [
            (self.key, proven.key, RejectedToken::PopMismatch),
            (self.certificate, proven.certificate, RejectedToken::PopCertificateMismatch),
        ] {
            match (bound, proven) {
                (Some(_), None) => return Err(RejectedToken::PopRequired),
                (Some(bound), Some(other)) if other != bound => return Err(mismatch),
                (Some(_), Some(_)) | (None, _) => {}
            }
        }
        Ok(())
    }

    fn bind_key(&mut self, key: Option<Thumbprint>) -> Result<(), RejectedToken> {
        let key = key.ok_or(RejectedToken::ConfirmationUnsupported)?;
        // `jkt` and `jwk` may stand together and must then mean the same key.
        if self.key.is_some_and(|other| other != key) {
            return Err(RejectedToken::ConfirmationUnsupported);
        }
        self.key = Some(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{JsonLimits, parse_json};

    const KEY: &str = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    const OTHER: &str = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";

    fn read(cnf: &str) -> Result<Bond, RejectedToken> {
        let json = format!(r#"{{"cnf":{}}}"#, cnf.replace("KEY", KEY).replace("OTHER", OTHER));
        Bond::read(parse_json(json.as_bytes(), JsonLimits { depth: 8, members: 32 }).unwrap().as_object().unwrap())
    }

    #[test]
    fn a_confirmation_is_understood_or_the_token_is_unusable() {
        let (key, other) = (Thumbprint::parse(KEY), Thumbprint::parse(OTHER));
        let jwk = r#"{"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}"#;
        let jwk_key = Thumbprint::parse("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        for (cnf, expected, why) in [
            (r#"{"jkt":"KEY"}"#.into(), Some(Bond { key, certificate: None }), "a thumbprint"),
            (r#"{"x5t#S256":"OTHER"}"#.into(), Some(Bond { key: None, certificate: other }), "a certificate"),
            (r#"{"jkt":"KEY","x5t#S256":"OTHER"}"#.into(), Some(Bond { key, certificate: other }), "both"),
            (format!(r#"{{"jwk":{jwk}}}"#), Some(Bond { key: jwk_key, certificate: None }), "a whole key"),
            (format!(r#"{{"jwk":{jwk},"jkt":"KEY"}}"#), None, "two keys"),
            ("{}".into(), None, "bound to nothing"),
            (r#""KEY""#.into(), None, "no object"),
            (r#"{"jkt":7}"#.into(), None, "no text"),
            (r#"{"jkt":"KEY="}"#.into(), None, "another spelling"),
            (r#"{"kid":"k1"}"#.into(), None, "a name of a key that only others know"),
            (r#"{"jkt":"KEY","jku":"https://evil.example"}"#.into(), None, "a method that nobody checks"),
        ] {
            assert_eq!(read(&cnf).ok(), expected, "{why}: {cnf}");
        }
        assert_eq!(Bond::read(&Claims::default()), Ok(Bond::default()), "not bound");
    }

    #[test]
    fn whoever_presents_a_bound_token_has_proven_every_key_it_names() {
        let (key, other) = (Thumbprint::parse(KEY), Thumbprint::parse(OTHER));
        let bound = |key, certificate| Bond { key, certificate };
        let proven = |key, certificate| Shown::ByHolder(ProvenKeys { key, certificate });
        let (required, mismatch) = (Err(RejectedToken::PopRequired), Err(RejectedToken::PopMismatch));
        let other_certificate = Err(RejectedToken::PopCertificateMismatch);
        for (bond, shown, expected, why) in [
            (bound(None, None), proven(None, None), Ok(()), "a bearer token"),
            (bound(None, None), proven(key, other), Ok(()), "a proof nobody asked for"),
            (bound(key, None), proven(key, None), Ok(()), "proven"),
            (bound(key, None), proven(None, key), required, "a certificate is no proof of DPoP"),
            (bound(key, None), proven(other, None), mismatch, "another key"),
            (bound(key, other), proven(key, None), required, "one of two"),
            (bound(key, other), proven(key, other), Ok(()), "both"),
            (bound(key, other), proven(key, key), other_certificate, "another certificate"),
            (bound(None, other), proven(other, key), other_certificate, "another certificate, and a proof that binds nothing"),
            (bound(key, other), Shown::ByInspector, Ok(()), "who asks about a token holds no key of it"),
        ] {
            assert_eq!(bond.check(shown), expected, "{why}");
        }
    }
}
