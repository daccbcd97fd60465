//! What handing out an issued token uses up.

use crate::domain::{Audience, Digest256, Timestamp};
use crate::token::{ReplayMode, VerifiedToken};

/// What the release of one minted token spends: its subject token, for its target.
///
/// Taken from the verified token itself when the token is minted, so that a minted token cannot spend somebody else's.
#[derive(Clone, Debug)]
pub struct Spends {
    /// The target's audience: the second half of the identity where a token may be spent once per target.
    pub(in crate::release) audience: Audience,
    /// What makes two presentations the same subject token.
    pub(in crate::release) identity: Digest256,
    /// `iat`, rounded up; there whenever the mode spends.
    pub(in crate::release) issued_at: Option<Timestamp>,
    /// How often the subject token may be exchanged.
    pub(in crate::release) mode: ReplayMode,
    /// Whose release it is: the same request, repeated with the same idempotency key, is the same owner. None: nobody may repeat it.
    pub(in crate::release) owner: Option<Digest256>,
    /// `exp + leeway`: from then on the subject token is expired for us.
    pub(in crate::release) refused_from: Timestamp,
}

impl Spends {
    /// What a token for this audience, permitted by `token`, will spend. Not repeatable.
    #[must_use]
    pub fn of(token: &VerifiedToken, audience: &Audience) -> Self {
        Self {
            audience: audience.clone(),
            identity: token.replay_identity(),
            issued_at: token.issued_at(),
            mode: token.replay_mode(),
            owner: None,
            refused_from: token.refused_from(),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::domain::{IssuerName, Seconds, SubjectToken};
    use crate::token::{Algorithm, Algorithms, Expectations, KeySet, ProvenKeys, Shown, SubjectRule, UnverifiedToken, verify};

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

    struct Issuer {
        key: EcdsaKeyPair,
        name: &'static str,
        url: &'static str,
    }

    impl Issuer {
        fn new(name: &'static str, url: &'static str) -> Self {
            Self { key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(), name, url }
        }

        /// Signed anew each time: ECDSA gives another signature of the same input.
        fn verified(&self, jti: &str) -> VerifiedToken {
            let payload =
                format!(r#"{{"iss":"{}","sub":"job","aud":"https://sts.example.com","iat":1799999990,"exp":1800000300{jti}}}"#, self.url);
            let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#), URL_SAFE_NO_PAD.encode(payload));
            let signature = self.key.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
            let compact = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
            let token = UnverifiedToken::parse(&SubjectToken::new(compact)).unwrap();
            verify(token, &self.keys(), &self.expectations(), Shown::ByHolder(ProvenKeys::default()), NOW).unwrap()
        }

        fn keys(&self) -> KeySet {
            let point = self.key.public_key().as_ref();
            let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
            let document = format!(r#"{{"keys":[{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}]}}"#);
            KeySet::parse(document.as_bytes(), &algorithms()).unwrap()
        }

        fn expectations(&self) -> Expectations {
            Expectations {
                issuer: IssuerName::parse(self.name).unwrap(),
                replay: ReplayMode::Once,
                audiences: vec![Audience::parse("https://sts.example.com").unwrap()],
                algorithms: algorithms(),
                typ: Vec::new(),
                typ_required: false,
                extra_audiences: false,
                leeway: Seconds(60),
                iat_skew: Seconds(10),
                max_lifetime: Seconds(3_600),
                max_age: None,
                subject: SubjectRule::Sub,
            }
        }
    }

    fn algorithms() -> Algorithms {
        vec![Algorithm::Es256].into()
    }

    #[test]
    fn the_same_token_is_recognised_and_nothing_else_is() {
        let target = Audience::parse("https://deploy.example.com").unwrap();
        let a = Issuer::new("a", "https://a.example.com");
        let renamed = Issuer { key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(), name: "b", url: a.url };
        let other = Issuer::new("a", "https://b.example.com");
        let (jti, another) = (r#","jti":"1""#, r#","jti":"2""#);
        for (left, right, same, why) in [
            (a.verified(jti), a.verified(jti), true, "presented twice"),
            (a.verified(jti), a.verified(another), false, "another jti"),
            (a.verified(jti), other.verified(jti), false, "another issuer with the same jti"),
            (a.verified(jti), renamed.verified(jti), true, "the issuer was renamed and its key rotated"),
            (a.verified(jti), a.verified(r#","jti":"1","x":1"#), true, "the jti names it, whatever else it says"),
            (a.verified(""), a.verified(""), true, "without jti: the signing input, whatever its signature"),
            (a.verified(""), a.verified(r#","x":1"#), false, "without jti: another signing input"),
            (a.verified(""), a.verified(jti), false, "with and without"),
        ] {
            let (left, right) = (Spends::of(&left, &target), Spends::of(&right, &target));
            assert_eq!(left.identity == right.identity, same, "{why}");
        }
    }

    #[test]
    fn it_carries_the_times_and_the_mode_of_the_token() {
        let target = Audience::parse("https://deploy.example.com").unwrap();
        let spends = Spends::of(&Issuer::new("a", "https://a.example.com").verified(""), &target);
        assert_eq!(spends.issued_at, Some(Timestamp::from_unix(1_799_999_990)));
        assert_eq!(spends.refused_from, Timestamp::from_unix(1_800_000_360));
        assert_eq!((spends.mode, spends.audience), (ReplayMode::Once, target));
    }
}
