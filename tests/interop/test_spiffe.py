"""JWT-SVIDs: the library `spiffe` fetches them as a workload does, and finds them valid; cambist accepts what it accepts."""

import json

import google.auth
import google.auth.transport.requests
import pytest
import requests
from spiffe import JwtBundle, JwtSource, JwtSvid, TrustDomain

from parts import JWT, TOKEN_EXCHANGE
from spire import TRUST_DOMAIN, WORKLOAD

AUDIENCE = "https://ledger.example.com"
SCOPE = "entries:append"
SPIFFE_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"


@pytest.fixture
def agent(trust_domain):
    """What a workload has of SPIFFE: the library, and the address of the agent's socket."""
    with JwtSource(socket_path=trust_domain.socket) as source:
        yield source


def accepted(cambist, verifiers, answer):
    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    cambist.issued.append(token)
    verdict = verifiers.verify("PyJWT", token, AUDIENCE)
    assert verdict.accepted, verdict.why
    assert verdict.claims["sub"] == f"mesh:{WORKLOAD}"
    return verdict.claims


def test_the_bundle_and_the_tokens_are_what_the_library_expects(cambist, trust_domain, agent):
    bundle = agent.get_bundle_for_trust_domain(TrustDomain(TRUST_DOMAIN))
    assert list(bundle.jwt_authorities) == [trust_domain.key_id]
    svid = agent.fetch_svid(audience={cambist.url})
    assert str(JwtSvid.parse_and_validate(svid.token, bundle, {cambist.url}).spiffe_id) == WORKLOAD
    published = requests.get(trust_domain.bundle_endpoint, timeout=10).json()
    keys = [key for key in published["keys"] if key["use"] == "jwt-svid"]
    assert JwtBundle.parse(TrustDomain(TRUST_DOMAIN), json.dumps({"keys": keys}).encode()) == bundle


def test_a_workload_exchanges_its_svid_and_the_next_one(cambist, verifiers, agent):
    claims = []
    for _ in range(2):
        svid = agent.fetch_svid(audience={cambist.url})
        claims.append(accepted(cambist, verifiers, cambist.exchange(svid.token, audience=AUDIENCE, scope=SCOPE)))
    assert claims[0]["jti"] != claims[1]["jti"]


def test_a_workload_authenticates_as_a_client_with_its_svid(cambist, verifiers, agent):
    for _ in range(2):
        svid = agent.fetch_svid(audience={cambist.url})
        form = {"grant_type": "client_credentials", "client_id": "ledger", "scope": SCOPE}
        assertion = {"client_assertion_type": SPIFFE_ASSERTION, "client_assertion": svid.token}
        answer = requests.post(cambist.metadata()["token_endpoint"], data={**form, **assertion}, timeout=30)
        assert accepted(cambist, verifiers, answer)["client_id"] == "ledger"


def test_openid_client_sends_an_svid_as_client_assertion(clouds, secure, secure_verifiers, agent):
    svid = agent.fetch_svid(audience={secure.url})
    question = {"issuer": secure.url, "client": "ledger", "assertion": svid.token, "type": "jwt-spiffe", "parameters": {"scope": SCOPE}}
    answer = clouds.ask({"ask": "openid-client.clientCredentials", **question})
    assert answer["accepted"], answer
    secure.issued.append(answer["token"])
    verdict = secure_verifiers.verify("PyJWT", answer["token"], AUDIENCE)
    assert verdict.accepted, verdict.why
    assert verdict.claims["sub"] == f"mesh:{WORKLOAD}"


def test_google_auth_exchanges_the_svid_that_a_helper_keeps_in_a_file(cambist, verifiers, agent, tmp_path, monkeypatch):
    token_file, credential_file = tmp_path / "svid", tmp_path / "credential.json"
    credential_file.write_text(
        json.dumps(
            {
                "type": "external_account",
                "audience": AUDIENCE,
                "subject_token_type": JWT,
                "token_url": cambist.metadata()["token_endpoint"],
                "credential_source": {"file": str(token_file)},
            }
        )
    )
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(credential_file))
    credentials, _ = google.auth.default(scopes=[SCOPE])
    claims = []
    for _ in range(2):
        token_file.write_text(agent.fetch_svid(audience={cambist.url}).token)
        credentials.refresh(google.auth.transport.requests.Request())
        cambist.issued.append(credentials.token)
        claims.append(verifiers.verify("PyJWT", credentials.token, AUDIENCE).claims)
    assert claims[0]["jti"] != claims[1]["jti"]
    assert claims[0]["client_id"] == claims[1]["client_id"] == "ledger"


def test_a_key_that_the_trust_domain_replaced_is_followed(cambist, verifiers, trust_domain):
    trust_domain.rotate()
    token = trust_domain.svid(cambist.url)
    accepted(cambist, verifiers, cambist.exchange(token, audience=AUDIENCE, scope=SCOPE))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sub": "spiffe://acme.example/ns/payments/sa/cashier"}, "no_relationship"),
        ({"sub": "spiffe://evil.example/ns/payments/sa/ledger"}, "unknown_issuer"),
        ({"aud": "https://elsewhere.example.com"}, "aud_mismatch"),
        ({"exp": 1}, "expired"),
    ],
)
def test_another_svid_is_refused(cambist, trust_domain, changes, reason):
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token_type": JWT, "subject_token": trust_domain.svid(cambist.url, **changes)}
    answer = requests.post(cambist.metadata()["token_endpoint"], data={**form, "audience": AUDIENCE}, timeout=30)
    assert answer.status_code == 400
    assert reason in answer.json()["error_description"], answer.text


def test_a_token_of_another_kind_is_no_svid(cambist, issuer):
    form = {"grant_type": "client_credentials", "client_id": "nightly-report", "client_assertion_type": SPIFFE_ASSERTION}
    assertion = issuer.mint("nightly-report", cambist.url)
    answer = requests.post(cambist.metadata()["token_endpoint"], data={**form, "client_assertion": assertion}, timeout=30)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), answer.text
