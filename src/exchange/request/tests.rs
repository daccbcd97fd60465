//! The rules of a request, as tables.

use super::parse::{lifetime, target};
use super::*;
use crate::domain::{Digest256, Seconds, SubjectToken};
use crate::token::ProvenKeys;

fn well_formed() -> Parameters {
    Parameters {
        grant_type: Some(TOKEN_EXCHANGE.into()),
        subject_token: Some(SubjectToken::new("t".into())),
        subject_token_type: Some(JWT_TYPE.into()),
        ..Parameters::default()
    }
}

fn refused(change: impl FnOnce(&mut Parameters)) -> Option<Malformed> {
    let mut parameters = well_formed();
    change(&mut parameters);
    ExchangeRequest::parse(parameters).err()
}

#[test]
fn every_rule_of_the_request_bites() {
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(refused(|_| {}), None);
    assert_eq!(refused(|p| p.grant_type = None), Some(Malformed::GrantTypeMissing));
    assert_eq!(refused(|p| p.grant_type = some("password")), Some(Malformed::GrantTypeUnsupported));
    assert_eq!(refused(|p| p.grant_type = some(&TOKEN_EXCHANGE.to_uppercase())), Some(Malformed::GrantTypeUnsupported));
    assert_eq!(refused(|p| p.subject_token = None), Some(Malformed::ParameterMissing("subject_token")));
    assert_eq!(refused(|p| p.subject_token_type = None), Some(Malformed::ParameterMissing("subject_token_type")));
    assert_eq!(refused(|p| p.subject_token_type = some(ACCESS_TOKEN_TYPE)), None, "a token of ours, to be narrowed");
    assert_eq!(refused(|p| p.subject_token_type = some("urn:ietf:params:oauth:token-type:refresh_token")), Some(Malformed::TokenType));
    assert_eq!(refused(|p| p.unsupported = Some("actor_token")), Some(Malformed::ParameterUnsupported("actor_token")));
    assert_eq!(refused(|p| p.requested_token_type = some(ACCESS_TOKEN_TYPE)), None);
    assert_eq!(refused(|p| p.requested_token_type = some(JWT_TYPE)), None, "for another authorization server");
    assert_eq!(refused(|p| p.requested_token_type = some("urn:x")), Some(Malformed::RequestedTokenType));
    assert_eq!(refused(|p| p.scope = some("a  b")), Some(Malformed::Scope));
}

#[test]
fn a_token_is_for_one_target() {
    let asked = |audiences: &[&str], resources: &[&str]| {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        target(owned(audiences), &owned(resources))
    };
    for (audiences, resources, expected, why) in [
        (&[][..], &[][..], Ok(None), "none is a question for the policy"),
        (&["a"], &[], Ok(Some("a")), "a name"),
        (&["https://a", "https://a"], &["https://a"], Ok(Some("https://a")), "one target, three times"),
        (&["a", "b"], &[], Err(Malformed::SeveralTargets), "two names"),
        (&["a"], &["https://a"], Err(Malformed::SeveralTargets), "a name and another URI"),
        (&[], &["/x"], Err(Malformed::Target), "relative"),
        (&[], &["https://a/#f"], Err(Malformed::Target), "fragment"),
        (&[], &["https://a/?t=1"], Ok(Some("https://a/?t=1")), "a query is part of it"),
    ] {
        assert_eq!(asked(audiences, resources), expected.map(|target| target.map(Into::into)), "{why}");
    }
}

#[test]
fn requests_that_ask_for_the_same_have_one_digest() {
    type Change<'a> = &'a dyn Fn(&mut Parameters);
    let digest = |token: &[u8], change: Change<'_>| {
        let mut parameters = well_formed();
        parameters.audience = vec!["https://a".into()];
        parameters.scope = Some("one two".into());
        parameters.lifetime = Some("60".into());
        change(&mut parameters);
        ExchangeRequest::parse(parameters).unwrap().digest((Digest256::of(token), None), ProvenKeys::default())
    };
    let some = |text: &str| Some(text.to_owned());
    let cases: [(&[u8], Change<'_>, bool, &str); 14] = [
        (b"t", &|_| {}, true, "the same"),
        (b"t", &|p| p.scope = some("two one two"), true, "scopes in another order"),
        (b"t", &|p| p.lifetime = some("060"), true, "a lifetime with a zero"),
        (b"t", &|p| p.subject_token_type = some("urn:ietf:params:oauth:token-type:id_token"), true, "a name that means the same"),
        (b"t", &|p| p.requested_token_type = some(ACCESS_TOKEN_TYPE), true, "what is issued anyway"),
        (b"t", &|p| p.requested_token_type = some(JWT_TYPE), false, "the same token, called something else"),
        (b"t", &|p| p.resource = std::mem::take(&mut p.audience), true, "the target as a resource"),
        (b"u", &|_| {}, false, "another token"),
        (b"t", &|p| p.scope = some("one"), false, "fewer scopes"),
        (b"t", &|p| p.scope = None, false, "the whole grant"),
        (b"t", &|p| p.lifetime = some("61"), false, "another lifetime"),
        (b"t", &|p| p.audience.clear(), false, "the only target there is"),
        (b"t", &|p| p.audience = vec!["https://b".into()], false, "another target"),
        (b"t", &|p| p.client_id = some("web-shop"), false, "one relationship"),
    ];
    for (token, change, same, why) in cases {
        assert_eq!(digest(token, change) == digest(b"t", &|_| {}), same, "{why}");
    }
}

#[test]
fn a_lifetime_is_a_positive_integer() {
    for (text, expected) in [
        ("60", Ok(60)),
        ("007", Ok(7)),
        ("99999999999999999999999", Ok(u64::MAX)),
        ("0", Err(Malformed::Lifetime)),
        ("-1", Err(Malformed::Lifetime)),
        ("+1", Err(Malformed::Lifetime)),
        ("1.5", Err(Malformed::Lifetime)),
        ("1e3", Err(Malformed::Lifetime)),
        (" 60", Err(Malformed::Lifetime)),
    ] {
        assert_eq!(lifetime(text), expected.map(Seconds), "{text}");
    }
}
