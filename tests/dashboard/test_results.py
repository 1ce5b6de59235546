"""Results among the contents: stored once, checked in backups, removed when nobody has them and never before."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from dashboard.jobs import Jobs
from dashboard.store import Project, Run, RunStatus, Store
from dashboard.store.backup import back_up, restore
from dashboard.store.clean import HOUR, clean
from dashboard.store.results import SUMS, keep_results, sums_of
from tests.dashboard.fits import small_project
from tests.dashboard.waiting import SECONDS, ended

FILES = {"images.fits": b"pixels" * 1000, "result.json": b'{"status": "converged"}'}


@pytest.fixture
def store(tmp_path: Path, database: str) -> Iterator[Store]:
    with closing(Store(tmp_path / "data", database)) as store:
        yield store


@pytest.fixture
def project(store: Store) -> Project:
    return store.create_project("M 51")


def contents(store: Store) -> Path:
    return store.data_dir / "files"


def place(store: Store, content: bytes) -> Path:
    name = sha256(content).hexdigest()
    return contents(store) / name[:2] / name


def run_with(store: Store, project: Project, files: dict[str, bytes] = FILES) -> Run:
    """A run that has ended and left these files."""
    run = store.create_run(project.id, {}, "lm", {})
    store.advance_run(run.id, RunStatus.RUNNING)
    write(store.run_folder(run.id), files)
    keep_results(store.run_folder(run.id), contents(store))
    ended = store.advance_run(run.id, RunStatus.FINISHED)
    assert ended is not None
    return ended


def write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        temporary = folder / f".{name}"
        temporary.write_bytes(content)
        temporary.replace(folder / name)


def age(store: Store) -> None:
    """Make all that lies in the data folder two hours old."""
    then = time.time() - 2 * HOUR
    for path in store.data_dir.rglob("*"):
        os.utime(path, (then, then))


def test_what_workers_write_is_content_addressed_and_sha256sum_agrees(tmp_path):
    """The same fit twice: images and parameters are the same, how long it took is not."""
    with closing(Store(tmp_path / "data")) as store:
        project = small_project(store)
        jobs = Jobs(store, n_workers=1)
        try:
            runs = [jobs.submit(project.id, project.description) for _ in range(2)]
            one, other = (store.run_folder(ended(jobs, store, run).id) for run in runs)
        finally:
            jobs.close()
        assert set(sums_of(one)) == {"result.json", "images.fits", "parameters.ecsv", "fit.yaml"}
        for folder in (one, other):
            for name, told in sums_of(folder).items():
                assert told == sha256((folder / name).read_bytes()).hexdigest()
                assert (contents(store) / told[:2] / told).samefile(folder / name)
            if shutil.which("sha256sum"):
                subprocess.run(["sha256sum", "--check", "--quiet", SUMS], cwd=folder, check=True)
        assert (one / "images.fits").samefile(other / "images.fits")
        assert (one / "images.fits").stat().st_nlink == 3
        assert not (one / "result.json").samefile(other / "result.json")


def test_the_same_result_is_stored_once_and_lives_as_long_as_a_run_has_it(store, project):
    one, other = run_with(store, project), run_with(store, project, {**FILES, "result.json": b"{}"})
    image = place(store, FILES["images.fits"])
    assert [image.samefile(store.run_folder(run.id) / "images.fits") for run in (one, other)] == [True, True]
    store.delete_run(one.id)
    assert store.purge_runs(before=datetime.now(UTC) + timedelta(hours=1)) == [one.id]
    assert not store.run_folder(one.id).exists()
    assert not place(store, FILES["result.json"]).exists(), "only that run had it"
    assert image.read_bytes() == FILES["images.fits"]
    store.delete_project(project.id)
    assert list(contents(store).glob("*/*")) == []


def test_an_upload_and_a_result_of_the_same_bytes_do_not_take_each_other_away(store, project):
    run = run_with(store, project)
    image = store.run_folder(run.id) / "images.fits"
    sent = store.add_file(project.id, "image", "model.fits", FILES["images.fits"])
    store.delete_file(sent.id)
    assert image.read_bytes() == FILES["images.fits"]
    other = store.create_project("of the upload")
    sent = store.add_file(other.id, "image", "model.fits", FILES["images.fits"])
    again = run_with(store, project)
    assert sent.path.samefile(store.run_folder(again.id) / "images.fits")
    store.delete_project(project.id)
    assert sent.path.read_bytes() == FILES["images.fits"], "a project refers to it"


def test_cleaning_up_takes_only_what_neither_a_file_nor_a_run_has(store, project, database):
    run = run_with(store, project)
    gone = run_with(store, project, {"images.fits": b"of a run without a record"})
    nobodys = store.run_folder(gone.id).rename(store.data_dir / "runs" / "bcdfghjkmnpq")
    alone = place(store, b"of nobody")
    alone.parent.mkdir(exist_ok=True)
    alone.write_bytes(b"of nobody")
    cut_off = alone.with_name(".half a link")
    cut_off.hardlink_to(store.run_folder(run.id) / "images.fits")
    age(store)
    assert {one.path for one in clean(store.data_dir, database)} == {alone, nobodys, cut_off}
    assert {one.path for one in clean(store.data_dir, database)} == {
        place(store, b"of a run without a record")
    }
    assert clean(store.data_dir, database) == []
    for name, content in FILES.items():
        assert (store.run_folder(run.id) / name).read_bytes() == content
        assert place(store, content).exists()


def test_cleaning_up_while_a_run_is_written_takes_nothing_from_it(store, project, database):
    """Results that were nobody's until this moment, and so are being removed while a run comes to have them."""
    files = {f"{number}.fits": b"%d" % number * 5000 for number in range(20)}
    stop, cleaned = threading.Event(), []

    def clean_up() -> None:
        while not stop.is_set():
            cleaned.extend(clean(store.data_dir, database))

    thread = threading.Thread(target=clean_up)
    thread.start()
    try:
        for _ in range(15):
            for content in files.values():
                place(store, content).parent.mkdir(exist_ok=True)
                place(store, content).write_bytes(content)
            age(store)
            run = store.create_run(project.id, {}, "lm", {})
            folder = store.run_folder(run.id)
            write(folder, files)
            keep_results(folder, contents(store))
            assert {name: (folder / name).read_bytes() for name in files} == files
            assert sums_of(folder) == {name: sha256(one).hexdigest() for name, one in files.items()}
            shutil.rmtree(folder)
    finally:
        stop.set()
        thread.join(SECONDS)
    assert cleaned, "they met"


