"""The whole composition: every service in a root of its own, and the smoke script against it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import image
from engine import COMPOSE


@pytest.mark.contained
def test_the_smoke_script_passes(engine, tmp_path):
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
    assert smoke.returncode == 0, smoke.stdout
    assert "everything holds" in smoke.stdout
