"""Starts the parts once for all tests, ends every one of them, and counts."""

import os
import signal
from pathlib import Path

import pytest

from certificate import Certificate
from parts import Cambist, Issuer, NodeProcess
from resource_server import ResourceServer
from signer import Signer
from spire import TrustDomain
from verifiers import Verifiers

SHOP = {"audience": "https://shop.example.com"}
COUNTS = {"passed": 0, "failed": 0}


def interrupt(*_):
    raise KeyboardInterrupt


def pytest_configure():
    # Bundles of authorities that the machine's environment names would replace what a session of `requests` is told.
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        os.environ.pop(name, None)
    # A stopped run still ends what it started: the fixtures below unwind.
    signal.signal(signal.SIGTERM, interrupt)


@pytest.fixture(scope="session")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("parts")


@pytest.fixture(scope="session")
def issuer(directory):
    issuer = Issuer(directory / "issuer.log")
    yield issuer
    issuer.stop()


@pytest.fixture(scope="session")
def trust_domain(directory):
    trust_domain = TrustDomain(directory / "spire")
    yield trust_domain
    trust_domain.stop()


@pytest.fixture(scope="session")
def signer():
    return Signer()


@pytest.fixture(scope="session")
def resource_server():
    return ResourceServer()


@pytest.fixture(scope="session")
def parties(issuer, trust_domain, signer, resource_server):
    return issuer, trust_domain, signer, resource_server


@pytest.fixture(scope="session")
def unstarted(directory, parties):
    """cambist's configuration, written; no process yet."""
    home = directory / "cambist"
    home.mkdir()
    return Cambist(Path(os.environ["CAMBIST_BIN"]), home, parties)


def start(cambist):
    """Without a first token, all tests would fail with the same words: say them once, and end."""
    try:
        cambist.start()
        cambist.wait_for_the_fence("robot-rs256", **SHOP)
    except RuntimeError as error:
        COUNTS["failed"] += 1
        pytest.exit(str(error), returncode=1)


def lifetime_of(cambist, issuer, trust_domain):
    """Starts it, lends it, ends it, and looks through what it wrote."""
    try:
        start(cambist)
        yield cambist
    finally:
        status = cambist.stop()
    assert status == 0, f"cambist did not end well on SIGTERM: {status}"
    # The last part of a token is its signature: it makes the token usable and stands in nothing that is written. A handle is one part.
    signatures = [token.rsplit(".", 1)[-1] for token in issuer.minted + trust_domain.minted + cambist.issued]
    assert cambist.files_with(signatures) == [], "a token was written to a file"


@pytest.fixture(scope="session")
def cambist(unstarted, issuer, trust_domain):
    yield from lifetime_of(unstarted, issuer, trust_domain)


@pytest.fixture(scope="session")
def secure(directory, parties, issuer, trust_domain):
    """A second cambist, for the libraries that speak nothing but TLS."""
    home = directory / "secure"
    home.mkdir()
    cambist = Cambist(Path(os.environ["CAMBIST_BIN"]), home, parties, Certificate(directory / "certificate"))
    yield from lifetime_of(cambist, issuer, trust_domain)


@pytest.fixture(scope="session")
def libraries(directory):
    node = NodeProcess("libraries.mjs", directory / "libraries.log")
    yield node
    node.stop()


@pytest.fixture(scope="session")
def verifiers(cambist, libraries):
    return Verifiers(cambist, libraries)


@pytest.fixture(scope="session")
def clouds(directory, secure):
    """Client libraries in Node.js that know the authority of the second cambist."""
    node = NodeProcess("clouds.mjs", directory / "clouds.log", NODE_EXTRA_CA_CERTS=secure.authority)
    yield node
    node.stop()


@pytest.fixture(scope="session")
def secure_verifiers(secure, clouds):
    return Verifiers(secure, clouds)


def pytest_runtest_logreport(report):
    if report.failed:
        COUNTS["failed"] += 1
    elif report.passed and report.when == "call":
        COUNTS["passed"] += 1


def pytest_unconfigure():
    print(f"interop: {COUNTS['passed']} passed, {COUNTS['failed']} failed", flush=True)
