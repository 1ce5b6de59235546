"""What only a database elsewhere can do: belong to somebody else, refuse, or go away."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest

from dashboard.jobs import Jobs
from dashboard.store import RunStatus, Store, StoreError
from tests.dashboard.fits import small_project
from tests.dashboard.postgres import binaries, running


def test_a_database_belongs_to_one_data_folder(tmp_path, postgres):
    url = postgres.new_database()
    Store(tmp_path / "one", url).close()
    with pytest.raises(StoreError, match=r"belongs to another data folder than .*two: files of its projects"):
        Store(tmp_path / "two", url)
    with closing(Store(tmp_path / "one", url)) as store:
        assert store.projects() == []
        with pytest.raises(StoreError, match="already uses the data folder"):
            Store(tmp_path / "one", url)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (
            "postgresql+psycopg://lab:secret@127.0.0.1:9/lab",
            r"lab:\*\*\*@127.0.0.1:9/lab cannot be used: .*refused",
        ),
        ("mysql://lab:secret@host/lab", "database of the kind 'mysql', but must begin with postgresql"),
        ("lab", "is not a database URL"),
    ],
)
def test_a_url_that_cannot_be_used_is_told_without_its_password(tmp_path, url, sentence):
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError, match=sentence) as refused:
        Store(tmp_path, url)
    assert "secret" not in str(refused.value)
    Store(tmp_path).close()  # the folder was let go of


def test_a_short_scheme_will_do(tmp_path, postgres):
    with closing(Store(tmp_path, postgres.new_database().replace("postgresql+psycopg", "postgres"))) as store:
        assert store.projects() == []


@pytest.mark.usefixtures("postgres")
def test_a_database_that_goes_away_is_waited_for(tmp_path):
    """On a server of its own, which is restarted under an open store."""
    folder = binaries()
    assert folder is not None
    with running(folder) as server, closing(Store(tmp_path, server.new_database())) as store:
        project = store.create_project("before")
        server.stop()
        titles = []

        def rename() -> None:
            titles.append(store.update_project(project.id, title="after").title)

        thread = threading.Thread(target=rename)
        thread.start()
        time.sleep(1)
        assert titles == []
        server.start()
        thread.join(30)
        assert titles == ["after"]


@pytest.mark.usefixtures("postgres")
def test_the_end_of_a_fit_is_kept_when_the_database_was_away(tmp_path):
    folder = binaries()
    assert folder is not None
    with running(folder) as server, closing(Store(tmp_path, server.new_database())) as store:
        jobs = Jobs(store, n_workers=1)
        try:
            jobs.wait_until_warm(120)
            project = small_project(store)
            run = jobs.submit(project.id, project.description, "lm", {"max_steps": 50})
            while store.run(run.id).status is RunStatus.QUEUED:
                time.sleep(0.01)
            server.stop()
            result = store.run_folder(run.id) / "result.json"
            deadline = time.monotonic() + 60
            while not result.exists():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            time.sleep(1)
            server.start()
            while not store.run(run.id).status.ended:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            ended = store.run(run.id)
        finally:
            jobs.close()
    assert ended.status is RunStatus.FINISHED, ended.message
    assert ended.converged
