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

/// Refuses a text that is a token or holds one, whatever stands around it: `Bearer …`, `token=…`, a full stop, the ends of lines.
///
/// # Errors
/// [`NotAJti::Handle`] or [`NotAJti::Token`].
pub fn refuse_token(text: &str) -> Result<(), NotAJti> {
    let joined: String = text.split_whitespace().collect();
    for text in [text, &joined] {
        if holds_handle(text) {
            return Err(NotAJti::Handle);
        }
        let in_tokens = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        for piece in text.split(|c| !in_tokens(c)) {
            let parts: Vec<&str> = piece.split('.').collect();
            for (index, header) in parts.iter().enumerate() {
                // With payload and signature, at least.
                if let ([_, second, _, ..], Some(header)) = (&parts[index..], header_in(header)) {
                    return Err(NotAJti::Token { jti: if header.get("enc").is_some() { None } else { jti_of(second) } });
                }
            }
        }
    }
    Ok(())
}

/// Whether an opaque token of ours stands in it: all of them have one length.
fn holds_handle(text: &str) -> bool {
    let is_whole = |rest: &str| {
        rest.len() >= HANDLE_REST && rest.bytes().take(HANDLE_REST).all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    text.match_indices("cmb_").any(|(at, prefix)| is_whole(&text[at + prefix.len()..]))
}

/// The header of a token that the text is, or ends with: a JSON object that names an algorithm. Names of hosts and ids have dots as well, and
/// some of their parts are base64url of something.
fn header_in(part: &str) -> Option<Value> {
    let begins = std::iter::once(0).chain(part.match_indices("eyJ").map(|(at, _)| at));
    begins
        .filter_map(|at| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&part[at..]).ok()?).ok())
        .find(|header: &Value| header.get("alg").is_some_and(Value::is_string))
}

fn jti_of(payload: &str) -> Option<Jti> {
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    // It is shown to people, and nobody has verified it.
    let text = payload.get("jti")?.as_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))?;
    Jti::parse(text).ok()
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
/// Characters of an opaque token of ours behind `cmb_`.
const HANDLE_REST: usize = 50;

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
            (format!("token_{handle}."), &NotAJti::Handle),
            (format!("leaked {token}."), &known),
            (format!("token.{token}"), &known),
            (format!("x{token}"), &known),
            (format!("leaked {}\n{}", &token[..20], &token[20..]), &known),
            (format!("{header}.{payload}."), &known),
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
        for text in [
            "run-1",
            "-9fcEA",
            "build.17.2",
            "a.b.c.d.e",
            "cmb_AAAAAAAAAAAAAAAAAA",
            "https://ci/run?id=1",
            &long,
            "Lauf 1ü",
            "https://exchange.acme.com",
            "bob@example.co.uk",
            "exec.job.17",
            "see https://example.atlassian.net/X",
            "https://e2e-api.example.com",
            "cmb_payments-service-production",
            "eyJ.eyJ.eyJ",
        ] {
            assert_eq!(Jti::parse(text).unwrap().as_str(), text);
        }
    }
}
