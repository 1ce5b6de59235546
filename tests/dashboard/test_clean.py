"""What nobody refers to goes, and nothing else; and nobody keeps more than their share."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from typer.testing import CliRunner

from dashboard.api.handler import RefusedError
from dashboard.api.upload import UploadHandler
from dashboard.cli import app
from dashboard.housekeeping import Housekeeping
from dashboard.jobs import LimitError, Limits
from dashboard.services import Services
from dashboard.settings import Settings
from dashboard.store import Role, RunStatus, Store, StoreError, Who
from dashboard.store.backup import back_up
from dashboard.store.beside import people_of
from dashboard.store.clean import DAY, HOUR, clean
from tests.dashboard.fits import small_project
from tests.dashboard.waiting import wait_for


@pytest.fixture
def store(tmp_path: Path, database: str) -> Iterator[Store]:
    with closing(Store(tmp_path / "data", database)) as store:
        yield store


def aged(path: Path, seconds: float) -> Path:
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def test_what_nobody_refers_to_goes_and_nothing_else(store, database):
    project = small_project(store)
    run = store.create_run(project.id, project.description, "lm", {})
    folder = store.run_folder(run.id)
    folder.mkdir()
    for file in store.files(project.id):
        aged(file.path, 2 * HOUR)
    aged(folder, 2 * HOUR)
    old = aged(store._blobs.copy(b"nobody's").commit().path, 2 * HOUR)
    young = store._blobs.copy(b"somebody's in a moment").commit().path
    orphan = store.data_dir / "runs" / "bcdfghjkmnpq"
    orphan.mkdir()
    (orphan / "images.fits").write_bytes(b"x" * 1000)
    aged(orphan, 2 * HOUR)
    stale = store.data_dir / "incoming" / "in-1"
    stale.write_bytes(b"half")
    aged(stale, 2 * DAY)
    fresh = store.data_dir / "incoming" / "in-2"
    fresh.write_bytes(b"half")

    found = clean(store.data_dir, database, dry_run=True)
    assert {one.path for one in found} == {old, orphan, stale}
    assert sum(one.size for one in found) == 8 + 1000 + 4
    assert old.exists(), "a dry run only tells"
    Housekeeping(store, Settings(data_dir=str(store.data_dir), database=database)).clean_up()
    assert not any(path.exists() for path in (old, orphan, stale))
    assert young.exists()
    assert fresh.exists()
    assert folder.exists()
    assert all(file.path.exists() for file in store.files(project.id))
    assert clean(store.data_dir, database) == []


def test_without_records_nothing_is_removed(tmp_path):
    with pytest.raises(StoreError, match="There is no Residua data in"):
        clean(tmp_path)
    (tmp_path / "files" / "ab").mkdir(parents=True)
    content = tmp_path / "files" / "ab" / "x"
    content.write_bytes(b"x")
    (tmp_path / "residua.db").touch()
    with pytest.raises(StoreError, match="has no records of Residua"):
        clean(tmp_path)
    assert content.exists()


def filled(data: Path, database: str) -> Path:
    """A data folder with a content older than an hour, which a file of a project refers to."""
    with closing(Store(data, database)) as store:
        return aged(
            store.add_file(store.create_project("M 51").id, "image", "a.fits", b"pixels").path, 2 * HOUR
        )


def test_records_in_postgres_are_not_looked_for_in_a_database_beside_them(tmp_path, postgres):
    """The old one of a lab that has moved, or an empty one of a command that was begun without --database."""
    data, url = tmp_path / "data", postgres.new_database()
    content = filled(data, url)
    filled(tmp_path / "old", "")
    shutil.copy(tmp_path / "old" / "residua.db", data / "residua.db")

    def opened() -> None:
        with people_of(data):
            pass

    for use in (
        lambda: clean(data),
        lambda: back_up(data, "", tmp_path / "backup"),
        opened,
        lambda: Store(data),
    ):
        with pytest.raises(
            StoreError,
            match=r"data are in a Postgres database, as its folder-id says\. Name that with --database",
        ):
            use()
    assert content.exists()
    assert clean(data, url) == []
    (data / "folder-id").unlink()
    (data / "residua.db").unlink()
    with pytest.raises(StoreError, match="There is no Residua data in"):
        clean(data)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_records_of_another_folder_are_not_taken_for_its_own(tmp_path, postgres, kind):
    data = tmp_path / "data"
    own = postgres.new_database() if kind == "postgres" else ""
    content = filled(data, own)
    staging = postgres.new_database()
    filled(tmp_path / "staging", staging)

    def opened() -> None:
        with people_of(data, staging):
            pass

    uses = (
        lambda: clean(data, staging),
        lambda: back_up(data, staging, tmp_path / "backup"),
        opened,
        lambda: Store(data, staging),
    )
    for use in uses:
        with pytest.raises(
            StoreError, match=r"belongs to another data folder than .*data: files of its projects"
        ):
            use()
    assert content.exists()
    assert clean(data, own) == [], "and it goes on with its own"


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_new_database_does_not_take_a_folder_over(tmp_path, postgres, kind):
    """Its server would remove every file there."""
    data = tmp_path / "data"
    own = postgres.new_database() if kind == "postgres" else ""
    content = filled(data, own)
    with pytest.raises(
        StoreError, match=r"has no records, but there are files of projects and runs in .*data"
    ):
        Store(data, postgres.new_database())
    Store(data, own).close()
    assert content.exists()
    bare = tmp_path / "bare"
    own = postgres.new_database() if kind == "postgres" else ""
    Store(bare, own).close()
    where = "another Postgres database, as its folder-id says" if own else "its residua.db"
    with pytest.raises(StoreError, match=f"does not have the records of .*bare: they are in {where}"):
        Store(bare, postgres.new_database())
    Store(bare, own).close()


def test_a_lost_database_is_not_begun_anew_over_its_files(tmp_path):
    content = filled(tmp_path, "")
    (tmp_path / "residua.db").rename(tmp_path / "elsewhere.db")
    with pytest.raises(
        StoreError, match=r"residua\.db has no records, but there are files .*restore a backup"
    ):
        Store(tmp_path)
    (tmp_path / "elsewhere.db").replace(tmp_path / "residua.db")
    with closing(Store(tmp_path)) as store:
        assert len(store.projects()) == 1
    assert content.exists()


def test_what_passes_goes_from_the_folders_of_runs_that_ended(store, database):
    project = small_project(store)
    ended, running = (store.create_run(project.id, project.description, "lm", {}) for _ in range(2))
    for run in (ended, running):
        store.advance_run(run.id, RunStatus.RUNNING)
        store.run_folder(run.id).mkdir()
        for name in (".zip-1", ".checkpoint.npz", "result.json", "all.zip"):
            (store.run_folder(run.id) / name).write_bytes(b"1234567")
            aged(store.run_folder(run.id) / name, 2 * HOUR)
    store.advance_run(ended.id, RunStatus.FINISHED)
    folder = store.run_folder(ended.id)
    (folder / ".zip-2").write_bytes(b"in the making")
    told = CliRunner().invoke(
        app, ["clean", "--data-dir", str(store.data_dir)], env={"RESIDUA_DATABASE": database}
    )
    assert told.output == "Removed 2 temporary files of runs that ended: 0 MB.\n"
    assert {path.name for path in folder.iterdir()} == {".zip-2", "result.json", "all.zip"}
    assert len(list(store.run_folder(running.id).iterdir())) == 4


def test_a_server_cleans_up_soon_after_its_start(store, database):
    old = aged(store._blobs.copy(b"nobody's").commit().path, 2 * HOUR)
    housekeeping = Housekeeping(store, Settings(data_dir=str(store.data_dir), database=database), 0.01)
    housekeeping.start()
    wait_for(lambda: not old.exists())
    housekeeping.stop()


def test_the_command_says_what_it_would_remove_and_what_it_removed(tmp_path):
    with closing(Store(tmp_path)) as store:
        aged(store._blobs.copy(b"nobody's").commit().path, 2 * HOUR)
        runner = CliRunner()
        told = runner.invoke(app, ["clean", "--dry-run", "--data-dir", str(tmp_path)])
        assert told.output == "Would remove 1 content of no file: 0 MB.\n", "beside a server too"
        assert (
            "Removed 1 content of no file"
            in runner.invoke(app, ["clean", "--data-dir", str(tmp_path)]).output
        )
        again = runner.invoke(app, ["clean", "--data-dir", str(tmp_path)])
        assert again.output == "Nothing to remove: everything in the data folder is referred to.\n"
        refused = runner.invoke(app, ["clean", "--data-dir", str(tmp_path / "none")])
        assert refused.exit_code == 2


def test_each_keeps_at_most_their_share(store):
    ann, bob = (Who(account=store.accounts.add(name, role=Role.USER)) for name in ("ann", "bob"))
    project = store.seen_by(ann).create_project("mine").id
    store.seen_by(ann).add_file(project, "image", "a.fits", b"x" * 600_000)
    store.seen_by(ann).add_file(project, "psf", "the same.fits", b"x" * 600_000)
    services = Services(store, None, Settings(quota_mb=1))  # type: ignore[arg-type]  # no fits here
    assert store.queue.bytes_of(ann.id) == 600_000, "a content that is there twice takes its room once"
    assert store.queue.bytes_of(bob.id) == 0
    services.check_room(project, 400_000)
    with pytest.raises(LimitError, match=r"take 1 MB with this, and one person may keep 1 MB \(--quota-mb\)"):
        services.check_room(project, 400_001)
    assert Limits().disk_per_user == 0


def test_files_that_come_at_once_are_kept_as_long_as_there_is_room(store):
    ann = Who(account=store.accounts.add("ann", role=Role.USER))
    services = Services(store, None, Settings(quota_mb=1)).seen_by(ann)  # type: ignore[arg-type]  # no fits here
    projects = [services.store.create_project(f"{number}").id for number in range(2)]
    together = Barrier(8)

    def send(number: int) -> str:
        project = projects[number % 2]
        with services.store.receive() as incoming:
            incoming.write(b"%d" % number * 300_000)
            services.check_room(project, incoming.size)
            together.wait(30)  # all have asked before the first is kept
            try:
                services.take_in(project, "image", f"{number}.fits", incoming)
            except LimitError as refused:
                return str(refused)
        return ""

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(send, range(8)))
    assert answers.count("") == 3
    assert {one for one in answers if one} == {
        "Your files and results take 1 MB with this, and one person may keep 1 MB (--quota-mb). Delete projects that "
        "you no longer need: that makes room at once. Deleted runs can be brought back for a day, and make room within "
        "two."
    }
    assert store.queue.bytes_of(ann.id) == 900_000
    contents = [path for path in (store.data_dir / "files").rglob("*") if path.is_file()]
    assert len(contents) == 3, "what was refused left nothing"
    assert list((store.data_dir / "incoming").iterdir()) == []


def test_a_refused_content_that_somebody_has_stays(store):
    ann = Who(account=store.accounts.add("ann", role=Role.USER))
    project = store.create_project("the server's").id
    kept = store.add_file(project, "image", "a.fits", b"x" * 1_200_000)
    services = Services(store, None, Settings(quota_mb=1)).seen_by(ann)  # type: ignore[arg-type]  # no fits here
    own = services.store.create_project("mine").id
    with pytest.raises(LimitError, match=r"one person may keep 1 MB \(--quota-mb\)"):
        services.add_file(own, "image", "b.fits", b"x" * 1_200_000)
    assert services.store.files(own) == []
    assert kept.path.read_bytes() == b"x" * 1_200_000


def test_deleted_runs_make_room_when_they_are_gone_for_good(store):
    project = small_project(store)
    before = store.queue.bytes_of("")
    run = store.create_run(project.id, project.description, "lm", {})
    store.advance_run(run.id, RunStatus.CANCELLED, bytes=5_000_000)
    store.delete_run(run.id)
    assert store.queue.bytes_of("") == before + 5_000_000, "it can be brought back, so it takes the disk"
    with pytest.raises(
        LimitError, match="Deleted runs can be brought back for a day, and make room within two"
    ):
        Services(store, None, Settings(quota_mb=1)).check_room(project.id, 0)  # type: ignore[arg-type]
    store.purge_runs(before=datetime.now(UTC) + timedelta(seconds=1))
    assert store.queue.bytes_of("") == before


def test_a_disk_that_is_nearly_full_takes_no_files(store):
    handler = UploadHandler.__new__(UploadHandler)
    handler.services = Services(store, None, Settings(min_free_mb=0))  # type: ignore[arg-type]
    handler._check_disk(1_000_000)
    handler.services = Services(store, None, Settings(min_free_mb=900_000_000))  # type: ignore[arg-type]
    with pytest.raises(
        RefusedError, match=r"The server's disk is nearly full \(\d+ MB left\), so it takes no more"
    ):
        handler._check_disk(0)
