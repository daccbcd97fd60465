"""Brings up the loopback of the namespace, skips what needs one where there is none, and counts."""

import fcntl
import os
import socket
import struct

import pytest

from engine import Engine

COUNTS = {"passed": 0, "failed": 0, "skipped": 0}
CONTAINED = "CAMBIST_CONTAINED" in os.environ


def pytest_configure(config):
    config.addinivalue_line("markers", "contained: runs programs in a root of their own")
    if CONTAINED:
        with socket.socket() as any_socket:
            # SIOCSIFFLAGS of netdevice(7), with IFF_UP.
            fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh22x", b"lo", 1))


def pytest_collection_modifyitems(items):
    for item in items:
        if not CONTAINED and item.get_closest_marker("contained"):
            item.add_marker(pytest.mark.skip(reason="this user may make no namespaces here"))


@pytest.fixture
def engine(tmp_path):
    """An engine; what it started ends with the test."""
    engines = []

    def of(compose):
        engines.append(Engine(tmp_path / "engine", compose))
        return engines[-1]

    yield of
    for engine in engines:
        engine.down()


def pytest_runtest_logreport(report):
    if report.failed:
        COUNTS["failed"] += 1
    elif report.skipped:
        COUNTS["skipped"] += 1
    elif report.when == "call":
        COUNTS["passed"] += 1


def pytest_unconfigure():
    print("deploy: {passed} passed, {failed} failed, {skipped} skipped".format(**COUNTS), flush=True)
    skipped = f", {COUNTS['skipped']} NOT run: no namespaces here" if COUNTS["skipped"] else ""
    print("ran: {passed} passed, {failed} failed".format(**COUNTS) + skipped, flush=True)
