"""google-auth and oauth4webapi as clients of token exchange: libraries that were written for other token services work with ours unchanged."""

import json

import google.auth
import google.auth.exceptions
import google.auth.transport.requests
import pytest

AUDIENCE = "https://shop.example.com"
SCOPE = "orders:read"


class Workload:
    """A workload with Google's client library: a file with the platform's token, and a credential file that names it."""

    def __init__(self, cambist, client, directory, token_type):
        self.cambist = cambist
        self.client = client
        self.token_file = directory / "subject-token"
        self.credential_file = directory / "credential.json"
        configuration = {
            "type": "external_account",
            "audience": AUDIENCE,
            "subject_token_type": f"urn:ietf:params:oauth:token-type:{token_type}",
            "token_url": cambist.metadata()["token_endpoint"],
            "credential_source": {"file": str(self.token_file)},
        }
        self.credential_file.write_text(json.dumps(configuration))
        self.platform_writes_a_token()

    def platform_writes_a_token(self):
        self.token_file.write_text(self.cambist.issuer.mint(self.client, self.cambist.url))

    def authorization(self, credentials):
        """The header that google-auth puts on a request; it fetches or renews the token when it must."""
        headers = {}
        credentials.before_request(google.auth.transport.requests.Request(), "GET", f"{AUDIENCE}/orders", headers)
        scheme, token = headers["authorization"].split(" ")
        assert scheme == "Bearer"
        if token not in self.cambist.issued:
            self.cambist.issued.append(token)
        return token


@pytest.fixture
def workload(cambist, tmp_path, monkeypatch):
    """Makes a workload of this client, and the credentials that google-auth finds for it by its environment variable."""

    def make(client, token_type="jwt"):
        workload = Workload(cambist, client, tmp_path, token_type)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(workload.credential_file))
        credentials, _ = google.auth.default(scopes=[SCOPE])
        return workload, credentials

    return make


@pytest.mark.parametrize("token_type", ["jwt", "id_token"])
def test_google_auth_obtains_a_token(workload, verifiers, token_type):
    workload, credentials = workload("nightly-report", token_type)
    token = workload.authorization(credentials)
    verdict = verifiers.verify("PyJWT", token, AUDIENCE)
    assert verdict.accepted, verdict.why
    assert (verdict.claims["client_id"], verdict.claims["scope"]) == ("nightly-report", SCOPE)


def test_google_auth_keeps_a_token_while_it_lasts(workload):
    workload, credentials = workload("nightly-report")
    assert workload.authorization(credentials) == workload.authorization(credentials)


def test_google_auth_refreshes_with_a_new_token_of_the_platform(workload, verifiers):
    workload, credentials = workload("quick-report")
    first = workload.authorization(credentials)
    workload.platform_writes_a_token()
    second = workload.authorization(credentials)
    claims = []
    for token in (first, second):
        verdict = verifiers.verify("PyJWT", token, AUDIENCE)
        assert verdict.accepted, verdict.why
        claims.append(verdict.claims)
    assert claims[0]["jti"] != claims[1]["jti"]
    assert claims[0]["sub"] == claims[1]["sub"] == "oidc-provider:quick-report"


def test_google_auth_says_why_a_token_of_the_platform_does_not_work_twice(workload):
    workload, credentials = workload("quick-report")
    workload.authorization(credentials)
    with pytest.raises(google.auth.exceptions.OAuthError, match="replayed"):
        workload.authorization(credentials)


@pytest.mark.parametrize("kind", ["oidc", "oauth2"])
def test_oauth4webapi_exchanges_a_token_as_a_named_client(cambist, issuer, libraries, verifiers, kind):
    parameters = {
        "subject_token": issuer.mint("robot-ps256", cambist.url),
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "resource": AUDIENCE,
        "scope": SCOPE,
    }
    question = {"ask": "oauth4webapi.exchange", "kind": kind, "issuer": cambist.url, "client": "robots", "parameters": parameters}
    answer = libraries.ask(question)
    assert answer["accepted"], answer["why"]
    token = answer["answer"]["access_token"]
    cambist.issued.append(token)
    verdict = verifiers.verify("jose", token, AUDIENCE)
    assert verdict.accepted, verdict.why
    assert verdict.claims["client_id"] == "robots"


@pytest.mark.parametrize("kind", ["oidc", "oauth2"])
@pytest.mark.parametrize(
    ("presented", "why"),
    [
        ("by its holder", None),
        ("with another key", "confirmation"),
        ("without a proof", "DPoP"),
        ("with the proof of another request", "DPoP"),
        ("changed", "signature"),
    ],
)
def test_oauth4webapi_binds_a_token_to_its_key_and_verifies_that(cambist, issuer, libraries, kind, presented, why):
    parameters = {
        "subject_token": issuer.mint("robot-es256", cambist.url),
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "audience": AUDIENCE,
    }
    question = {"ask": "oauth4webapi.bind", "kind": kind, "issuer": cambist.url, "client": "robots", "audience": AUDIENCE}
    answer = libraries.ask({**question, "parameters": parameters, "presented": presented})
    assert answer["accepted"] == (why is None), answer.get("why")
    if why:
        assert why in answer["why"]
        return
    cambist.issued.append(answer["answer"]["access_token"])
    assert answer["answer"]["token_type"] == "dpop"  # as the library writes it
    assert answer["challenges"] == ["use_dpop_nonce"], "the server gives out the nonce first"
    assert set(answer["claims"]["cnf"]) == {"jkt"}
