"""What goes wrong on real machines: processes that are killed, hang, or run out of memory or disk."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from dashboard.jobs import Jobs, LimitError, Limits, endings
from dashboard.jobs.keeper import CHECKPOINT
from dashboard.store import Run, RunStatus, Store, Who
from dashboard.store.people import Role
from engine.checkpoint import read_checkpoint
from tests.dashboard.fits import fits_bytes, galaxy, slow_project, small_project
from tests.dashboard.server import projects_of, start
from tests.dashboard.waiting import SECONDS, ended, stepped, wait_for

OFTEN = Limits(checkpoint_seconds=0.1, retries=1)
# Some seconds of work in many small steps.
LONG: dict[str, Any] = {"draws": 1_200, "warmup": 20, "chains": 2, "start": "here"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("data"))
    yield store
    store.close()


@pytest.fixture(scope="module")
def jobs(store: Store) -> Iterator[Jobs]:
    jobs = Jobs(store, n_workers=1, limits=OFTEN, cancel_grace=1.0)
    jobs.wait_until_warm(SECONDS)
    yield jobs
    jobs.close()


def signal_workers(number: int) -> None:
    for child in multiprocessing.active_children():
        assert child.pid is not None
        os.kill(child.pid, number)


def kept(store: Store, run: Run) -> bool:
    """Whether some of its draws are on disk."""
    found = read_checkpoint(store.run_folder(run.id) / CHECKPOINT)
    return found is not None and found.drawn is not None and found.drawn.draws.shape[1] > 3


def start_sampling(jobs: Jobs, store: Store, **more: Any) -> Run:
    """A run of a sampler that has some draws on disk."""
    project = small_project(store)
    run = jobs.submit(project.id, project.description, "metropolis", {**LONG, **more})
    drawing = lambda: any(  # noqa: E731
        event["type"] == "step" and event["info"].get("phase") == "draws" and event["info"]["draw"] > 100
        for event in jobs.events(run.id)
    )
    wait_for(lambda: drawing() and kept(store, run))
    return run


def test_a_fit_that_ends_its_worker_each_time_fails_with_the_reason(jobs, store, monkeypatch):
    monkeypatch.setattr(jobs.dispatcher, "_limits", Limits(retries=0))
    project = slow_project(store)
    run = jobs.submit(project.id, project.description)
    wait_for(lambda: stepped(jobs, run))
    signal_workers(signal.SIGKILL)
    run = ended(jobs, store, run)
    assert run.status is RunStatus.FAILED
    assert "The worker process ended in the middle of this fit. That happened once" in run.message
    assert "smaller window" in run.message


def test_each_attempt_goes_on_from_the_last_checkpoint_and_the_third_is_the_last(jobs, store, monkeypatch):
    monkeypatch.setattr(jobs.dispatcher, "_limits", Limits(checkpoint_seconds=0.1))
    jobs.wait_until_warm(SECONDS)  # after the test before this one
    run = start_sampling(jobs, store, draws=20_000)
    folder, steps = store.run_folder(run.id), [0]
    for attempt in (1, 2, 3):
        wait_for(lambda attempt=attempt: store.run(run.id).attempts == attempt)
        wait_for(lambda: (endings.kept_step(folder) or 0) > steps[-1])
        signal_workers(signal.SIGKILL)
        wait_for(
            lambda attempt=attempt: store.run(run.id).status.ended or store.run(run.id).attempts > attempt
        )
        steps.append(endings.kept_step(folder) or steps[-1])
    run = ended(jobs, store, run)
    assert (run.status, run.attempts) == (RunStatus.FAILED, 3)
    assert (
        "The worker process ended in the middle of this fit. That happened 3 times, so it is not"
        in run.message
    )
    messages = [event["message"] for event in jobs.events(run.id) if event["type"] == "state"]
    went_on = [int(one) for text in messages for one in re.findall(r"last checkpoint, at step (\d+)", text)]
    assert len(went_on) == 2
    assert 0 < went_on[0] < went_on[1], "the second attempt began where the first had got to"


@pytest.mark.parametrize(
    ("attempts", "status", "words"),
    [
        (1, RunStatus.QUEUED, "attempt 2 of 3"),
        (2, RunStatus.QUEUED, "attempt 3 of 3"),
        (3, RunStatus.FAILED, "That happened 3 times, so it is not tried again"),
    ],
)
def test_a_lost_attempt_is_made_again_at_most_twice(attempts, status, words):
    verdict = endings.verdict(endings.End(None, endings.KILLED_WORKER), attempts, 2, cancelled=False)
    assert verdict.status is status
    assert words in verdict.message
    asked = endings.verdict(endings.End(None, endings.KILLED_WORKER), attempts, 2, cancelled=True)
    assert asked.status is RunStatus.CANCELLED


def test_only_a_fit_that_ended_its_process_is_said_to_take_too_much_memory():
    end = endings.End(None, endings.STOPPED_SERVER)
    message = endings.verdict(end, 3, 2, cancelled=False).message
    assert message == f"{endings.STOPPED_SERVER} That happened 3 times, so it is not tried again."


def database_fails(monkeypatch, store, status, *, recorded):
    """Once, the database goes away as a run is moved on to this status: before that is recorded, or after."""
    advance, failed = store.advance_run, []

    def advanced(run_id, to, **facts):
        fails = to is status and not failed
        if fails:
            failed.append(run_id)
        if recorded or not fails:
            found = advance(run_id, to, **facts)
        if fails:
            raise OperationalError("UPDATE run", {}, Exception("the server closed the connection"))
        return found

    monkeypatch.setattr(store, "advance_run", advanced)
    return failed


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.QUEUED, RunStatus.FINISHED])
def test_a_database_that_fails_in_any_moment_leaves_no_run_behind(jobs, store, monkeypatch, status, recorded):
    monkeypatch.setattr(jobs.dispatcher, "_limits", Limits(checkpoint_seconds=0.1))
    failed = database_fails(monkeypatch, store, status, recorded=recorded)
    if status is RunStatus.QUEUED:
        run = start_sampling(jobs, store, draws=300)
        signal_workers(signal.SIGKILL)
    else:
        project = small_project(store)
        run = jobs.submit(project.id, project.description)
    wait_for(lambda: store.run(run.id).status.ended)
    assert failed == [run.id]
    assert store.run(run.id).status is RunStatus.FINISHED, store.run(run.id).message
    wait_for(lambda: jobs.dispatcher.running == 0)


def test_a_fit_that_cannot_be_given_away_waits_and_its_place_is_free(jobs, store, monkeypatch, caplog):
    submit, refused = jobs.pool.submit, []

    def away_at_first(job, **where):
        if not refused:
            refused.append(job["run"])
            raise OSError("the scheduler has just gone")
        return submit(job, **where)

    monkeypatch.setattr(jobs.pool, "submit", away_at_first)
    small = small_project(store)
    run = ended(jobs, store, jobs.submit(small.id, small.description))
    assert refused == [run.id]
    assert (run.status, run.attempts) == (RunStatus.FINISHED, 1), run.message
    assert jobs.dispatcher.running == 0
    assert "the scheduler has just gone" in caplog.text


def test_the_place_of_a_fit_that_was_deleted_is_free_again(jobs, store, monkeypatch):
    run = start_sampling(jobs, store, draws=20_000)
    folder = store.run_folder(run.id)
    with sqlite3.connect(store.data_dir / "residua.db") as database:  # no page or route lets anybody do that
        database.execute("DELETE FROM run WHERE id = ?", [run.id])
    shutil.rmtree(folder)
    small = small_project(store)
    assert ended(jobs, store, jobs.submit(small.id, small.description)).status is RunStatus.FINISHED
    assert not folder.exists(), "its process has written nothing more"


def test_a_worker_that_gives_no_sign_is_given_up(jobs, store, monkeypatch):
    monkeypatch.setattr(
        jobs.dispatcher, "_limits", Limits(checkpoint_seconds=0.1, retries=1, heartbeat_seconds=8)
    )
    jobs.wait_until_warm(SECONDS)  # after the test before this one
    run = start_sampling(jobs, store)
    signal_workers(signal.SIGSTOP)
    wait_for(lambda: store.run(run.id).attempts == 2)
    run = ended(jobs, store, run)
    assert run.status is RunStatus.FINISHED, run.message
    messages = [event["message"] for event in jobs.events(run.id) if event["type"] == "state"]
    assert any("gave no sign of life" in one for one in messages)


def test_a_hung_fit_is_cancelled_within_seconds(jobs, store):
    run = start_sampling(jobs, store)
    signal_workers(signal.SIGSTOP)
    jobs.cancel(run.id)
    wait_for(lambda: store.run(run.id).status.ended, seconds=6)
    run = store.run(run.id)
    assert run.status is RunStatus.CANCELLED
    assert "did not answer, so its worker was ended" in run.message
    small = small_project(store)
    assert ended(jobs, store, jobs.submit(small.id, small.description)).status is RunStatus.FINISHED


def test_a_fit_may_take_only_so_long_and_keeps_what_it_has(jobs, store, monkeypatch):
    monkeypatch.setattr(jobs.dispatcher, "_limits", Limits(fit_seconds=2))
    project = small_project(store)
    run = jobs.submit(project.id, project.description, "metropolis", {**LONG, "draws": 400_000})
    run = ended(jobs, store, run)
    assert run.status is RunStatus.CANCELLED
    assert "Stopped after 2 s, the most that one fit may take here (--max-fit-seconds)" in run.message
    assert (store.run_folder(run.id) / "draws.nc").exists()


def test_a_fit_may_take_only_so_much_memory(jobs, store, monkeypatch):
    monkeypatch.setattr(jobs.dispatcher, "_limits", Limits(fit_memory=50_000_000))
    project = slow_project(store)
    run = ended(jobs, store, jobs.submit(project.id, project.description))
    assert run.status is RunStatus.CANCELLED
    assert "Stopped at 50 MB of memory, the most that one fit may take" in run.message


def test_a_submission_over_a_limit_is_refused_with_the_way_out(jobs, store, monkeypatch):
    slow = slow_project(store)
    ann, bob = (
        store.seen_by(Who(account=store.accounts.add(name, role=Role.ADMIN))) for name in ("ann", "bob")
    )
    first = jobs.submit(slow.id, slow.description)
    wait_for(lambda: stepped(jobs, first))
    monkeypatch.setattr(jobs, "limits", Limits(queued_per_user=2))
    waiting = [jobs.submit(slow.id, slow.description, store=ann) for _ in range(2)]
    with pytest.raises(LimitError, match=r"2 of your fits wait already.*--max-queued-per-user.*under Jobs"):
        jobs.submit(slow.id, slow.description, store=ann)
    other = jobs.submit(slow.id, slow.description, store=bob)
    monkeypatch.setattr(jobs, "limits", Limits(disk_per_user=1000))
    with pytest.raises(LimitError, match=r"one person may keep 0 MB \(--quota-mb\). Delete projects that"):
        jobs.submit(slow.id, slow.description)
    assert jobs.dispatcher.order()[0] in (waiting[0].id, other.id)
    for run in (*waiting, other, first):
        jobs.cancel(run.id)
    for run in (*waiting, other, first):
        assert ended(jobs, store, run).status is RunStatus.CANCELLED


@contextmanager
def small_file_system(folder: Path, size: str) -> Iterator[Path]:
    """A file system of this size; only root can have one."""
    folder.mkdir(exist_ok=True)
    if (
        shutil.which("mount") is None
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True
        ).returncode
    ):
        pytest.skip("A small file system can only be mounted by root.")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(params=["400k"])
def tiny_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    with small_file_system(tmp_path / "tiny", request.param) as folder:
        yield folder


def test_a_disk_that_an_upload_fills_is_told_and_left_empty(tmp_path):
    server = start(tmp_path / "data")
    try:
        project = projects_of(server)[0]
        with small_file_system(tmp_path / "data" / "incoming", "64k"):
            for size in (
                66_000,
                200_000,
            ):  # full at the last bytes, which are written when all have come, or before
                answer = server.upload(project, b"x" * size)
                assert (answer.status, answer.json["error"]) == (
                    507,
                    "The server's disk is full. Delete old projects, then try again.",
                )
                assert server.leftovers == []
        assert server.upload(project, fits_bytes(galaxy())).status == 201
    finally:
        server.stop()


@pytest.mark.parametrize("tiny_disk", ["20m"], indirect=True)
def test_a_result_waits_for_room_on_a_full_disk(jobs, store, tiny_disk):
    (tiny_disk / ".others").write_bytes(b"x" * 19_900_000)
    project = slow_project(store)
    with jobs.dispatcher.taking:
        run = store.create_run(project.id, project.description, "lm", {"max_steps": 1})
        store.run_folder(run.id).symlink_to(tiny_disk)
    jobs.dispatcher.submitted()
    wait_for(lambda: stepped(jobs, run))
    time.sleep(3)
    assert store.run(run.id).status is RunStatus.RUNNING
    (tiny_disk / ".others").unlink()
    run = ended(jobs, store, run)
    assert run.status is RunStatus.FINISHED, run.message
    assert (tiny_disk / "SHA256SUMS").exists()


def test_a_full_disk_fails_the_fit_with_a_sentence_and_keeps_what_is_there(
    jobs, store, tiny_disk, monkeypatch
):
    monkeypatch.setattr(jobs.dispatcher, "_limits", Limits(room_seconds=0))
    small = small_project(store)
    before = ended(jobs, store, jobs.submit(small.id, small.description))
    record = (store.run_folder(before.id) / "result.json").read_bytes()
    project = slow_project(store)
    with jobs.dispatcher.taking:
        run = store.create_run(project.id, project.description, "lm", {"max_steps": 1})
        store.run_folder(run.id).symlink_to(tiny_disk)
    jobs.dispatcher.submitted()
    wait_for(lambda: store.run(run.id).status.ended)
    run = store.run(run.id)
    assert run.status is RunStatus.FAILED
    assert "The server's disk is full, so the result could not be kept. Delete what is no longer needed" in (
        run.message
    )
    assert not (tiny_disk / "result.json").exists(), "nothing that looks complete"
    assert (store.run_folder(before.id) / "result.json").read_bytes() == record
    assert ended(jobs, store, jobs.submit(small.id, small.description)).status is RunStatus.FINISHED


def test_a_worker_out_of_memory_is_told_as_such(tmp_path):
    """Dask's nanny ends a process above its limit: that is no reason to try again."""
    store = Store(tmp_path / "data")
    # A worker with nothing to do has some 330 MB and takes a fit below 80 % of its limit; this fit takes over 500 MB.
    jobs = Jobs(store, n_workers=1, worker_memory=470_000_000, limits=OFTEN)
    try:
        project = slow_project(store)
        run = ended(jobs, store, jobs.submit(project.id, project.description))
    finally:
        jobs.close()
        store.close()
    assert run.status is RunStatus.FAILED
    assert "for want of memory" in run.message


@pytest.mark.parametrize(("megabytes", "why"), [(250, "was ended for taking"), (380, "of the 380 MB")])
def test_a_memory_limit_without_room_for_a_fit_is_told(tmp_path, megabytes, why):
    """A worker that has loaded everything has some 330 MB: it is ended again and again, or takes nothing more."""
    store = Store(tmp_path / "data")
    jobs = Jobs(store, n_workers=1, worker_memory=megabytes * 1_000_000, limits=OFTEN)
    try:
        project = small_project(store)
        runs = [jobs.submit(project.id, project.description)]

        def told() -> bool:
            # A worker looks at its memory now and then: some fits may be done before it notices.
            if store.run(runs[-1].id).status.ended:
                runs.append(jobs.submit(project.id, project.description))
            return "no room for fits" in (trouble := jobs.trouble) and why in trouble

        wait_for(told)
        assert "--worker-memory-mb" in jobs.trouble
    finally:
        jobs.close()
        store.close()
