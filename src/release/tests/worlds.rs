//! Random trust, random workloads, random requests.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::domain::*;
use crate::policy::*;
use crate::release::issuance::KeyRing;
use crate::token::*;

pub(super) const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
pub(super) const OWN: &str = "https://sts.test";
const ISSUERS: [&str; 4] = ["ci", "ci", "ci", "cluster"];
const SCOPES: [&str; 4] = ["look", "mend", "pay", "use"];
const SUBJECTS: [&str; 3] = ["a", "b", "c"];
const PLACES: [&str; 2] = ["here", "there"];
const TARGETS: usize = 4;
const RELATIONSHIPS: usize = 5;

/// Numbers that a seed decides: whoever sees a failure can see it again.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// One of `0..sides` (xorshift64*).
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap() % sides
    }

    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.roll(times) == 0
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.roll(choices.len())]
    }

    fn scopes(&mut self) -> Vec<&'static str> {
        let some: Vec<_> = SCOPES.into_iter().filter(|_| !self.one_in(3)).collect();
        if some.is_empty() { vec![self.of(&SCOPES)] } else { some }
    }
}

/// The keys of everybody: one ring signs for the issuers and for us.
pub(super) struct Keys {
    pub(super) ring: KeyRing,
    published: KeySet,
}

impl Keys {
    pub(super) fn new() -> Self {
        let ring = KeyRing::begin(NOW).unwrap();
        let published = KeySet::parse(ring.jwks(), &algorithms()).unwrap();
        Self { ring, published }
    }
}

/// Trust as an administrator might have written it.
pub(super) struct World<'a> {
    pub(super) policy: TrustPolicy,
    pub(super) keys: &'a Keys,
}

impl<'a> World<'a> {
    pub(super) fn random(dice: &mut Dice, keys: &'a Keys) -> Self {
        let targets: Vec<_> = (0..TARGETS).map(|number| target(dice, number)).collect();
        let mut builder = TrustPolicyBuilder::default();
        for target in &targets {
            builder.target(Arc::clone(target));
        }
        for number in 0..RELATIONSHIPS {
            builder.relationship(relationship(dice, number, &targets));
        }
        Self { policy: builder.build(), keys }
    }

    /// A workload's token.
    pub(super) fn token(&self, dice: &mut Dice) -> VerifiedToken {
        let claims = json!({
            "iss": "https://issuer.test", "sub": dice.of(&SUBJECTS), "place": dice.of(&PLACES), "aud": OWN, "jti": format!("j{}", dice.roll(1_000)),
            "iat": NOW, "exp": NOW.unix() + 30 + dice.roll(4_000) as u64,
        });
        let token = self.keys.ring.sign(Algorithm::EdDsa, "JWT", claims.to_string().as_bytes()).unwrap().0;
        let expected = expectations(dice.of(&ISSUERS), OWN, &[]);
        self.verified(&token, &expected, ProvenKeys::default())
    }

    /// A token of ours that comes back.
    pub(super) fn own(&self, token: &str, audience: &str, proven: ProvenKeys) -> VerifiedToken {
        self.verified(token, &expectations("self", audience, &["at+jwt"]), proven)
    }

    fn verified(&self, token: &str, expected: &Expectations, proven: ProvenKeys) -> VerifiedToken {
        let token = UnverifiedToken::parse(&SubjectToken::new(token.into())).unwrap();
        verify(token, &self.keys.published, expected, Shown::ByHolder(proven), NOW).unwrap()
    }
}

/// What a workload asks for: sometimes what it has, sometimes more.
pub(super) fn ask(dice: &mut Dice) -> Ask {
    let some = |dice: &mut Dice| !dice.one_in(4);
    Ask {
        target: some(dice).then(|| audience(dice.roll(TARGETS + 1))),
        scopes: dice.one_in(3).then(|| Scopes::parse(&dice.scopes().join(" ")).unwrap()),
        lifetime: dice.one_in(2).then(|| Seconds(1 + dice.roll(5_000) as u64)),
        relationship: dice.one_in(3).then(|| format!("r{}", dice.roll(RELATIONSHIPS + 1))),
        only_named: dice.one_in(8),
        token_type: None,
        takes_grants: !dice.one_in(4),
    }
}

