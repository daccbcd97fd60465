"""The whole composition: every service in a root of its own, and the smoke script against it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import image
from engine import COMPOSE


@pytest.mark.contained
def test_two_nodes_keep_the_promise_and_an_emptied_redis_stops_them(engine):
    composition = engine(COMPOSE)
    compose = f"{sys.executable} {Path(__file__).with_name('engine.py')} {composition.state}"
    smoke = subprocess.run(
        [image.ROOT / "scripts/compose-smoke.sh"],
        env=os.environ | {"CAMBIST_COMPOSE": compose, "CAMBIST_SECRETS": str(composition.secrets)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    print(smoke.stdout)
    assert smoke.returncode == 0 and "everything holds" in smoke.stdout
    secrets = [file.read_text().split("=", 1)[1].strip() for file in composition.secrets.glob("*.env")]
    written = [*(composition.state / "logs").iterdir(), *(composition.state / "volumes").rglob("*.*")]
    assert len(secrets) == 2 and len(written) > 6
    for file in written:
        assert not any(secret.encode() in file.read_bytes() for secret in secrets), file
    assert "NOPERM" not in "".join((composition.state / "logs" / name).read_text() for name in COMPOSE["services"] if "node" in name)

    # A node that runs writes back what Redis lost; without one, nobody can know what was there.
    composition.down()
    shutil.rmtree(composition.state / "volumes/redis")
    with pytest.raises(SystemExit, match="cambist store init"):
        composition.up("node-a")
