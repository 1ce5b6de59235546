"""What all tests share: the folder of real and broken files, and a printed seed."""

import os
import zlib
from pathlib import Path

import numpy as np
import pytest

SEED = int(os.environ.get("RESIDUA_TEST_SEED", "42"))


def pytest_report_header() -> str:
    return f"seed: {SEED} (set RESIDUA_TEST_SEED to change it)"


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers that depend on the session's seed and the test's name only, not on the order of tests."""
    seed = (SEED, zlib.crc32(request.node.nodeid.encode()))
    print(f"seed of this test: {seed}")
    return np.random.default_rng(seed)


def find_shared_data() -> Path | None:
    """Return the folder of shared test data, or None where there is none."""
    given = os.environ.get("RESIDUA_SHARED")
    folder = Path(given) if given else Path(__file__).resolve().parents[2] / "shared"
    return folder if (folder / "torture" / "manifest.json").is_file() else None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of shared test data: real galaxies in data/, broken files in torture/."""
    folder = find_shared_data()
    if folder is None:
        pytest.skip("The shared test data are not here; RESIDUA_SHARED can name their folder.")
    return folder