/// Keys that a request proved.
pub(super) fn proven(dice: &mut Dice) -> ProvenKeys {
    let key = |dice: &mut Dice, text: &[u8]| (!dice.one_in(3)).then(|| Thumbprint::of(text));
    ProvenKeys { key: key(dice, b"key"), certificate: key(dice, b"certificate") }
}

pub(super) fn payload(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn audience(number: usize) -> String {
    format!("https://t{number}.test")
}

fn target(dice: &mut Dice, number: usize) -> Arc<Target> {
    let name = TargetName::parse(&format!("t{number}")).unwrap();
    let audience = Audience::parse(&audience(number)).unwrap();
    let longest = Seconds(60 + dice.roll(3_500) as u64);
    let usual = Target::new(name, audience, "o", longest, Algorithm::EdDsa);
    let bind = [Binding::Any, Binding::Any, Binding::Dpop, Binding::Mtls][dice.roll(4)];
    let kind = if dice.one_in(5) { TokenKind::AuthorizationGrant } else { TokenKind::AccessToken };
    Arc::new(Target { bind, kind, scopes: SCOPES.map(|scope| (Scope::parse(scope).unwrap(), String::new())).into(), ..usual })
}

fn relationship(dice: &mut Dice, number: usize, targets: &[Arc<Target>]) -> TrustRelationship {
    let name = RelationshipName::parse(&format!("r{number}")).unwrap();
    let issuer = IssuerName::parse(dice.of(&ISSUERS)).unwrap();
    let mut rule = TrustRelationship::new(name, issuer, "o".into(), "p", Timestamp::MAX);
    rule.conditions = conditions(dice);
    rule.actor = dice.one_in(3).then(|| {
        let part = if dice.one_in(2) { ActorRole::Act } else { ActorRole::Witness };
        ActorRule::new(IssuerName::parse(dice.of(&ISSUERS)).unwrap(), part, conditions(dice), &[]).unwrap()
    });
    let offered = targets.iter().filter(|_| !dice.one_in(4)).cloned().collect::<Vec<_>>();
    let grants = offered.into_iter().map(|target| {
        let scopes = Scopes::parse(&dice.scopes().join(" ")).unwrap();
        let usual = Grant::new(target, scopes, Seconds(10 + dice.roll(3_000) as u64));
        Grant { cap_to_subject: dice.one_in(3), narrow: !dice.one_in(3), ..usual }
    });
    rule.grants = grants.collect();
    rule.with_pins(&[vec![ClaimPath::parse("sub").unwrap()]]).unwrap()
}

fn conditions(dice: &mut Dice) -> Box<[Condition]> {
    let is = |claim: &str, value: &str| {
        let matcher = ClaimMatcher::Exact(Scalar::Text(value.into()));
        Condition { claim: ClaimPath::parse(claim).unwrap().into(), matcher }
    };
    let pin = is("sub", dice.of(&SUBJECTS));
    if dice.one_in(4) { [pin, is("place", dice.of(&PLACES))].into() } else { [pin].into() }
}

fn algorithms() -> Algorithms {
    vec![Algorithm::EdDsa].into()
}

fn expectations(issuer: &str, audience: &str, typ: &[&str]) -> Expectations {
    Expectations {
        issuer: IssuerName::parse(issuer).unwrap(),
        replay: ReplayMode::Reusable,
        audiences: vec![Audience::parse(audience).unwrap()],
        algorithms: algorithms(),
        typ: typ.iter().map(|typ| (*typ).into()).collect(),
        typ_required: !typ.is_empty(),
        extra_audiences: false,
        leeway: Seconds(0),
        iat_skew: Seconds(10),
        max_lifetime: Seconds(5_000),
        max_age: None,
        subject: SubjectRule::Sub,
    }
}
