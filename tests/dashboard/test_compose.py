"""Compose itself takes compose.yaml, and refuses it where .env lacks what it asks for."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.dashboard.server import ROOT

BLANK = ROOT / "deploy" / "lab.env"
DOCKER = ["docker", "compose"]

pytestmark = pytest.mark.skipif(
    not shutil.which("docker")
    or subprocess.run([*DOCKER, "version"], capture_output=True, check=False).returncode != 0,
    reason="There is no docker compose here: install Docker's compose plugin (it needs no engine for this).",
)


def config(env: Path) -> subprocess.CompletedProcess[str]:
    words = ["--file", str(ROOT / "compose.yaml"), "--profile", "gpu", "--env-file", str(env), "config"]
    return subprocess.run([*DOCKER, *words, "--format", "json"], capture_output=True, text=True, check=False)


def test_compose_takes_the_file_with_lab_env_filled_in(tmp_path):
    filled = tmp_path / "env"
    filled.write_text(BLANK.read_text().replace("POSTGRES_PASSWORD=", "POSTGRES_PASSWORD=letters0and1digits"))
    done = config(filled)
    assert done.returncode == 0, done.stderr
    written = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert set(json.loads(done.stdout)["services"]) == set(written["services"])


def test_compose_refuses_lab_env_as_it_is():
    done = config(BLANK)
    assert done.returncode != 0
    assert "POSTGRES_PASSWORD" in done.stderr
