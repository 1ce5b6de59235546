from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

import engine
from dashboard.jobs import Jobs, JobsError
from dashboard.jobs.cluster import start_cluster, stop_cluster
from dashboard.jobs.order import QUICK_SECONDS
from dashboard.jobs.standstill import STANDS_STILL, Standstill
from dashboard.services import Services, import_fit
from dashboard.settings import Settings
from dashboard.state.fitting import Fitting
from dashboard.state.session import Session
from dashboard.store import RunStatus, Store, StoreError
from tests.dashboard.fits import components, galaxy, project_with, slow_project, small_project
from tests.dashboard.waiting import SECONDS, ended, stepped, wait_for


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("data"))
    yield store
    store.close()


@pytest.fixture(scope="module")
def jobs(store: Store) -> Iterator[Jobs]:
    jobs = Jobs(store, n_workers=1, cancel_grace=SECONDS)
    jobs.wait_until_warm(SECONDS)
    yield jobs
    jobs.close()


def test_what_a_killed_process_left_half_written_goes_when_the_fit_ends(jobs, store):
    project = small_project(store)
    run = store.create_run(project.id, project.description, "lm", {"max_steps": 50})
    folder = store.run_folder(run.id)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (".checkpoint.npz-0a1b2c3d", ".images.fits.0a1b2c3d", ".draws.nc.0a1b2c3d"):
        (folder / name).write_bytes(b"half of it" * 1000)
    jobs.dispatcher.submitted()
    run = ended(jobs, store, run)
    assert run.status is RunStatus.FINISHED, run.message
    wait_for(lambda: not list(folder.glob(".*")))
    assert {"result.json", "images.fits", "SHA256SUMS"} <= {path.name for path in folder.iterdir()}
    assert run.bytes == sum(path.stat().st_size for path in folder.iterdir()), "only what stays counts"


def test_a_fit_runs_and_reports(jobs, store):
    project = small_project(store)
    began = time.monotonic()
    run = jobs.submit(project.id, project.description, "lm", {"max_steps": 50})
    assert time.monotonic() - began < 0.5, "submit must return at once"
    assert run.status is RunStatus.QUEUED
    heard = []
    jobs.subscribe(run.id, heard.append)
    run = ended(jobs, store, run)

    assert run.status is RunStatus.FINISHED, run.message
    assert run.converged
    assert run.chi2_dof == pytest.approx(1, abs=0.1)
    assert run.error is None
    assert run.started is not None
    events = jobs.events(run.id)
    states = [event["status"] for event in events if event["type"] == "state"]
    assert states == ["queued", "running", "finished"]
    steps = [event for event in events if event["type"] == "step"]
    assert steps[0]["number"] == 0
    assert len(steps[0]["values"]) == 8
    assert events[-1]["type"] == "state"
    record = json.loads((store.run_folder(run.id) / "result.json").read_text())
    assert steps[-1]["number"] == record["history"]["step"][-1], "the last step is always told"
    assert steps[-1]["chi2_dof"] == pytest.approx(run.chi2_dof)
    wait_for(lambda: heard[-1:] == events[-1:])


def test_outputs_name_files_as_people_do(jobs, store):
    project = small_project(store)
    run = ended(jobs, store, jobs.submit(project.id, project.description))
    folder = store.run_folder(run.id)
    names = {path.name for path in folder.iterdir()}
    assert names == {"result.json", "images.fits", "parameters.ecsv", "fit.yaml", "SHA256SUMS"}
    for name in ("result.json", "fit.yaml"):
        text = (folder / name).read_text()
        assert "galaxy.fits" in text
        assert str(store.data_dir) not in text


def test_the_seed_example_is_quick_from_click_to_result(jobs, store, tmp_path):
    project = import_fit(store, engine.write_example("seed", tmp_path), "Seed")
    began = time.monotonic()
    run = ended(jobs, store, jobs.submit(project.id, project.description))
    assert run.chi2_dof <= 1.0127
    assert time.monotonic() - began < 5, "1.5 s is the aim; a busy machine gets more"


def test_a_running_fit_stops_at_its_next_step_and_keeps_its_values(jobs, store):
    project = slow_project(store)
    run = jobs.submit(project.id, project.description)
    wait_for(lambda: stepped(jobs, run))
    jobs.cancel(run.id)
    jobs.cancel(run.id)
    run = ended(jobs, store, run)
    assert run.status is RunStatus.CANCELLED
    assert "best values so far are kept" in run.message
    record = json.loads((store.run_folder(run.id) / "result.json").read_text())
    assert record["status"] == "cancelled"
    assert len(record["values"]) == 43
    assert not (store.run_folder(run.id) / "cancel").exists()
    jobs.cancel(run.id)
    assert store.run(run.id) == run


def test_cancel_ends_a_fit_within_two_seconds(jobs, store):
    """From the click to the recorded end, values judged and written; a machine with too much to do gets longer."""
    project = small_project(store)
    took, allowed = [], []
    while len(took) < 3 and not any(a < b for a, b in zip(took, allowed, strict=True)):
        run = jobs.submit(project.id, project.description, "metropolis", {"draws": 400_000})
        wait_for(lambda run=run: stepped(jobs, run))
        began = time.monotonic()
        jobs.cancel(run.id)
        assert ended(jobs, store, run).status is RunStatus.CANCELLED
        took.append(time.monotonic() - began)
        allowed.append(2 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))
    assert took[-1] < allowed[-1], (took, allowed)


