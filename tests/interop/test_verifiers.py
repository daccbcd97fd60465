"""PyJWT, jose and oauth4webapi find our keys by our metadata, and accept exactly what we issued, where it belongs."""

import base64
import json

import jwt
import pytest

from verifiers import DOCUMENTS, NAMES, REQUIRED

# Target: its audience, the algorithm of its tokens, and one scope of it.
TARGETS = {
    "ES256": ("https://shop.example.com", "orders:read"),
    "RS256": ("https://warehouse.example.com", "stock:read"),
    "EdDSA": ("https://ledger.example.com", "entries:append"),
}
ISSUED = {}

by_library = pytest.mark.parametrize("library", NAMES)
by_algorithm = pytest.mark.parametrize("algorithm", TARGETS)


@pytest.fixture
def token(cambist, issuer, algorithm):
    """One issued token per algorithm, for all tests: a verifier keeps nothing."""
    if algorithm not in ISSUED:
        audience, scope = TARGETS[algorithm]
        answer = cambist.exchange(issuer.mint("robot-es256", cambist.url), audience=audience, scope=scope)
        assert answer.status_code == 200, answer.text
        ISSUED[algorithm] = answer.json()["access_token"]
    return ISSUED[algorithm]


def with_another_scope(token):
    """The token with more scope written into its payload, under its old signature."""
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["scope"] += " everything"
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{header}.{payload}.{signature}"


def with_another_signature(token):
    header, payload, signature = token.split(".")
    return f"{header}.{payload}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def test_both_metadata_documents_say_the_same(cambist):
    documents = [cambist.metadata(name) for name in DOCUMENTS.values()]
    assert documents[0] == documents[1]
    assert documents[0]["issuer"] == cambist.url


@by_algorithm
def test_the_token_has_the_shape_of_rfc_9068(cambist, token, algorithm):
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["typ"]) == (algorithm, "at+jwt")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert set(REQUIRED) <= set(claims)
    audience, scope = TARGETS[algorithm]
    known = {"iss": cambist.url, "aud": audience, "scope": scope, "client_id": "robots", "sub": "oidc-provider:robot-es256"}
    assert {name: claims[name] for name in known} == known
    assert claims["exp"] - claims["iat"] == 600


@pytest.mark.parametrize("kind", DOCUMENTS)
@by_library
@by_algorithm
def test_the_token_is_accepted(verifiers, token, algorithm, library, kind):
    audience, scope = TARGETS[algorithm]
    verdict = verifiers.verify(library, token, audience, kind)
    assert verdict.accepted, verdict.why
    assert verdict.claims["scope"] == scope


@by_library
@by_algorithm
def test_the_token_is_refused_for_another_audience(verifiers, token, algorithm, library):
    verdict = verifiers.verify(library, token, "https://elsewhere.example.com")
    assert not verdict.accepted
    assert "aud" in verdict.why.lower(), verdict.why


@pytest.mark.parametrize("tampered", [with_another_scope, with_another_signature], ids=["scope", "signature"])
@by_library
@by_algorithm
def test_the_token_is_refused_when_somebody_changed_it(verifiers, token, algorithm, library, tampered):
    verdict = verifiers.verify(library, tampered(token), TARGETS[algorithm][0])
    assert not verdict.accepted
    assert "signature" in verdict.why.lower(), verdict.why


@by_library
def test_a_token_of_the_original_issuer_is_refused(verifiers, cambist, issuer, library):
    """Whoever trusts us does not thereby trust those whom we trust."""
    verdict = verifiers.verify(library, issuer.mint("robot-es256", TARGETS["ES256"][0]), TARGETS["ES256"][0])
    assert not verdict.accepted
