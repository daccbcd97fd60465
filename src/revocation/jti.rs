//! The `jti` that a person selects a token by.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// A `jti` to be taken back, and never a token: rules stand in the store, in every node's log and in what commands print.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Jti(Box<str>);

/// Why a text is not taken for a `jti`. Says nothing of the text itself, which may open a door.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotAJti {
    /// It could not be shown on one line.
    #[error("it holds a control character")]
    Control,
    /// It would select nothing.
    #[error("it is empty: nothing would be selected")]
    Empty,
    /// It is, or holds, an opaque token of ours.
    #[error("this is a whole token, not its `jti`")]
    Handle,
    /// No token is accepted with such a one.
    #[error("it is longer than 512 bytes, and no token has such a `jti`")]
    Long,
    /// It is, or holds, a JWT.
    #[error("this is a whole token, not its `jti`")]
    Token {
        /// The one that it says it has; of an encrypted one nobody can tell.
        jti: Option<Jti>,
    },
}

impl Jti {
    /// Takes what was typed: 1 to 512 bytes, without control characters and without a token in it.
    ///
    /// # Errors
    /// It is something else.
    pub fn parse(text: &str) -> Result<Self, NotAJti> {
        refuse_token(text)?;
        match text {
            "" => Err(NotAJti::Empty),
            _ if text.len() > MAX_BYTES => Err(NotAJti::Long),
            _ if text.contains(char::is_control) => Err(NotAJti::Control),
            _ => Ok(Self(text.into())),
        }
    }

    /// What stands in a store already. A node that refused to read it would stop.
    pub(super) fn kept(text: Box<str>) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Refuses a text that is a token or holds one, perhaps with other words around it: `Bearer …`, `token=…`.
///
/// # Errors
/// [`NotAJti::Handle`] or [`NotAJti::Token`].
pub fn refuse_token(text: &str) -> Result<(), NotAJti> {
    let in_tokens = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    for piece in text.split(|c| !in_tokens(c)) {
        if piece.starts_with("cmb_") && piece.len() > OWN_ID {
            return Err(NotAJti::Handle);
        }
        let parts: Vec<&str> = piece.split('.').collect();
        match parts[..] {
            [header, payload, signature] if is_header(header) && !payload.is_empty() && !signature.is_empty() => {
                return Err(NotAJti::Token { jti: jti_of(payload) });
            }
            // The second part, the encrypted key, is empty where the key is agreed upon.
            [header, _, iv, text, tag] if is_header(header) && [iv, text, tag].iter().all(|part| !part.is_empty()) => {
                return Err(NotAJti::Token { jti: None });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether it can be the header of a token, which is a JSON object. An issuer's `jti` may have dots: `build.17.2`.
fn is_header(part: &str) -> bool {
    let whole = part.get(..part.len() & !3).unwrap_or_default();
    URL_SAFE_NO_PAD.decode(whole).is_ok_and(|bytes| bytes.trim_ascii_start().starts_with(b"{"))
}

fn jti_of(payload: &str) -> Option<Jti> {
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    Jti::parse(payload.get("jti")?.as_str()?).ok()
}

impl fmt::Debug for Jti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Jti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As long as a `jti` may be in a token that is accepted.
const MAX_BYTES: usize = 512;
/// Characters of a `jti` of ours: one in 17 million begins as an opaque token does, which has 54.
const OWN_ID: usize = 22;

#[cfg(test)]
mod tests {
    use super::*;

    fn part(json: &str) -> String {
        URL_SAFE_NO_PAD.encode(json)
    }

    #[test]
    fn a_token_is_not_taken_for_its_jti() {
        let (header, payload) = (part(r#"{"alg":"ES256","kid":"k"}"#), part(r#"{"iss":"i","jti":"run-1"}"#));
        let token = format!("{header}.{payload}.c2ln");
        let known = NotAJti::Token { jti: Some(Jti("run-1".into())) };
        let unknown = NotAJti::Token { jti: None };
        let handle = format!("cmb_{}", "x".repeat(50));
        for (text, expected) in [
            (token.clone(), &known),
            (format!("Bearer {token}\n"), &known),
            (format!("id_token={token}"), &known),
            (format!("{header}.{}.c2ln", part(r#"{"iss":"i"}"#)), &unknown),
            (format!("{header}.{}.c2ln", part(r#"{"jti":1}"#)), &unknown),
            (format!("{header}.{}.c2ln", part(&format!(r#"{{"jti":"{token}"}}"#))), &unknown),
            (format!("{header}.AAAA.c2ln"), &unknown),
            (format!("{header}.a2V5.aXY.dGV4dA.dGFn"), &unknown),
            (format!("{header}..aXY.dGV4dA.dGFn"), &unknown),
            (handle.clone(), &NotAJti::Handle),
            (format!("token={handle}"), &NotAJti::Handle),
            (String::new(), &NotAJti::Empty),
            ("x".repeat(513), &NotAJti::Long),
            ("run\n1".into(), &NotAJti::Control),
        ] {
            let refused = Jti::parse(&text).unwrap_err();
            assert_eq!(refused, *expected, "{text}");
            assert!(text.is_empty() || !refused.to_string().contains(&text), "it is not shown");
        }
    }

    #[test]
    fn an_id_may_look_like_many_things() {
        let long = "x".repeat(512);
        for text in ["run-1", "-9fcEA", "build.17.2", "a.b.c.d.e", "cmb_AAAAAAAAAAAAAAAAAA", "https://ci/run?id=1", &long, "Lauf 1ü"] {
            assert_eq!(Jti::parse(text).unwrap().as_str(), text);
        }
    }
}