def test_a_hanging_fit_is_ended_with_its_worker(jobs, store, monkeypatch):
    monkeypatch.setattr(jobs.dispatcher, "cancel_grace", 0.05)
    slow, small = slow_project(store), small_project(store)
    run = jobs.submit(slow.id, slow.description)
    wait_for(lambda: stepped(jobs, run))
    before = {child.pid for child in multiprocessing.active_children()}
    for process in before:
        os.kill(process, signal.SIGSTOP)
    jobs.cancel(run.id)
    run = ended(jobs, store, run)
    assert run.status is RunStatus.CANCELLED
    assert "did not answer, so its worker was ended" in run.message
    wait_for(lambda: before.isdisjoint(child.pid for child in multiprocessing.active_children()))
    after = ended(jobs, store, jobs.submit(small.id, small.description))
    assert after.status is RunStatus.FINISHED


@pytest.mark.parametrize(
    ("fitter", "options", "change", "sentence"),
    [
        ("no such", {}, {}, "There is no fitter 'no such'"),
        ("lm", {"max_stepz": 3}, {}, "Did you mean max_steps?"),
        ("lm", {}, {"components": []}, "component"),
        ("lm", {}, {"nonsense": 1}, "nonsense"),
    ],
)
def test_bad_input_fails_with_a_sentence(jobs, store, fitter, options, change, sentence):
    project = small_project(store)
    run = ended(jobs, store, jobs.submit(project.id, {**project.description, **change}, fitter, options))
    assert run.status is RunStatus.FAILED
    assert sentence in run.message
    assert "Traceback" not in run.message
    assert not (store.run_folder(run.id) / "result.json").exists()


def test_a_broken_file_is_named_as_its_sender_did(jobs, store):
    project = project_with(store, galaxy(), components(48), name="broken.fits")
    image = store.files(project.id)[0]
    image.path.chmod(0o600)
    image.path.write_bytes(b"not what was sent")
    run = ended(jobs, store, jobs.submit(project.id, project.description))
    assert run.status is RunStatus.FAILED
    assert run.message == "broken.fits was changed or damaged on the server's disk. Upload it again."
    again = project_with(store, galaxy(), components(48))
    assert ended(jobs, store, jobs.submit(again.id, again.description)).converged, "and so it helps"


def test_what_the_page_forecasts_stands_in_the_queue(jobs, store):
    project = small_project(store)
    services = Services(store, jobs, Settings())

    async def start() -> list[str]:
        session = Session(services, project.id)
        await session.open()
        fitting = Fitting(services, session, lambda event: None)
        runs = await fitting.fit([("lm", {}), ("gradient", {"max_steps": 2})], [0.25, None])
        fitting.close()
        return runs

    known, unknown = asyncio.run(start())
    expected = {entry.id: entry.expected_seconds for entry in store.queue.entries(*RunStatus)}
    assert expected[known] == 0.25
    assert expected[unknown] == QUICK_SECONDS
    for run in (known, unknown):
        ended(jobs, store, store.run(run))


def test_a_deleted_file_is_told_at_once(jobs, store):
    project = small_project(store)
    store.delete_file(store.files(project.id)[0].id)
    with pytest.raises(StoreError, match="data is a file that was deleted"):
        jobs.submit(project.id, project.description)


def test_events_of_an_earlier_server_come_from_disk(jobs, store):
    project = small_project(store)
    run = ended(jobs, store, jobs.submit(project.id, project.description))
    jobs._hub._events.clear()
    events = jobs.events(run.id)
    assert events[0]["type"] == "step"
    assert events[-1]["status"] == "finished"
    assert events[-2]["chi2_dof"] == pytest.approx(run.chi2_dof)


def test_a_run_that_outlived_its_server_is_recorded(tmp_path):
    store = Store(tmp_path)
    project = small_project(store)
    jobs = Jobs(store, n_workers=1)
    run = ended(jobs, store, jobs.submit(project.id, project.description))
    jobs.close()
    orphan = store.create_run(project.id, project.description, "lm", {})
    store.advance_run(orphan.id, RunStatus.RUNNING)
    store.run_folder(run.id).rename(store.run_folder(orphan.id))
    jobs = Jobs(store, n_workers=1)
    try:
        found = ended(jobs, store, orphan)
    finally:
        jobs.close()
    assert found.status is RunStatus.FINISHED
    assert (found.chi2_dof, found.attempts) == (run.chi2_dof, 1)
    store.close()


def test_workers_of_another_scheduler_do_as_well(tmp_path):
    store = Store(tmp_path)  # of the other one, jobs with workers of their own may take the fit
    cluster = start_cluster(1, 1)
    jobs = Jobs(store, scheduler=cluster.scheduler_address, security=cluster.security)
    project = small_project(store)
    try:
        assert ended(jobs, store, jobs.submit(project.id, project.description)).converged
        assert jobs.workers == 1
    finally:
        jobs.close()
        assert len(cluster.workers) == 1, "they are not ours to stop"
        stop_cluster(cluster)
        store.close()


def test_a_scheduler_that_does_not_answer(store):
    with pytest.raises(JobsError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        Jobs(store, scheduler="tcp://127.0.0.1:9")


def test_a_queue_that_cannot_go_on_says_so(jobs, monkeypatch, caplog):
    monkeypatch.setattr(jobs.dispatcher, "_standstill", Standstill(1.0))
    go_on = threading.Event()
    assert jobs.trouble == ""
    jobs.dispatcher.later(go_on.wait)
    try:
        wait_for(lambda: jobs.trouble == STANDS_STILL)
        wait_for(lambda: "threading.py" in caplog.text)
    finally:
        go_on.set()
    wait_for(lambda: jobs.trouble == "")
