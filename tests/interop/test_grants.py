"""Authlib and openid-client: general OAuth clients, by the JWT bearer grant and by client credentials with an assertion."""

import time

import pytest
from authlib.integrations.requests_client import AssertionSession
from authlib.oauth2 import OAuth2Error
from joserfc.jwk import RSAKey

from parts import Clock
from signer import ISSUER, SUBJECT

AUDIENCE = "https://shop.example.com"
SCOPE = "orders:read"


@pytest.fixture
def session(secure, signer):
    """Authlib signs assertions itself: its issuer is nothing but a key whose public part lies in a file of the server."""
    session = AssertionSession(
        secure.metadata()["token_endpoint"],
        issuer=ISSUER,
        subject=SUBJECT,
        audience=secure.url,
        scope=SCOPE,
        header={"alg": "RS256", "kid": signer.key_id},
        key=RSAKey.import_key(signer.private_key),
        leeway=0,
    )
    session.verify = secure.authority
    return session


def test_authlib_keeps_a_token_until_it_ends_and_obtains_another_then(session, secure, secure_verifiers):
    def token():
        # Any request fetches the token that it needs; whoever is asked does not matter here.
        session.get(f"{secure.url}/livez")
        token = session.token["access_token"]
        if token not in secure.issued:
            secure.issued.append(token)
        return token, secure_verifiers.verify("PyJWT", token, AUDIENCE)

    first, verdict = token()
    assert verdict.accepted, verdict.why
    assert verdict.claims["sub"] == f"signer:{SUBJECT}"
    clock = Clock(30)
    while (ended := secure_verifiers.verify("PyJWT", first, AUDIENCE)).accepted and clock.open():
        time.sleep(0.2)
    assert "Expired" in ended.why, ended
    # Authlib counts from the answer, in whole seconds: it may learn of the end a moment later.
    time.sleep(1)
    second, verdict = token()
    assert verdict.accepted, verdict.why
    assert first != second
    assert verdict.claims["sub"] == f"signer:{SUBJECT}"


def test_authlib_says_why_there_is_no_token(session):
    session.subject = "somebody-else"
    with pytest.raises(OAuth2Error, match="invalid_grant.*no_relationship"):
        session.refresh_token()


def ask(clouds, secure, kind, client, **question):
    answer = clouds.ask({"ask": f"openid-client.{kind}", "issuer": secure.url, "client": client, **question})
    if answer["accepted"]:
        secure.issued.append(answer["token"])
    return answer


def test_openid_client_obtains_tokens_by_the_jwt_bearer_grant(clouds, secure, secure_verifiers, issuer):
    claims = []
    for _ in range(2):
        parameters = {"assertion": issuer.mint("robot-es256", secure.url), "scope": SCOPE, "resource": AUDIENCE}
        answer = ask(clouds, secure, "jwtBearer", "robots", parameters=parameters)
        assert answer["accepted"], answer
        assert answer["scope"] == SCOPE
        verdict = secure_verifiers.verify("PyJWT", answer["token"], AUDIENCE)
        assert verdict.accepted, verdict.why
        claims.append(verdict.claims)
    assert claims[0]["client_id"] == "robots"
    assert claims[0]["jti"] != claims[1]["jti"]


def test_openid_client_is_told_invalid_grant_for_an_assertion_that_was_used(clouds, secure, issuer):
    parameters = {"assertion": issuer.mint("robot-es256", secure.url), "scope": SCOPE, "resource": AUDIENCE}
    assert ask(clouds, secure, "jwtBearer", "robots", parameters=parameters)["accepted"]
    answer = ask(clouds, secure, "jwtBearer", "robots", parameters=parameters)
    assert not answer["accepted"]
    assert "invalid_grant" in answer["why"] and "replayed" in answer["why"], answer


def test_openid_client_authenticates_with_a_federated_assertion(clouds, secure, secure_verifiers, issuer):
    claims = []
    for _ in range(2):
        assertion = issuer.mint("nightly-report", secure.url)
        parameters = {"scope": SCOPE, "resource": AUDIENCE}
        answer = ask(clouds, secure, "clientCredentials", "nightly-report", assertion=assertion, type="jwt-bearer", parameters=parameters)
        assert answer["accepted"], answer
        verdict = secure_verifiers.verify("PyJWT", answer["token"], AUDIENCE)
        assert verdict.accepted, verdict.why
        claims.append(verdict.claims)
    assert claims[0]["client_id"] == claims[1]["client_id"] == "nightly-report"
    assert claims[0]["jti"] != claims[1]["jti"]


def test_openid_client_is_told_invalid_client_for_the_assertion_of_another(clouds, secure, issuer):
    assertion = issuer.mint("robot-rs256", secure.url)
    answer = ask(clouds, secure, "clientCredentials", "nightly-report", assertion=assertion, type="jwt-bearer", parameters={})
    assert not answer["accepted"]
    # The library reads no body where a challenge comes with the status, as HTTP wants it with every 401.
    assert answer["status"] == 401 and "WWW_AUTHENTICATE" in answer["why"], answer
