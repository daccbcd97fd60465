//! Secrets that cannot be printed.

use secrecy::{ExposeSecret as _, SecretString};

/// The subject token as it was presented (RFC 8693 §2.1). Debug is redacted, there is no Display, and it is wiped on drop.
#[derive(Debug)]
pub struct SubjectToken(SecretString);

impl SubjectToken {
    /// Takes the form value.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The compact serialisation, for the parser only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

/// The `Idempotency-Key` that a client made for one request and keeps secret: whoever knows it and the subject token can repeat that
/// request. Debug is redacted, there is no Display, and it is wiped on drop.
///
/// Invariant: [`Self::MIN_BYTES`] to [`Self::MAX_BYTES`] characters of `A`–`Z`, `a`–`z`, `0`–`9`, `_` and `-`.
#[derive(Debug)]
pub struct IdempotencyKey(SecretString);

impl IdempotencyKey {
    /// Shortest key: 128 bits, written in hexadecimal digits.
    pub const MIN_BYTES: usize = 32;
    /// Longest key.
    pub const MAX_BYTES: usize = 128;

    /// Reads the value of the header.
    ///
    /// # Errors
    /// When it is too short, too long, or has another character.
    pub fn parse(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let fits = (Self::MIN_BYTES..=Self::MAX_BYTES).contains(&text.len());
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if fits && plain { Ok(Self(text.into())) } else { Err(InvalidIdempotencyKey) }
    }

    /// Its bytes, for a digest and for nothing else.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

/// A text is no idempotency key. Says nothing of the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an Idempotency-Key is 32 to 128 characters of A-Z, a-z, 0-9, _ and -")]
pub struct InvalidIdempotencyKey;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idempotency_key_is_long_and_plain() {
        for (text, fits, why) in [
            ("k".repeat(32), true, "the shortest"),
            ("k".repeat(128), true, "the longest"),
            ("8e03978e-40d5-43dd-bc93-6894a57f9324".into(), true, "a UUID"),
            ("AZaz09_-".repeat(4), true, "every kind of character"),
            (String::new(), false, "nothing"),
            ("k".repeat(31), false, "too short to be kept secret"),
            ("k".repeat(129), false, "too long"),
            ("k".repeat(32) + " ", false, "a space"),
            ("k".repeat(32) + ",", false, "two values in one header"),
            (format!("\"{}\"", "k".repeat(32)), false, "quotes"),
            ("k".repeat(32) + "é", false, "not ASCII"),
        ] {
            assert_eq!(IdempotencyKey::parse(&text).is_ok(), fits, "{why}");
        }
    }

    #[test]
    fn an_idempotency_key_does_not_print_itself() {
        let key = IdempotencyKey::parse(&"k".repeat(32)).unwrap();
        assert!(!format!("{key:?}").contains("kkk"));
    }
}
