"""oidc-provider as the issuer: what it signs is exchanged, whatever it signs with, and what it did not sign is not."""

import jwt
import pytest

SHOP = "https://shop.example.com"
ROBOTS = {
    "robot-rs256": "RS256",
    "robot-es256": "ES256",
    "robot-ps256": "PS256",
    "robot-eddsa": "EdDSA",
    "robot-ed25519": "Ed25519",
}


def description(answer):
    """The error of a 400, whose code is the one that RFC 8693 section 2.2.2 wants for a bad token."""
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), answer.text
    return answer.json()["error_description"]


def changed(token):
    """The token with one bit of its signature flipped."""
    rest, signature = token.rsplit(".", 1)
    return f"{rest}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def test_the_configuration_passes_cambist_check(unstarted):
    check = unstarted.run("check")
    assert check.returncode == 0, check.stdout + check.stderr


@pytest.mark.parametrize(("client", "algorithm"), ROBOTS.items(), ids=ROBOTS.values())
def test_a_token_is_exchanged_whatever_it_is_signed_with(cambist, issuer, client, algorithm):
    token = issuer.mint(client, cambist.url)
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["typ"]) == (algorithm, "at+jwt"), "the issuer does what this test is about"
    answer = cambist.exchange(token, audience=SHOP, scope="orders:read")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    assert body["token_type"].lower() == "bearer"
    assert body["expires_in"] == 600
    assert body["scope"] == "orders:read"
    assert "refresh_token" not in body


def test_a_token_is_exchanged_once(cambist, issuer):
    token = issuer.mint("robot-es256", cambist.url)
    assert cambist.exchange(token, audience=SHOP).status_code == 200
    assert "replayed" in description(cambist.exchange(token, audience=SHOP))


@pytest.mark.parametrize("client", ROBOTS)
def test_a_changed_signature_is_rejected(cambist, issuer, client):
    token = changed(issuer.mint(client, cambist.url))
    assert description(cambist.exchange(token, audience=SHOP)).startswith("rejected:")


def test_a_token_for_somebody_else_is_rejected(cambist, issuer):
    token = issuer.mint("robot-rs256", "https://another-sts.example.com")
    assert description(cambist.exchange(token, audience=SHOP)).startswith("rejected:")


def test_a_client_that_nobody_registered_is_denied(cambist, issuer):
    token = issuer.mint("nobody-registered-me", cambist.url)
    assert description(cambist.exchange(token, audience=SHOP)).startswith("denied:")
