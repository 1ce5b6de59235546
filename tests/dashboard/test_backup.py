"""What is backed up comes back, into SQLite or Postgres, whichever it came from."""

from __future__ import annotations

import json
import math
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboard.cli import app
from dashboard.jobs.keeper import CHECKPOINT
from dashboard.store import File, Project, Run, RunStatus, Store, StoreError, file_reference, with_file
from dashboard.store.backup import MANIFEST, back_up, restore
from tests.dashboard.fits import fits_bytes, galaxy, small_project
from tests.dashboard.server import start
from tests.dashboard.test_faults import LONG
from tests.dashboard.test_migrations import FIRST_LAYOUT, first_layout
from tests.dashboard.waiting import SECONDS, wait_for

Everything = tuple[list[Project], list[File], list[Run], dict[str, bytes]]


def fill(store: Store) -> None:
    """Two projects that share a content, with runs in every state."""
    for title in ("M 51 ☆", "<b>NGC 1</b>"):
        project = store.create_project(title)
        file = store.add_file(project.id, "image", "galaxy.fits", b"pixels")
        store.add_file(project.id, "psf", f"{title}.fits", title.encode())
        description = with_file(None, "image", file_reference(file, 0))
        store.update_project(project.id, description={**description, "bounds": [0, math.inf]})
        for status in RunStatus:
            run = store.create_run(project.id, description, "lm", {"low": -math.inf})
            store.run_folder(run.id).mkdir()
            (store.run_folder(run.id) / "result.json").write_text(f'{{"run": "{run.id}"}}')
            (store.run_folder(run.id) / "all.zip").write_text("a cache")
            if status is not RunStatus.QUEUED:
                store.advance_run(run.id, RunStatus.RUNNING)
            if status.ended:
                store.advance_run(run.id, status, chi2_dof=1.25, converged=True, message="Over.")
                store.annotate_run(run.id, tags=["paper"], note="Two\nlines.", starred=True)
        store.delete_run(run.id)
    store.create_project("without a description")


def everything(store: Store) -> Everything:
    projects = sorted(store.projects(), key=lambda one: one.id)
    files = [replace(file, path=Path()) for project in projects for file in store.files(project.id)]
    contents = {file.id: file.path.read_bytes() for project in projects for file in store.files(project.id)}
    runs = [store.run(run.id) for status in RunStatus for run in store.runs_with_status(status)]
    return projects, files, sorted(runs, key=lambda one: one.id), contents


@pytest.fixture
def source(tmp_path: Path) -> Path:
    with closing(Store(tmp_path / "source")) as store:
        fill(store)
    return tmp_path / "source"


@pytest.mark.parametrize(
    ("old", "new"), [("sqlite", "sqlite"), ("sqlite", "postgres"), ("postgres", "sqlite")]
)
def test_everything_comes_back(tmp_path, old, new, request):
    urls = {
        role: "" if kind == "sqlite" else request.getfixturevalue("postgres").new_database()
        for role, kind in (("old", old), ("new", new))
    }
    with closing(Store(tmp_path / "old", urls["old"])) as store:
        fill(store)
        before = everything(store)
        report = back_up(tmp_path / "old", urls["old"], tmp_path / "backup")  # beside an open store
    assert (report.projects, report.files, report.runs, report.damaged) == (3, 3, 10, ())
    assert restore(tmp_path / "backup", tmp_path / "new", urls["new"]) == report
    with closing(Store(tmp_path / "new", urls["new"])) as store:
        assert everything(store) == before
        for run in before[2]:
            folder = store.run_folder(run.id)
            kept = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
            assert kept == (["result.json"] if run.status.ended else [])
        assert store.create_project("and it goes on").title == "and it goes on"


def test_a_backup_of_an_earlier_layout_is_brought_up_to_date(tmp_path):
    first_layout(tmp_path / "old")
    (tmp_path / "old" / "files").mkdir()
    report = back_up(tmp_path / "old", "", tmp_path / "backup")
    assert json.loads((tmp_path / "backup" / MANIFEST).read_text())["layout"] == "0001"
    assert (report.projects, report.runs) == (1, 2)
    assert len(report.damaged) == 1, "its image is only a record"
    restore(tmp_path / "backup", tmp_path / "new")
    with closing(Store(tmp_path / "new")) as store:
        assert [run.fitter for run in store.runs()] == ["nuts", "lm"]
        assert store.runs()[0].tags == ()
    assert FIRST_LAYOUT.is_file()