def test_a_result_is_not_made_one_with_a_damaged_content(store, project):
    good = FILES["images.fits"]
    place(store, good).parent.mkdir()
    place(store, good).write_bytes(b"x" + good[1:])
    run = run_with(store, project)
    assert (store.run_folder(run.id) / "images.fits").read_bytes() == good
    assert place(store, good).read_bytes() == good, "it is mended"


def test_without_links_results_lie_in_their_folder_only(store, project, monkeypatch):
    """As on a file system that has none."""

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    run = run_with(store, project)
    folder = store.run_folder(run.id)
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    assert set(sums_of(folder)) == set(FILES)
    assert list(contents(store).glob("*/*")) == []
    assert sorted(path.name for path in folder.iterdir()) == sorted([SUMS, *FILES])


@pytest.mark.parametrize("harm", ["changed", "lost"])
def test_a_damaged_result_is_told_by_backup_and_restore(store, project, tmp_path, database, harm):
    runs = [run_with(store, project), run_with(store, project, {"result.json": b"{}"})]
    image = store.run_folder(runs[0].id) / "images.fits"
    told = ("images.fits of run 1 of M 51",)
    assert back_up(store.data_dir, database, tmp_path / "sound").damaged == ()
    if harm == "changed":
        image.chmod(0o600)
        image.write_bytes(b"x" + image.read_bytes()[1:])
    else:
        image.unlink()
    assert back_up(store.data_dir, database, tmp_path / "harmed").damaged == told
    assert restore(tmp_path / "harmed", tmp_path / "harmed again").damaged == told
    kept = tmp_path / "sound" / "runs" / runs[0].id / "images.fits"
    kept.unlink() if harm == "lost" else kept.write_bytes(b"other pixels")
    assert restore(tmp_path / "sound", tmp_path / "new").damaged == told


def test_a_restored_result_is_stored_once_again(store, project, tmp_path, database, request):
    runs = [run_with(store, project, {**FILES, "result.json": b"%d" % number}) for number in range(2)]
    back_up(store.data_dir, database, tmp_path / "backup")
    for folder in (tmp_path / "backup" / "runs").iterdir():
        assert all(path.stat().st_nlink == 1 for path in folder.iterdir()), (
            "no link leads back to the data folder"
        )
    url = "" if database == "" else request.getfixturevalue("postgres").new_database()
    for _ in range(2):  # one that was cut off begins again
        with pytest.raises(KeyboardInterrupt, match="stopped"):
            restore(tmp_path / "backup", tmp_path / "new", url, stopped)
    report = restore(tmp_path / "backup", tmp_path / "new", url)
    assert (report.runs, report.damaged) == (2, ())
    with closing(Store(tmp_path / "new", url)) as new:
        one, other = (new.run_folder(run.id) / "images.fits" for run in runs)
        assert one.read_bytes() == FILES["images.fits"]
        assert one.samefile(other)
        assert one.samefile(place(new, FILES["images.fits"]))
        assert not one.samefile(store.run_folder(runs[0].id) / "images.fits")


def stopped(count: int) -> None:
    if count == 2:
        raise KeyboardInterrupt("stopped")
