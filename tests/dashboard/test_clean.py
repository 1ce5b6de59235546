"""What nobody refers to goes, and nothing else; and nobody keeps more than their share."""

from __future__ import annotations

import os
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
from dashboard.store.clean import DAY, HOUR, clean
from tests.dashboard.fits import small_project


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
    with pytest.raises(StoreError, match="has no records of Residua, so nothing is removed"):
        clean(tmp_path)
    assert content.exists()


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