def test_damaged_and_missing_contents_are_told(source, tmp_path):
    with closing(Store(source)) as store:
        files = {file.name: file.path for project in store.projects() for file in store.files(project.id)}
    files["galaxy.fits"].chmod(0o600)
    files["galaxy.fits"].write_bytes(b"pixelz")
    files["b>.fits"].unlink()
    report = back_up(source, "", tmp_path / "backup")
    assert set(report.damaged) == {"galaxy.fits", "b>.fits"}
    assert (tmp_path / "backup" / "tables" / "project.jsonl").is_file()


def test_a_backup_is_not_written_over(source, tmp_path):
    (tmp_path / "backup").mkdir()
    back_up(source, "", tmp_path / "backup")
    with pytest.raises(StoreError, match=r"backup is there already\. Choose a new name"):
        back_up(source, "", tmp_path / "backup")
    with pytest.raises(StoreError, match="lies in the data folder itself"):
        back_up(source, "", source / "backup")
    with pytest.raises(StoreError, match=r"no Residua data in .*nothing\. Name its folder with --data-dir"):
        back_up(tmp_path / "nothing", "", tmp_path / "other")


def test_a_backup_that_fails_leaves_nothing(source, tmp_path):
    def full(count: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        back_up(source, "", tmp_path / "safe" / "backup", full)
    assert list((tmp_path / "safe").iterdir()) == []


# Begins to back up, and stands still once the first thing is copied.
_STANDS_STILL = """
import sys, time
from pathlib import Path
from dashboard.commands import backup, talk

def stand_still(self, number):
    print(number, flush=True)
    time.sleep(600)

talk.Progress.count = stand_still
backup.backup(Path(sys.argv[2]), {"data_dir": sys.argv[1]}, True, False)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_backup_that_is_ended_leaves_nothing_for_long(source, tmp_path, number):
    safe = tmp_path / "safe"
    command = [sys.executable, "-c", _STANDS_STILL, str(source), str(safe / "monday")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        (unfinished,) = safe.iterdir()
        back_up(source, "", safe / "tuesday")
        assert unfinished.exists(), "another one leaves it alone while it goes on"
        process.send_signal(number)
        assert process.wait(SECONDS) == (128 + number if number == signal.SIGTERM else -number)
    assert unfinished.exists() == (number == signal.SIGKILL)
    back_up(source, "", safe / "wednesday")
    assert {path.name for path in safe.iterdir()} == {"tuesday", "wednesday"}
    assert {path.name for path in (safe / "wednesday").iterdir()} == {MANIFEST, "files", "runs", "tables"}


def test_what_is_deleted_while_it_is_copied_is_not_in_a_backup(tmp_path, database):
    data, backup = tmp_path / "data", tmp_path / "backup"
    with closing(Store(data, database)) as store:
        stays, goes = (store.create_project(title).id for title in ("stays", "goes"))
        for project in (stays, goes):
            store.add_file(project, "image", f"{project}.fits", project.encode())
            run = store.create_run(project, {}, "lm", {})
            store.advance_run(run.id, RunStatus.RUNNING)
            store.run_folder(run.id).mkdir()
            (store.run_folder(run.id) / "result.json").write_text("{}")
            store.advance_run(run.id, RunStatus.FINISHED)

        def delete(count: int) -> None:
            if count == 1:
                store.delete_project(goes)

        report = back_up(data, database, backup, delete)
    assert (report.projects, report.files, report.runs, report.damaged) == (1, 1, 1, ())
    restored = restore(backup, tmp_path / "new")
    assert (restored.projects, restored.files, restored.runs, restored.damaged) == (1, 1, 1, ())


def test_a_result_that_goes_while_it_is_copied_is_told(source, tmp_path):
    """As one does that is listed and cannot be opened any more."""
    with closing(Store(source)) as store:
        run = store.runs_with_status(RunStatus.FINISHED)[0]
        project = store.project(run.project_id)
        (store.run_folder(run.id) / "images.fits").symlink_to("gone")
    report = back_up(source, "", tmp_path / "backup")
    assert report.damaged == (f"images.fits of run {run.number} of {project.title}",)
    assert (tmp_path / "backup" / "runs" / run.id / "result.json").is_file()


def test_a_folder_with_records_of_its_own_is_not_restored_into(source, tmp_path, postgres):
    """Whoever forgot --database later would use the old ones."""
    back_up(source, "", tmp_path / "backup")
    with pytest.raises(StoreError, match=r"source: they are in its residua\.db\. .*into a new folder"):
        restore(tmp_path / "backup", source, postgres.new_database())
    with closing(Store(source)) as store:
        assert len(store.projects()) == 3


def test_only_an_empty_place_is_restored_into(source, tmp_path):
    back_up(source, "", tmp_path / "backup")
    with pytest.raises(StoreError, match=r"residua\.db has records already\. Restore into a new data folder"):
        restore(tmp_path / "backup", source)
    with closing(Store(source)), pytest.raises(StoreError, match="already uses the data folder"):
        restore(tmp_path / "backup", source)


def test_a_restore_that_was_cut_off_can_be_started_again(source, tmp_path):
    back_up(source, "", tmp_path / "backup")

    def cut_off(count: int) -> None:
        if count == 3:
            raise KeyboardInterrupt("stopped")

    with pytest.raises(KeyboardInterrupt, match="stopped"):
        restore(tmp_path / "backup", tmp_path / "new", "", cut_off)
    assert restore(tmp_path / "backup", tmp_path / "new").damaged == ()


@pytest.mark.parametrize(
    ("table", "key", "value", "sentence"),
    [
        ("file", "sha256", "../../../etc/passwd", "is no SHA-256: this backup was changed"),
        ("run", "id", "../../escape", "is no run's name: this backup was changed"),
    ],
)
def test_a_backup_cannot_reach_outside(source, tmp_path, table, key, value, sentence):
    back_up(source, "", tmp_path / "backup")
    path = tmp_path / "backup" / "tables" / f"{table}.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    records[0][key] = value
    path.write_text("".join(f"{json.dumps(one)}\n" for one in records))
    with pytest.raises(StoreError, match=sentence):
        restore(tmp_path / "backup", tmp_path / "new")
    assert not (tmp_path / "escape").exists()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"layout": "9999"}, "has layout 9999, but this Residua knows up to"),
        ({"residua_backup": 2}, "in a format that this Residua does not know"),
        ({"layout": 2}, "in a format that this Residua does not know"),
    ],
)
def test_a_backup_of_a_later_residua_is_refused(source, tmp_path, changed, sentence):
    back_up(source, "", tmp_path / "backup")
    path = tmp_path / "backup" / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))
    with pytest.raises(StoreError, match=sentence):
        restore(tmp_path / "backup", tmp_path / "new")
    restored = tmp_path / "new" / "residua.db"
    if restored.exists():
        with closing(sqlite3.connect(restored)) as connection:
            assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []


def test_the_commands(source, tmp_path):
    run = CliRunner().invoke
    answer = run(app, ["backup", str(tmp_path / "backup"), "--data-dir", str(source), "-q"])
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.startswith("Backed up 3 projects, 3 files, 10 runs (0.0 MB) to ")
    environment = {"RESIDUA_DATA": str(tmp_path / "new")}
    answer = run(app, ["restore", str(tmp_path / "backup"), "--json"], env=environment)
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["runs"] == 10
    answer = run(app, ["restore", str(tmp_path / "nothing")], env=environment)
    assert answer.exit_code == 2
    assert answer.stderr == f"residua: {tmp_path / 'nothing'} is no backup: it has no readable {MANIFEST}.\n"


def test_a_backup_taken_while_fits_run_and_files_arrive_is_whole(tmp_path):
    """A server of the backup has each file that it names, and brings the fit to its end that ran when it was made."""
    data, backup, new = tmp_path / "data", tmp_path / "backup", tmp_path / "new" / "data"
    with closing(Store(data)) as store:
        project = small_project(store)
        running = store.create_run(project.id, project.description, "metropolis", {**LONG, "draws": 3_500})
        waiting = store.create_run(project.id, project.description, "lm", {})
        first = len(store.files(project.id))
    server, stop, sent = start(data, "--no-example"), threading.Event(), []

    def send() -> None:
        while not stop.is_set():
            answer = server.upload(project.id, fits_bytes(galaxy(16), NUMBER=len(sent)))
            sent.append(answer.json["file"]["sha256"])

    try:
        wait_for((store.run_folder(running.id) / CHECKPOINT).exists)
        with ThreadPoolExecutor(1) as sender:
            sending = sender.submit(send)
            wait_for(lambda: len(sent) > 1 or sending.done())
            found = CliRunner().invoke(app, ["backup", str(backup), "--data-dir", str(data), "--json"])
            stop.set()
            sending.result()
    finally:
        server.stop()
    assert found.exit_code == 0, found.output
    report = json.loads(found.stdout)
    rows = map(json.loads, (backup / "tables" / "run.jsonl").read_text().splitlines())
    status = {row["id"]: row["status"] for row in rows}[running.id]
    assert status == "running", "it was made in the middle of the fit"
    assert first + 2 <= report["files"] <= first + len(sent)
    assert restore(backup, new).damaged == ()
    server = start(new, "--no-example")
    try:
        with closing(sqlite3.connect(new / "residua.db")) as database:

            def ends() -> set[str]:
                return {row[0] for row in database.execute("SELECT status FROM run")}

            wait_for(lambda: ends() == {"finished"}, 3 * SECONDS)
    finally:
        server.stop()
    for run in (running, waiting):
        assert (new / "runs" / run.id / "result.json").is_file()
