"""What all tests share: the folder of real and broken files, and a printed seed."""

import json
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
    """Random numbers from the session's seed and the test's name, whatever the order of tests."""
    seed = (SEED, zlib.crc32(request.node.nodeid.encode()))
    request.node.add_report_section("setup", "seed", f"default_rng({seed})")
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give one test for each broken file; a single test that skips where the files are not here."""
    if "torture_item" not in metafunc.fixturenames:
        return
    folder = find_shared_data()
    items = [] if folder is None else json.loads((folder / "torture" / "manifest.json").read_text())["items"]
    ids = [f"{number}-{item['file']}" for number, item in enumerate(items)]
    metafunc.parametrize("torture_item", items or [None], ids=ids or ["no shared data"])


# The files that take longest, the longest first: begun last, they would leave one of two processes without work.
LONGEST = [
    "dashboard/test_learn.py",
    "dashboard/test_torture.py",
    "engine/test_fitters.py",
    "engine/test_calibration.py",
    "dashboard/test_cluster.py",
    "dashboard/test_faults.py",
    "dashboard/test_queue.py",
    "dashboard/test_backup.py",
    "dashboard/test_killed_server.py",
    "dashboard/test_memory.py",
    "engine/test_compiling.py",
    "engine/test_device.py",
    "dashboard/test_jobs.py",
    "browser/test_broken_files.py",
    "browser/test_compare.py",
    "browser/test_outages.py",
    "browser/test_journeys.py",
    "browser/test_workbench.py",
    "browser/test_run_page.py",
    "browser/test_restart.py",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the browser's tests last: their event loop stays with the thread, and others start one of their own."""
    place = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}
    items.sort(
        key=lambda item: (item.get_closest_marker("browser") is not None, place.get(item.path, len(LONGEST)))
    )
