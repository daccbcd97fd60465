"""MSAL and the Azure SDK: libraries that build Microsoft's addresses below whatever host they are given."""

import msal
import pytest

AUDIENCE = "https://shop.example.com"
SCOPE = f"{AUDIENCE}/.default"
TENANT = "contoso"
PYTHON = ["msal", "msal oidc_authority"]
LIBRARIES = [*PYTHON, "msal-node", "@azure/identity"]


class Workload:
    """A workload whose federated credential is the token that its platform wrote last."""

    def __init__(self, secure, clouds, library, client):
        self.secure = secure
        self.clouds = clouds
        self.library = library
        self.client = client
        self.application = None
        self.platform_writes_a_token()

    def platform_writes_a_token(self):
        self.assertion = self.secure.issuer.mint(self.client, self.secure.url)

    def token(self, scope=SCOPE):
        """What the library hands to its caller: a token, or why there is none."""
        token, why = self._python(scope) if self.library in PYTHON else self._node(scope)
        if token and token not in self.secure.issued:
            self.secure.issued.append(token)
        return token, why

    def _python(self, scope):
        if self.application is None:
            # Either setting leads to the same document; the second has its issuer compared with the address.
            tenant = f"{self.secure.url}/{TENANT}"
            authority = {"authority": tenant} if self.library == "msal" else {"oidc_authority": f"{tenant}/v2.0"}
            self.application = msal.ConfidentialClientApplication(
                self.client,
                **authority,
                client_credential={"client_assertion": lambda: self.assertion},
                instance_discovery=False,
                verify=self.secure.authority,
            )
        answer = self.application.acquire_token_for_client(scopes=[scope])
        return answer.get("access_token"), f"{answer.get('error')}: {answer.get('error_description')}"

    def _node(self, scope):
        question = {"issuer": self.secure.url, "tenant": TENANT, "client": self.client, "scope": scope, "assertion": self.assertion}
        answer = self.clouds.ask({"ask": self.library, **question})
        return answer.get("token"), answer.get("why", "")


by_library = pytest.mark.parametrize("library", LIBRARIES)


@pytest.fixture
def workload(secure, clouds, library):
    return lambda client: Workload(secure, clouds, library, client)


@by_library
def test_a_federated_workload_obtains_a_token_and_keeps_it_while_it_lasts(workload, secure_verifiers):
    workload = workload("nightly-report")
    token, why = workload.token()
    assert token, why
    verdict = secure_verifiers.verify("PyJWT", token, AUDIENCE)
    assert verdict.accepted, verdict.why
    claims = verdict.claims
    assert (claims["client_id"], claims["scope"], claims["sub"]) == ("nightly-report", "orders:read", "oidc-provider:nightly-report")
    assert workload.token() == (token, why)


@by_library
def test_a_token_that_ends_soon_is_renewed_with_a_new_assertion(workload, secure_verifiers):
    workload = workload("quick-report")
    tokens = []
    for _ in range(2):
        token, why = workload.token()
        assert token, why
        tokens.append(secure_verifiers.verify("PyJWT", token, AUDIENCE))
        workload.platform_writes_a_token()
    assert all(verdict.accepted for verdict in tokens), tokens
    assert tokens[0].claims["jti"] != tokens[1].claims["jti"]
    assert tokens[0].claims["sub"] == tokens[1].claims["sub"] == "oidc-provider:quick-report"


@by_library
def test_the_library_says_why_an_assertion_does_not_work_twice(workload):
    workload = workload("quick-report")
    token, why = workload.token()
    assert token, why
    token, why = workload.token()
    assert token is None
    assert "invalid_client" in why and "replayed" in why, why


@by_library
def test_the_library_says_that_a_target_is_not_granted(workload):
    token, why = workload("nightly-report").token("https://ledger.example.com/.default")
    assert token is None
    assert "target" in why, why


@by_library
def test_another_workload_cannot_act_as_this_client(workload):
    stranger = workload("nightly-report")
    stranger.assertion = stranger.secure.issuer.mint("robot-rs256", stranger.secure.url)
    # Another scope: a token of the client itself may still be kept.
    token, why = stranger.token("https://warehouse.example.com/.default")
    assert token is None
    assert "invalid_client" in why, why
