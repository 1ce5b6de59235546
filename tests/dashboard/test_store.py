from __future__ import annotations

import math
import resource
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from threading import Barrier

import pytest

from dashboard.store import NotFound, RunStatus, Store, StoreError, file_reference, with_file
from dashboard.store.attempts import FIRST_WAIT, FREE_BY_NAME
from dashboard.store.lines import kept_line
from dashboard.store.models import AttemptRow
from dashboard.store.names import display_name, display_title, is_id, new_id
from dashboard.store.records import NEXT


@pytest.fixture
def store(tmp_path: Path, database: str) -> Iterator[Store]:
    """Every test of this file is run on SQLite and on Postgres."""
    store = Store(tmp_path / "data", database)
    yield store
    store.close()


@contextmanager
def without_room() -> Iterator[None]:
    """No file of this process can be written to, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def description(store, project):
    file = store.add_file(project.id, "image", "galaxy.fits", b"pixels")
    return with_file(None, "image", file_reference(file, 1))


def test_a_project_is_kept(tmp_path, database):
    store = Store(tmp_path, database)
    project = store.create_project("M 51")
    store.update_project(project.id, description={"residua": 1, "images": []})
    store.close()

    again = Store(tmp_path, database)
    kept = again.project(project.id)
    assert kept.title == "M 51"
    assert kept.description == {"residua": 1, "images": []}
    assert kept.created.tzinfo is not None
    assert [one.id for one in again.projects()] == [project.id]
    again.close()


def test_projects_come_latest_change_first(store):
    first, second = store.create_project("first"), store.create_project("second")
    store.update_project(first.id, title="first again")
    assert [one.id for one in store.projects()] == [first.id, second.id]


@pytest.mark.parametrize("call", ["project", "run", "file"])
def test_unknown_ids_are_not_found(store, call):
    for identifier in ("", "nosuchthing1", "../../../etc/passwd", "x" * 5000, "a\x00b"):
        with pytest.raises(NotFound, match=f"There is no such {call}"):
            getattr(store, call)(identifier)


def test_the_run_folder_stays_inside(store):
    with pytest.raises(NotFound, match="no such run"):
        store.run_folder("../files")


def test_sqlite_waits_for_others(tmp_path):
    Store(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "residua.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_database_keeps_references(store):
    with pytest.raises(NotFound, match="no such project"):
        store.create_run(new_id(), {}, "lm", {})


def test_one_server_per_data_folder(store):
    with pytest.raises(StoreError, match=r"already uses the data folder .* --data-dir"):
        Store(store.data_dir)


def test_a_data_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        Store(tmp_path / "file" / "below")


def test_json_keeps_numbers_that_postgres_has_no_word_for(store, project):
    store.update_project(
        project.id, description={"bounds": [0, math.inf], "text": "Σ\u0000<b>", "nan": math.nan}
    )
    kept = store.project(project.id).description
    assert kept["bounds"] == [0, math.inf]
    assert kept["text"] == "Σ\u0000<b>"
    assert math.isnan(kept["nan"])
    assert store.create_run(project.id, {}, "lm", {"low": -math.inf}).options == {"low": -math.inf}


def test_a_file_may_be_larger_than_32_bits(store, project):
    with store.receive() as incoming:
        incoming.write(b"x")
        incoming.size = 5 << 30
        huge = store.take_in(project.id, "image", "b.fits", incoming)
    assert store.file(huge.id).size == 5 << 30


def test_of_two_that_move_a_run_at_once_one_succeeds(store, project):
    run = store.create_run(project.id, {}, "lm", {})
    moved = []
    threads = [
        threading.Thread(target=lambda: moved.append(store.advance_run(run.id, RunStatus.RUNNING)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in moved) == 1


# --- files


def test_the_same_content_is_stored_once(store):
    one, other = store.create_project("one"), store.create_project("other")
    first = store.add_file(one.id, "image", "a.fits", b"same")
    second = store.add_file(other.id, "psf", "b.fits", b"same")
    assert first.path == second.path
    assert first.path.read_bytes() == b"same"
    store.delete_project(one.id)
    assert second.path.exists()
    store.delete_file(second.id)
    assert not second.path.exists()


def test_a_content_that_is_deleted_while_it_comes_again_stays(store, monkeypatch):
    one, other = store.create_project("one"), store.create_project("other")
    record = store._record

    def meanwhile(*arguments):
        store.delete_project(one.id)  # the content has come, and no record says so yet
        return record(*arguments)

    store.add_file(one.id, "image", "a.fits", b"same")
    monkeypatch.setattr(store, "_record", meanwhile)
    again = store.add_file(other.id, "image", "b.fits", b"same")
    assert again.path.read_bytes() == b"same"
    store.delete_file(again.id)
    assert not again.path.exists()


def test_a_file_is_copied_from_a_path(store, project, tmp_path):
    (tmp_path / "source.fits").write_bytes(b"abc")
    file = store.add_file(project.id, "image", "source.fits", tmp_path / "source.fits")
    assert file.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file.size == 3
    assert (tmp_path / "source.fits").exists()
    assert store.display_names(project.id) == {str(file.path): "source.fits"}


def test_an_unfinished_upload_leaves_nothing(store):
    with store.receive() as incoming:
        incoming.write(b"half")
        path = incoming.path
        assert path.exists()
    assert not path.exists()


def test_an_upload_that_cannot_be_written_leaves_nothing(store, project):
    """What is still in the buffer fails again when the file is closed."""
    with without_room(), store.receive() as incoming:
        incoming.write(b"small enough for the buffer")
        with pytest.raises(OSError, match="File too large"):
            incoming.close()
    with without_room(), pytest.raises(StoreError, match="The server's disk is full"):
        store.add_file(project.id, "mask", "a.fits", b"small enough for the buffer")
    assert list((store.data_dir / "incoming").iterdir()) == []


def test_the_signing_key_is_whole_or_not_there(store):
    path = store.data_dir / "signing-key"
    with without_room(), pytest.raises(OSError, match="File too large"):
        store.signing_key()
    key = store.signing_key()
    assert len(key) == 64
    assert store.signing_key() == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one for one in store.data_dir.iterdir() if one.name.startswith(".signing-key")] == []


@pytest.mark.parametrize("left", ["", "\n", "half\n"])
def test_a_signing_key_that_was_left_half_written_is_made_anew(store, left):
    (store.data_dir / "signing-key").write_text(left)
    key = store.signing_key()
    assert len(key) == 64
    assert store.signing_key() == key


def test_a_signing_key_from_before_stays(store):
    (store.data_dir / "signing-key").write_text(f"{'k' * 64}\n")
    assert store.signing_key() == "k" * 64


def test_all_who_make_a_line_at_once_agree_on_it(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        for number in range(30):
            together = Barrier(8)

            def make(name: str, path: Path = tmp_path / f"{number}", together: Barrier = together) -> str:
                together.wait(30)
                return kept_line(path, name)

            assert len(set(threads.map(make, "abcdefgh"))) == 1


def test_a_folder_whose_id_was_left_empty_has_one_from_now_on(tmp_path, database):
    if not database:
        pytest.skip("SQLite lies in its folder.")
    (tmp_path / "folder-id").touch()
    for _ in range(2):
        Store(tmp_path, database).close()
    assert is_id((tmp_path / "folder-id").read_text().strip())
    with pytest.raises(StoreError, match="belongs to another data folder"):
        Store(tmp_path / "other", database)


def test_a_clock_that_is_put_back_makes_nobody_wait_longer(store):
    with store._session.begin() as session:
        ahead = datetime.now(UTC) + timedelta(hours=1)
        session.add(AttemptRow(key="from:10.0.0.1", failed=0, last=ahead))
        session.add(AttemptRow(key="name:ann", failed=FREE_BY_NAME, last=ahead))
    assert store.attempts.waits("bob", "10.0.0.1") == 0
    assert store.attempts.locked(["ann"])["ann"] <= FIRST_WAIT
    first = store.attempts.waits("ann", "10.0.0.1")
    assert first <= FIRST_WAIT
    time.sleep(0.05)
    assert 0 < store.attempts.waits("ann", "10.0.0.1") <= first - 0.05, "the wait goes by"


def test_leftovers_of_a_crash_are_cleared(tmp_path):
    store = Store(tmp_path)
    incoming = store.receive()
    incoming.write(b"half")
    incoming.close()
    store.close()
    again = Store(tmp_path)
    assert list((tmp_path / "incoming").iterdir()) == []
    again.close()


def test_unknown_roles_are_refused(store, project):
    with pytest.raises(StoreError, match=r"cannot have the role 'flat'\. Known are: image, sigma"):
        store.add_file(project.id, "flat", "a.fits", b"x")
    file = store.add_file(project.id, "image", "a.fits", b"x")
    with pytest.raises(StoreError, match="cannot have the role ''"):
        store.set_file_role(file.id, "")
    assert store.set_file_role(file.id, "mask").role == "mask"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("galaxy.fits", "galaxy.fits"),
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\m51.fits", "m51.fits"),
        ("x\u202estif.exe", "x stif.exe"),
        ("tab\tand\nline\x00.fits", "tab and line .fits"),
        ("  ", "unnamed"),
        ("..", "unnamed"),
        ("Größe 星.fits", "Größe 星.fits"),
        ("<b>.fits", "<b>.fits"),
    ],
)
def test_names_are_made_safe_to_show(sent, shown):
    assert display_name(sent) == shown


def test_long_names_keep_their_ending():
    name = display_name("a" * 500 + ".fits.gz")
    assert len(name) <= 120
    assert name.endswith(".fits.gz")
    assert display_title("\u202e") == "Untitled"


def test_ids_do_not_repeat():
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(is_id(one) for one in ids)
    assert not is_id("abcdefghijkl")


# --- references


def test_references_become_paths(store, project, description):
    store.update_project(project.id, description=description)
    resolved = store.resolved_description(project.id)
    file = store.files(project.id)[0]
    assert resolved["images"][0]["data"] == f"{file.path}[1]"
    assert description["images"][0]["data"] == f"file:{file.id}[1]", "the stored description is left alone"
    assert store.resolved_description(store.project(project.id)) == resolved


def test_one_kind_of_noise_at_a_time(store, project, description):
    changed = with_file(description, "variance", "file:variance")
    changed = with_file(changed, "sigma", "file:sigma")
    assert "variance" not in changed["images"][0]
    assert with_file(changed, "sigma", None) == description
    with pytest.raises(StoreError, match="cannot have the role 'noise'"):
        with_file(description, "noise", "file:x")


@pytest.mark.parametrize("value", ["/etc/passwd", "../x.fits", "file:../../x", "file:bcd", "http://a/b.fits"])
def test_paths_from_strangers_are_refused(store, project, value):
    store.update_project(project.id, description={"images": [{"data": value}]})
    with pytest.raises(StoreError, match="not a file of this project"):
        store.resolved_description(project.id)


def test_files_of_other_projects_are_refused(store, project, description):
    other = store.create_project("other")
    with pytest.raises(StoreError, match="data is a file that was deleted"):
        store.resolved_description(other.id, description)
    with pytest.raises(StoreError, match="has no image yet"):
        store.resolved_description(other.id)


# --- runs


def test_a_run_lives_its_life(store, project, description):
    run = store.create_run(project.id, description, "lm", {"max_steps": 3})
    assert run.status is RunStatus.QUEUED
    assert store.runs_with_status(RunStatus.QUEUED) == [run]
    running = store.advance_run(run.id, RunStatus.RUNNING)
    assert running is not None
    assert running.started is not None
    finished = store.advance_run(
        run.id, RunStatus.FINISHED, chi2_dof=1.01, message="Converged.", converged=True
    )
    assert finished is not None
    assert finished.chi2_dof == 1.01
    assert finished.converged is True
    assert finished.seconds is not None
    assert finished.seconds >= 0
    assert store.runs(project.id) == [finished]
    assert store.runs() == [finished]


def test_only_the_moves_of_the_table_are_made(store, project):
    for before, after in product(RunStatus, RunStatus):
        run = store.create_run(project.id, {}, "lm", {})
        if before is not RunStatus.QUEUED:
            store.advance_run(run.id, RunStatus.RUNNING)
        if before.ended:
            assert store.advance_run(run.id, before) is not None
        moved = store.advance_run(run.id, after)
        assert (moved is not None) == (after in NEXT[before]), (before, after)
        assert store.run(run.id).status is (after if moved else before)


def test_runs_are_counted_by_status(store, project):
    assert set(store.run_counts().values()) == {0}
    for _ in range(3):
        run = store.create_run(project.id, {}, "lm", {})
    store.advance_run(run.id, RunStatus.CANCELLED)
    assert {status: count for status, count in store.run_counts().items() if count} == {
        RunStatus.QUEUED: 2,
        RunStatus.CANCELLED: 1,
    }
    store.delete_run(run.id)
    assert store.run_counts()[RunStatus.CANCELLED] == 0


def test_a_project_with_a_running_fit_is_kept(store, project, description):
    run = store.create_run(project.id, description, "lm", {})
    folder: Path = store.run_folder(run.id)
    folder.mkdir(parents=True)
    with pytest.raises(StoreError, match=r"has a fit that is still running\. Cancel it first"):
        store.delete_project(project.id)
    store.advance_run(run.id, RunStatus.CANCELLED)
    store.delete_project(project.id)
    assert not folder.exists()
    assert store.runs() == []
    assert store.files(project.id) == []
