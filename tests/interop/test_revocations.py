"""The program of docs/resource-servers.md, as it stands there, against tokens that were taken back in every way."""

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path

import jwt
import pytest
import requests

PAGE = Path(__file__).parents[2] / "docs" / "resource-servers.md"
SHOP = "https://shop.example.com"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
JWT = "urn:ietf:params:oauth:token-type:jwt"


def part(token, number):
    text = token.split(".")[number]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


@pytest.fixture(scope="module")
def program(cambist):
    """What the page's reader has, for this issuer and this resource server."""
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
    for example, here in {"https://sts.example.com": cambist.url, "https://deploy.example.com": SHOP}.items():
        assert code.count(f'"{example}"') == 1
        code = code.replace(f'"{example}"', f'"{here}"')
    names = {}
    exec(compile(code, PAGE.name, "exec"), names)
    return names


@dataclass
class Tokens:
    """Issued tokens by name, and what the first of them were issued for."""

    issued: dict
    run: str
    robot: str


@pytest.fixture(scope="module")
def tokens(cambist, issuer, signer, trust_domain):
    def exchange(token, **form):
        answer = cambist.exchange(token, **{"audience": SHOP, "scope": "orders:read", **form})
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    run = signer.mint("release-run", cambist.url, repository_id="821093847", attempt=2)
    robot = issuer.mint("robot-es256", cambist.url)
    acting = exchange(run, scope="orders:read orders:write", actor_token=robot, actor_token_type=JWT)
    narrowed = exchange(acting, subject_token_type=ACCESS_TOKEN)
    witness = trust_domain.svid(cambist.url)
    witnessed = exchange(signer.mint("audited-run", cambist.url), actor_token=witness, actor_token_type=JWT)
    plain = exchange(issuer.mint("robot-rs256", cambist.url))
    assert part(narrowed, 1)["root_jti"] == part(acting, 1)["jti"]
    issued = {"acting": acting, "narrowed": narrowed, "witnessed": witnessed, "plain": plain}
    return Tokens(issued, run, robot)


def decide(cambist, verb, *selected):
    """Runs the command until every node knows; the id of what it made."""
    done = cambist.run(verb, *selected, "--reason", "a test")
    # 3 where the claim is in no issued token, which the command says.
    assert done.returncode == (3 if "none that were issued" in done.stdout else 0) and "effective on 1 of 1 nodes" in done.stdout, done
    return re.search(r"\((\w+)\)$", done.stdout, re.MULTILINE)[1]


def revoked(program, tokens):
    """The names of those that the page's program refuses."""
    rules = program["revocations"]()["rules"]
    return {name for name, token in tokens.issued.items() if program["revoked"](*program["verified"](token), rules)}


EVERYTHING = {"acting", "narrowed", "witnessed", "plain"}
SELECTORS = {
    "all": (lambda t: ["--all"], EVERYTHING),
    "issuer": (lambda t: ["--issuer", "signer"], {"acting", "narrowed", "witnessed"}),
    "issuer of the actor": (lambda t: ["--issuer", "oidc-provider"], {"acting", "narrowed", "plain"}),
    "issuer of the witness": (lambda t: ["--issuer", "mesh"], {"witnessed"}),
    "relationship": (lambda t: ["--relationship", "release"], {"acting", "narrowed"}),
    "subject": (lambda t: ["--subject", "signer:release-run"], {"acting", "narrowed"}),
    "subject of the actor": (lambda t: ["--subject", "oidc-provider:robot-es256"], {"acting", "narrowed"}),
    "subject of the witness": (lambda t: ["--subject", "mesh:spiffe://acme.example/ns/payments/sa/ledger"], {"witnessed"}),
    "target": (lambda t: ["--target", "shop"], EVERYTHING),
    "another target": (lambda t: ["--target", "ledger"], set()),
    "jti of the root": (lambda t: ["--jti", part(t.issued["acting"], 1)["jti"]], {"acting", "narrowed"}),
    "jti of the narrowed": (lambda t: ["--jti", part(t.issued["narrowed"], 1)["jti"]], {"narrowed"}),
    "jti of what was presented": (lambda t: ["--jti", part(t.run, 1)["jti"]], {"acting", "narrowed"}),
    "jti of the actor": (lambda t: ["--jti", part(t.robot, 1)["jti"]], {"acting", "narrowed"}),
    "kid of ours": (lambda t: ["--kid", part(t.issued["plain"], 0)["kid"]], EVERYTHING),
    "kid of the issuer": (lambda t: ["--kid", part(t.run, 0)["kid"]], {"acting", "narrowed", "witnessed"}),
    "kid of the actor": (lambda t: ["--kid", part(t.robot, 0)["kid"]], {"acting", "narrowed"}),
    "claim": (lambda t: ["--claim", "repository_id=821093847"], {"acting", "narrowed"}),
    "claim that is a number": (lambda t: ["--claim", "attempt=2"], {"acting", "narrowed"}),
    "claim of its issuer": (lambda t: ["--claim", "repository_id=821093847", "--issuer", "signer"], {"acting", "narrowed"}),
    "claim of another issuer": (lambda t: ["--claim", "repository_id=821093847", "--issuer", "mesh"], set()),
    "another value": (lambda t: ["--claim", "repository_id=1"], set()),
}


@pytest.mark.parametrize("selector", SELECTORS)
def test_the_documented_check_finds_what_is_blocked(cambist, program, tokens, selector):
    arguments, expected = SELECTORS[selector]
    assert revoked(program, tokens) == set()
    block = decide(cambist, "block", *arguments(tokens))
    try:
        assert revoked(program, tokens) == expected
    finally:
        assert cambist.run("unblock", block).returncode == 0
    assert revoked(program, tokens) == set(), "lifted"


def test_what_its_holder_revokes_is_listed(cambist, program, issuer):
    answer = cambist.exchange(issuer.mint("robot-es256", cambist.url), audience=SHOP)
    token = answer.json()["access_token"]
    known = program["revocations"]()["version"]
    assert requests.post(cambist.metadata()["revocation_endpoint"], data={"token": token}, timeout=10).status_code == 200
    # When every node knows of a later decision, every node knows of this one.
    cambist.run("unblock", decide(cambist, "block", "--jti", "nobody's"))
    document = program["revocations"]()
    assert document["version"] > known
    assert program["revoked"](*program["verified"](token), document["rules"])


def test_a_cut_off_ends_what_was_issued_before_it_and_nothing_later(cambist, program, issuer):
    answer = cambist.exchange(issuer.mint("robot-es256", cambist.url), audience=SHOP)
    claims, kid = program["verified"](answer.json()["access_token"])
    decide(cambist, "revoke", "--jti", claims["jti"])
    rules = program["revocations"]()["rules"]
    assert program["revoked"](claims, kid, rules)
    [before] = {rule["before"] for rule in rules if "before" in rule}
    for issued_at, expected in [(before - 1, True), (before, False)]:
        assert program["revoked"]({**claims, "iat": issued_at}, kid, rules) == expected


def test_neither_document_passes_for_the_other(cambist, program, tokens, monkeypatch):
    answer = requests.get(cambist.metadata()["revocations_uri"], timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/jwt")
    with pytest.raises(jwt.InvalidTokenError):
        program["verified"](answer.text)
    monkeypatch.setitem(program, "fetched", lambda url: tokens.issued["plain"])
    with pytest.raises(jwt.InvalidTokenError):
        program["revocations"]()
    monkeypatch.setitem(program, "fetched", lambda url: answer.text + "A")
    with pytest.raises(jwt.InvalidTokenError):
        program["revocations"]()
