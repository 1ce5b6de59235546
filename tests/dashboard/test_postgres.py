"""What only a database elsewhere can do: belong to somebody else, refuse, or go away."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest

from dashboard.store import Store, StoreError
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
