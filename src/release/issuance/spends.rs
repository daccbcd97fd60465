//! What handing out an issued token uses up.

use crate::domain::{Audience, Digest256, Timestamp};
use crate::token::{ReplayMode, VerifiedToken};

/// Which of the things that a request presents.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Spent {
    /// The DPoP proof (RFC 9449 §4.2).
    Proof,
    /// The actor token (RFC 8693 §2.1).
    Actor,
    /// The subject token.
    Subject,
}

/// A DPoP proof, as far as spending it is concerned. A proof is always good for one request (RFC 9449 §11.1).
#[derive(Clone, Copy, Debug)]
pub struct ProofSpend {
    /// What makes two presentations the same proof.
    pub identity: Digest256,
    /// `iat`, rounded up.
    pub issued_at: Timestamp,
    /// The first instant at which the proof is too old for us.
    pub refused_from: Timestamp,
}

/// Everything that the release of one minted token spends, in this order: proof, actor token, subject token.
///
/// Taken from the verified tokens themselves when the token is minted, so that a minted token cannot spend somebody else's.
#[derive(Clone, Debug)]
pub struct SpendList {
    /// The DPoP proof, when one came.
    pub(in crate::release) proof: Option<Spends>,
    /// The actor token, when one came.
    pub(in crate::release) actor: Option<Spends>,
    /// The subject token. Last: whatever came before it may be burnt by a request that gets nothing, and it alone decides whether
    /// this is a first release or a repeat.
    pub(in crate::release) subject: Spends,
}

impl SpendList {
    /// A list of the subject token of a token for this audience, permitted by `token`. Not repeatable.
    pub(super) fn of(token: &VerifiedToken, audience: &Audience) -> Self {
        Self { proof: None, actor: None, subject: Spends::of(Spent::Subject, token, audience) }
    }

    /// The same, and the actor token; once, when it is the subject token.
    pub(super) fn and_actor(self, actor: Option<&VerifiedToken>) -> Self {
        let actor = actor.map(|actor| Spends::of(Spent::Actor, actor, &self.subject.audience));
        Self { actor: actor.filter(|actor| actor.identity != self.subject.identity), ..self }
    }

    /// The same, and the proof.
    pub(super) fn and_proof(self, proof: Option<ProofSpend>) -> Self {
        let proof = proof.map(|proof| Spends {
            audience: self.subject.audience.clone(),
            identity: proof.identity,
            issued_at: Some(proof.issued_at),
            mode: ReplayMode::Once,
            owner: None,
            refused_from: proof.refused_from,
            what: Spent::Proof,
        });
        Self { proof, ..self }
    }

    /// The same, spent by that request wherever it is sent again.
    pub(super) fn owned_by(mut self, owner: Digest256) -> Self {
        for spends in [&mut self.proof, &mut self.actor].into_iter().flatten().chain([&mut self.subject]) {
            spends.owner = Some(owner);
        }
        self
    }
}

/// What is used up of one presented thing.
#[derive(Clone, Debug)]
pub struct Spends {
    /// The target's audience: the second half of the identity where a token may be spent once per target.
    pub(in crate::release) audience: Audience,
    /// What makes two presentations the same thing.
    pub(in crate::release) identity: Digest256,
    /// `iat`, rounded up; there whenever the mode spends.
    pub(in crate::release) issued_at: Option<Timestamp>,
    /// How often it may be used.
    pub(in crate::release) mode: ReplayMode,
    /// Whose release it is: the same request, repeated with the same idempotency key, is the same owner. None: nobody may repeat it.
    pub(in crate::release) owner: Option<Digest256>,
    /// `exp + leeway`: from then on it is expired for us.
    pub(in crate::release) refused_from: Timestamp,
    /// What it is.
    pub(in crate::release) what: Spent,
}

impl Spends {
    fn of(what: Spent, token: &VerifiedToken, audience: &Audience) -> Self {
        Self {
            audience: audience.clone(),
            identity: token.replay_identity(),
            issued_at: token.issued_at(),
            mode: token.replay_mode(),
            owner: None,
            refused_from: token.refused_from(),
            what,
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
            let (left, right) = (SpendList::of(&left, &target), SpendList::of(&right, &target));
            assert_eq!(left.subject.identity == right.subject.identity, same, "{why}");
        }
    }

    #[test]
    fn it_carries_the_times_and_the_mode_of_the_token() {
        let target = Audience::parse("https://deploy.example.com").unwrap();
        let spends = SpendList::of(&Issuer::new("a", "https://a.example.com").verified(""), &target).subject;
        assert_eq!(spends.issued_at, Some(Timestamp::from_unix(1_799_999_990)));
        assert_eq!(spends.refused_from, Timestamp::from_unix(1_800_000_360));
        assert_eq!((spends.mode, spends.audience), (ReplayMode::Once, target));
    }

    #[test]
    fn what_a_request_presents_is_spent_under_one_owner_and_nothing_twice() {
        let target = Audience::parse("https://deploy.example.com").unwrap();
        let (ci, cluster) = (Issuer::new("a", "https://a.example.com"), Issuer::new("b", "https://b.example.com"));
        let (subject, actor) = (ci.verified(r#","jti":"1""#), cluster.verified(r#","jti":"1""#));
        let proof = ProofSpend { identity: Digest256::of(b"proof"), issued_at: NOW, refused_from: NOW + Seconds(60) };
        let list = SpendList::of(&subject, &target).and_actor(Some(&actor)).and_proof(Some(proof)).owned_by(Digest256::of(b"request"));
        let all = [list.proof.unwrap(), list.actor.unwrap(), list.subject];
        assert_eq!(all.each_ref().map(|spends| spends.what), [Spent::Proof, Spent::Actor, Spent::Subject]);
        assert!(all.iter().all(|spends| spends.owner == Some(Digest256::of(b"request")) && spends.mode == ReplayMode::Once));
        assert_eq!((all[0].identity, all[0].issued_at, all[0].refused_from), (proof.identity, Some(NOW), NOW + Seconds(60)));
        assert_ne!(all[1].identity, all[2].identity);

        let same = ci.verified(r#","jti":"1""#);
        assert!(SpendList::of(&subject, &target).and_actor(Some(&same)).actor.is_none(), "one token in both roles is spent once");
    }
}
