"""Clients of introspection (RFC 7662) and revocation (RFC 7009): oauth4webapi, openid-client and Authlib, each as a resource server."""

import time

import pytest
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT

from resource_server import CLIENT

# Target: its audience, and one scope of it. The client may ask about the first two.
SIGNED = ("https://shop.example.com", "orders:read")
OPAQUE = ("https://till.example.com", "sales:record")
FOREIGN = ("https://ledger.example.com", "entries:append")
GARBAGE = "eyJhbGciOiJub25lIn0.e30.AAAA"

NAMES = ["oauth4webapi", "openid-client", "Authlib"]
by_library = pytest.mark.parametrize("library", NAMES)


class Inspector:
    """One library, and the server that it speaks to: two of them speak nothing but TLS."""

    def __init__(self, library, cambist, node, key):
        self.library = library
        self.cambist = cambist
        self.node = node
        self.key = key

    def introspect(self, token):
        if self.node:
            answer = self._ask("introspect", token, self.key.as_dict(private=True))
            assert answer["accepted"], answer
            return answer["answer"]
        answer = self._session().introspect_token(self.cambist.metadata()["introspection_endpoint"], token=token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def revoke(self, token, as_client=True):
        """Whether the library takes the answer for a good one; as a client, or as whoever holds the token."""
        if self.node:
            return self._ask("revoke", token, self.key.as_dict(private=True) if as_client else None)["accepted"]
        session = self._session() if as_client else OAuth2Session(CLIENT, revocation_endpoint_auth_method="none")
        session.verify = self.cambist.authority
        answer = session.revoke_token(self.cambist.metadata()["revocation_endpoint"], token=token, token_type_hint="access_token")
        return answer.status_code == 200

    def _ask(self, what, token, key):
        return self.node.ask({"ask": f"{self.library}.{what}", "issuer": self.cambist.url, "client": CLIENT, "key": key, "token": token})

    def _session(self):
        session = OAuth2Session(
            CLIENT, self.key, token_endpoint_auth_method="private_key_jwt", revocation_endpoint_auth_method="private_key_jwt"
        )
        # The library's assertions last an hour and we take five minutes; it keeps the claims that it is given, so there are new ones each time.
        claims = {"exp": int(time.time()) + 60}
        session.register_client_auth_method(PrivateKeyJWT(self.cambist.url, claims, {"kid": self.key.kid}, "ES256"))
        session.verify = self.cambist.authority
        return session


@pytest.fixture
def inspector(request, library, resource_server):
    names = {"oauth4webapi": ("cambist", "libraries"), "openid-client": ("secure", "clouds"), "Authlib": ("secure", None)}
    server, node = names[library]
    node = node and request.getfixturevalue(node)
    return Inspector(library, request.getfixturevalue(server), node, resource_server.key)


def exchanged(cambist, target):
    answer = cambist.exchange(cambist.issuer.mint("robot-es256", cambist.url), audience=target[0], scope=target[1])
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


@pytest.mark.parametrize("target", [SIGNED, OPAQUE], ids=["signed", "opaque"])
@by_library
def test_a_resource_server_learns_what_a_token_says_until_it_is_taken_back(inspector, target):
    token = exchanged(inspector.cambist, target)
    assert token.startswith("cmb_") == (target is OPAQUE)
    told = inspector.introspect(token)
    known = {
        "active": True,
        "iss": inspector.cambist.url,
        "aud": target[0],
        "scope": target[1],
        "client_id": "robots",
        "sub": "oidc-provider:robot-es256",
        "token_type": "Bearer",
    }
    assert {name: told.get(name) for name in known} == known
    assert told["exp"] - told["iat"] == 600
    assert inspector.revoke(token)
    assert inspector.introspect(token) == {"active": False}


@by_library
def test_of_what_is_none_of_its_business_it_learns_nothing(inspector):
    for token in (exchanged(inspector.cambist, FOREIGN), GARBAGE, "cmb_nothing"):
        assert inspector.introspect(token) == {"active": False}


@by_library
def test_whoever_holds_a_token_takes_it_back_without_being_anybody(inspector):
    token = exchanged(inspector.cambist, SIGNED)
    assert inspector.revoke(token, as_client=False)
    assert inspector.introspect(token) == {"active": False}
    for over in (token, GARBAGE):
        assert inspector.revoke(over, as_client=False), "nothing is told about what did not exist (RFC 7009 section 2.2)"


@by_library
def test_a_client_does_not_take_back_what_is_anothers(inspector):
    token, before = exchanged(inspector.cambist, FOREIGN), inspector.cambist.run("revocations").stdout
    assert inspector.revoke(token), "nothing is told about what is not its own"
    assert inspector.cambist.run("revocations").stdout == before


@by_library
def test_another_key_is_not_the_client(inspector, library):
    inspector.key = type(inspector.key).generate_key("P-256", {"kid": inspector.key.kid})
    token = exchanged(inspector.cambist, SIGNED)
    assert not inspector.revoke(token)
    with pytest.raises(AssertionError, match="401|WWW-Authenticate"):
        inspector.introspect(token)


def test_authlib_asks_with_an_access_token_of_ours(secure, issuer):
    mine = secure.exchange(issuer.mint("nightly-report", secure.url), audience=secure.url, scope="introspect").json()
    session = OAuth2Session("nightly-report", token=mine)
    session.verify = secure.authority
    endpoint = secure.metadata()["introspection_endpoint"]
    token = exchanged(secure, SIGNED)
    told = session.introspect_token(endpoint, token=token, auth=session.token_auth).json()
    assert (told["active"], told["client_id"]) == (True, "robots")
    # A handle is for another target, which does not name this relationship.
    assert session.introspect_token(endpoint, token=exchanged(secure, OPAQUE), auth=session.token_auth).json() == {"active": False}
