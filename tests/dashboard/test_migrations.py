"""Data folders of earlier versions open, with everything in them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from dashboard.store import NotFound, RunStatus, Store, StoreError
from dashboard.store.database import connect
from dashboard.store.migrations import newest
from dashboard.store.models import Base

FIRST_LAYOUT = Path(__file__).parent / "data" / "layout-0001.sql"


def first_layout(folder: Path) -> Path:
    """A data folder as the version before migrations left it: a project, its image and two runs."""
    folder.mkdir()
    path = folder / "residua.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST_LAYOUT.read_text())
    return path


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_a_folder_of_the_first_layout_opens_with_everything_in_it(tmp_path):
    path = first_layout(tmp_path / "data")
    before = {table: rows(path, f"SELECT * FROM {table} ORDER BY id") for table in ("project", "file", "run")}
    with closing(Store(tmp_path / "data")) as store:
        (project,) = store.projects()
        assert project.title == "NGC 4565"
        queued, finished = store.runs(project.id)
        assert (queued.status, queued.fitter) == (RunStatus.QUEUED, "nuts")
        assert (finished.chi2_dof, finished.options) == (1.01, {"max_steps": 3})
        assert (finished.tags, finished.note, finished.starred, finished.deleted) == ((), "", False, None)
        store.annotate_run(finished.id, starred=True)
    for table, kept in before.items():
        assert [row[: len(kept[0])] for row in rows(path, f"SELECT * FROM {table} ORDER BY id")] == kept
    assert rows(path, "SELECT version_num FROM alembic_version") == [(newest(),)]


def test_a_version_from_before_migrations_refuses_a_migrated_folder(tmp_path):
    # It compares this value with its own, "1".
    Store(tmp_path).close()
    assert rows(tmp_path / "residua.db", "SELECT value FROM meta WHERE key = 'schema_version'") == [
        (str(int(newest())),)
    ]


def test_a_layout_of_the_future_is_refused_and_left_alone(tmp_path):
    Store(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "residua.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(StoreError, match=f"has layout 9999, but this Residua writes layout {int(newest())}"):
        Store(tmp_path)
    assert rows(tmp_path / "residua.db", "SELECT version_num FROM alembic_version") == [("9999",)]


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path, monkeypatch):
    path = first_layout(tmp_path / "data")
    before = rows(path, "SELECT name, sql FROM sqlite_master ORDER BY name")
    calls = []

    def add_some_then_fail(table, column):
        calls.append(column.name)
        if column.name == "starred":
            raise RuntimeError("the disk is full")
        add_column(table, column)

    add_column = op.add_column
    monkeypatch.setattr(op, "add_column", add_some_then_fail)
    with pytest.raises(RuntimeError, match="the disk is full"):
        Store(tmp_path / "data")
    assert calls == ["tags", "note", "starred"]
    assert rows(path, "SELECT name, sql FROM sqlite_master ORDER BY name") == before
    monkeypatch.undo()
    with closing(Store(tmp_path / "data")) as store:
        assert len(store.runs()) == 2


def test_the_migrations_make_what_the_models_declare(tmp_path, database):
    Store(tmp_path, database).close()
    engine = connect(tmp_path, database)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    engine.dispose()
    assert differences == []


# --- what the second layout added


@pytest.fixture
def run(store, project):
    run = store.create_run(project.id, {}, "lm", {})
    store.advance_run(run.id, RunStatus.CANCELLED)
    return store.run(run.id)


def test_what_people_say_of_a_run_is_kept(tmp_path):
    with closing(Store(tmp_path)) as store:
        run = store.create_run(store.create_project("p").id, {}, "lm", {})
        store.annotate_run(
            run.id, tags=["paper", " figure 2 ", "paper", ""], note="Good.\nUse it.", starred=True
        )
        store.annotate_run(run.id, note="Use this one.")
    with closing(Store(tmp_path)) as store:
        kept = store.run(run.id)
    assert (kept.tags, kept.note, kept.starred) == (("paper", "figure 2"), "Use this one.", True)


def test_what_people_say_is_bounded_and_on_its_line(store, run):
    kept = store.annotate_run(
        run.id, tags=["a\nb\u202ec"] + [f"{n}" * 99 for n in range(30)], note="\u202e" + "x" * 9000
    )
    assert kept.tags[0] == "a b c"
    assert len(kept.tags) == 12
    assert max(map(len, kept.tags)) == 40
    assert len(kept.note) == 4000
    assert "\u202e" not in kept.note


def test_a_deleted_run_is_out_of_sight_and_can_come_back(store, project, run):
    folder = store.run_folder(run.id)
    folder.mkdir()
    assert store.delete_run(run.id).deleted is not None
    assert store.runs(project.id) == []
    assert store.run(run.id).deleted is not None
    assert store.restore_run(run.id).deleted is None
    assert [one.id for one in store.runs(project.id)] == [run.id]
    assert folder.exists()


def test_a_run_that_goes_on_is_not_deleted(store, project):
    run = store.create_run(project.id, {}, "lm", {})
    with pytest.raises(StoreError, match=r"This lm run is queued\. Cancel it first"):
        store.delete_run(run.id)


def test_a_deleted_run_goes_for_good_a_day_later(tmp_path):
    with closing(Store(tmp_path)) as store:
        project = store.create_project("p")
        ids = [store.create_run(project.id, {}, "lm", {}).id for _ in range(3)]
        for run_id in ids:
            store.advance_run(run_id, RunStatus.CANCELLED)
            store.run_folder(run_id).mkdir()
        for run_id in ids[:2]:
            store.delete_run(run_id)
    two_days_ago = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%d %H:%M:%S.%f")
    with closing(sqlite3.connect(tmp_path / "residua.db")) as connection:
        connection.execute("UPDATE run SET deleted = ? WHERE id = ?", (two_days_ago, ids[0]))
        connection.commit()
    with closing(Store(tmp_path)) as store:
        with pytest.raises(NotFound, match="no such run"):
            store.restore_run(ids[0])
        assert store.restore_run(ids[1]).deleted is None
        assert [store.run_folder(run_id).exists() for run_id in ids] == [False, True, True]
