"""Encrypted tokens: jose and joserfc open them with the target's key, find a signed token inside, and take nothing that was changed."""

import base64
import json

import pytest
import requests
from joserfc import jwe, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from verifiers import REQUIRED, Verdict

# How the key of the content is encrypted: the target, and its key's name.
TARGETS = {"RSA-OAEP-256": ("https://archive.example.com", "archive-1"), "ECDH-ES": ("https://safe.example.com", "safe-1")}
PARTS = ["header", "encrypted key", "initialisation vector", "content", "tag"]
ISSUED = {}

by_library = pytest.mark.parametrize("library", ["jose", "joserfc"])
by_algorithm = pytest.mark.parametrize("algorithm", TARGETS)


@pytest.fixture
def token(cambist, issuer, algorithm):
    if algorithm not in ISSUED:
        answer = cambist.exchange(issuer.mint("robot-es256", cambist.url), audience=TARGETS[algorithm][0])
        assert answer.status_code == 200, answer.text
        ISSUED[algorithm] = answer.json()["access_token"]
    return ISSUED[algorithm]


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.fixture
def opened(cambist, libraries, resource_server):
    """What the target makes of a token, by this library."""

    def with_jose(token, algorithm):
        question = {
            "ask": "jose.decrypt",
            "key": resource_server.sealing[algorithm].as_dict(private=True),
            "algorithm": algorithm,
            "metadata": f"{cambist.url}/.well-known/oauth-authorization-server",
            "issuer": cambist.url,
            "audience": TARGETS[algorithm][0],
            "token": token,
        }
        answer = libraries.ask(question)
        return Verdict(answer["accepted"], answer.get("claims"), answer.get("why", "")), answer.get("inside")

    def with_joserfc(token, algorithm):
        try:
            outer = jwe.decrypt_compact(token, resource_server.sealing[algorithm], algorithms=[algorithm, "A256GCM"])
            keys = KeySet.import_key_set(requests.get(cambist.metadata()["jwks_uri"], timeout=10).json())
            inner = jwt.decode(outer.plaintext.decode(), keys, algorithms=["ES256"])
            rules = {name: {"essential": True} for name in REQUIRED}
            rules |= {"iss": {"essential": True, "value": cambist.url}, "aud": {"essential": True, "value": TARGETS[algorithm][0]}}
            jwt.JWTClaimsRegistry(**rules).validate(inner.claims)
        except (JoseError, ValueError) as error:
            return Verdict(False, why=f"{type(error).__name__}: {error}"), None
        return Verdict(True, inner.claims), outer.plaintext.decode()

    return lambda library, token, algorithm: {"jose": with_jose, "joserfc": with_joserfc}[library](token, algorithm)


@by_library
@by_algorithm
def test_the_target_opens_its_token_and_finds_a_signed_one(cambist, opened, token, algorithm, library):
    known = {"alg": algorithm, "enc": "A256GCM", "cty": "JWT", "kid": TARGETS[algorithm][1]}
    header = json.loads(decode(token.split(".")[0]))
    assert {name: header.get(name) for name in known} == known
    verdict, inside = opened(library, token, algorithm)
    assert verdict.accepted, verdict.why
    assert (verdict.claims["sub"], verdict.claims["scope"]) == ("oidc-provider:robot-es256", "papers:read")
    if inside not in cambist.issued:
        cambist.issued.append(inside)


@pytest.mark.parametrize("part", PARTS)
@by_library
@by_algorithm
def test_a_changed_token_is_not_opened(opened, token, algorithm, library, part):
    parts = token.split(".")
    at = PARTS.index(part)
    data = decode(parts[at])
    if part == "header":
        # A header of the same meaning, in other bytes.
        data = json.dumps({**json.loads(data), "x": 1}).encode()
    elif data:
        data = bytes([data[0] ^ 1]) + data[1:]
    else:
        data = b"a key where ECDH-ES has none"
    parts[at] = encode(data)
    verdict, _ = opened(library, ".".join(parts), algorithm)
    assert not verdict.accepted


@by_library
@by_algorithm
def test_what_somebody_else_encrypted_to_the_target_is_refused(opened, resource_server, token, algorithm, library):
    """Anybody has the public key: what counts is the signature inside."""
    key = resource_server.sealing[algorithm]
    header, payload, signature = jwe.decrypt_compact(token, key, algorithms=[algorithm, "A256GCM"]).plaintext.decode().split(".")
    claims = {**json.loads(decode(payload)), "scope": "papers:read papers:burn"}
    forged = f"{header}.{encode(json.dumps(claims).encode())}.{signature}"
    sealed = jwe.encrypt_compact({"alg": algorithm, "enc": "A256GCM", "cty": "JWT"}, forged, key, algorithms=[algorithm, "A256GCM"])
    verdict, _ = opened(library, sealed, algorithm)
    assert not verdict.accepted
    assert "signature" in verdict.why.lower(), verdict.why


@by_algorithm
def test_nobody_else_opens_it(opened, token, algorithm):
    other = next(name for name in TARGETS if name != algorithm)
    for library in ("jose", "joserfc"):
        verdict, _ = opened(library, token, other)
        assert not verdict.accepted, library
