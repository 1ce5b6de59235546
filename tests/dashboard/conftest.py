from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dashboard.store import Project, Store
from tests.dashboard.lab import Lab, make_lab
from tests.dashboard.postgres import Postgres, binaries, running

OpenStore = Callable[[Path], Store]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data")
    yield store
    store.close()


@pytest.fixture
def project(store: Store) -> Project:
    return store.create_project("test")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real Postgres server; tests that want one are skipped where Debian's package is not installed."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install residua[postgres]")
    folder = binaries()
    if folder is None:
        pytest.skip("There is no Postgres here: apt-get install postgresql")
    with running(folder) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database of each kind: "" stands for SQLite in the data folder."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()


@pytest.fixture(scope="module")
def labs(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], Lab]]:
    """A server with accounts for each kind of database, started when a test first wants it; no error in their logs."""
    made: dict[str, Lab] = {}

    def of(kind: str) -> Lab:
        if kind not in made:
            url = "" if kind == "sqlite" else request.getfixturevalue("postgres").new_database()
            made[kind] = make_lab(tmp_path_factory.mktemp(kind), "--trusted-proxies=127.0.0.1", database=url)
        return made[kind]

    yield of
    for lab in made.values():
        lab.server.stop()
        log = (lab.server.data_dir.parent / "server.log").read_text()
        assert "Traceback" not in log, log


@pytest.fixture
def lab(labs: Callable[[str], Lab], request: pytest.FixtureRequest) -> Lab:
    """The one with SQLite, or for tests marked `on_both` each."""
    return labs(getattr(request, "param", "sqlite"))
