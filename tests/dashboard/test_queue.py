"""The queue on SQLite and on Postgres: what the database is asked, and a dispatcher and its worker above it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboard.jobs import Jobs
from dashboard.store import NotAllowed, Role, RunStatus, Store, Who
from tests.dashboard.fits import slow_project, small_project
from tests.dashboard.test_faults import LONG, OFTEN, signal_workers, start_sampling
from tests.dashboard.waiting import SECONDS, ended, stepped, wait_for


@pytest.fixture
def empty(tmp_path: Path, database: str) -> Iterator[Store]:
    with closing(Store(tmp_path / "data", database)) as store:
        yield store


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store of each kind for all tests with a worker."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    with closing(Store(tmp_path_factory.mktemp("data"), url)) as store:
        yield store


@pytest.fixture(scope="module")
def jobs(store: Store) -> Iterator[Jobs]:
    jobs = Jobs(store, n_workers=1, limits=OFTEN, cancel_grace=SECONDS)
    jobs.wait_until_warm(SECONDS)
    yield jobs
    jobs.close()


# --- what the database is asked


def test_what_waits_and_what_runs_comes_oldest_first_and_to_each_their_own(empty):
    ann, bob = (
        empty.seen_by(Who(account=empty.accounts.add(name, role=Role.USER))) for name in ("ann", "bob")
    )
    runs = [
        who.create_run(who.create_project(title).id, {}, fitter, {}, expected_seconds=2.5, device="cpu")
        for who, title, fitter in ((ann, "M 31", "lm"), (bob, "M 51", "nuts"), (ann, "M 101", "hmc"))
    ]
    empty.advance_run(runs[1].id, RunStatus.RUNNING)
    empty.advance_run(runs[2].id, RunStatus.CANCELLED)
    found = empty.queue.entries()
    assert [one.id for one in found] == [runs[0].id, runs[1].id]
    assert [one.project for one in found] == ["M 31", "M 51"]
    assert [one.account_id for one in found] == [ann.who.id, bob.who.id]
    assert [one.created for one in found] == [run.created for run in runs[:2]], "with their zone"
    assert (found[0].started, found[0].attempts, found[1].attempts) == (None, 0, 1)
    assert (found[0].expected_seconds, found[0].device) == (2.5, "cpu")
    assert [one.id for one in empty.queue.entries(RunStatus.CANCELLED)] == [runs[2].id]
    assert [one.id for one in ann.queue.entries()] == [runs[0].id]
    assert [empty.queue.waiting_of(who.who.id) for who in (ann, bob)] == [1, 0]
    with pytest.raises(NotAllowed, match="Only the server itself does this"):
        bob.queue.waiting_of(ann.who.id)


def test_time_on_workers_is_told_from_when_it_was_used(empty):
    project = empty.create_project("test").id
    early, late, going, _ = (empty.create_run(project, {}, "lm", {}) for _ in range(4))
    for run in (early, late, going):
        empty.advance_run(run.id, RunStatus.RUNNING)
    over = empty.advance_run(early.id, RunStatus.FINISHED)
    between = datetime.now(UTC)
    took = empty.advance_run(late.id, RunStatus.FAILED)
    everything = sorted(empty.queue.used_since(between - timedelta(hours=1)), key=lambda one: one[1])
    assert [(who, ends) for who, _, ends in everything] == [
        ("", over.finished),
        ("", took.finished),
        ("", None),
    ]
    assert [begins for _, begins, _ in everything] == [
        empty.run(run.id).started for run in (early, late, going)
    ]
    since = empty.queue.used_since(between)
    assert {ends for _, _, ends in since} == {took.finished, None}, "what ended before is left out"
    assert empty.queue.used_since(between + timedelta(hours=1)) == [("", empty.run(going.id).started, None)]
    assert empty.queue.usual_seconds(project, "lm") == over.seconds, "of those that came to their end"
    assert empty.queue.usual_seconds(project, "nuts") is None


def test_an_attempt_that_was_not_the_fits_doing_is_given_back(empty):
    run = empty.create_run(empty.create_project("test").id, {}, "lm", {})
    counted = []
    for theirs in (False, True, True):
        counted.append(empty.advance_run(run.id, RunStatus.RUNNING).attempts)
        empty.advance_run(run.id, RunStatus.QUEUED, **({} if theirs else {"attempts": counted[-1] - 1}))
    assert counted == [1, 1, 2]


def test_many_who_submit_at_once_get_a_number_each(empty):
    project = empty.create_project("test").id
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: empty.create_run(project, {}, "lm", {}), range(24)))
    assert sorted(run.number for run in runs) == list(range(1, 25))
    assert len(empty.queue.entries()) == 24


# --- a dispatcher and its worker


def test_two_people_take_turns_however_many_fits_one_has(jobs, store):
    ann, bob = (
        store.seen_by(Who(account=store.accounts.add(name, role=Role.ADMIN))) for name in ("ann", "bob")
    )
    slow, small = slow_project(store), small_project(store)
    first = jobs.submit(slow.id, slow.description)
    wait_for(lambda: stepped(jobs, first))
    of = {
        jobs.submit(small.id, small.description, "lm", {}, store=who, seconds=1.0).id: name
        for who, name in [(ann, "ann")] * 5 + [(bob, "bob")] * 2
    }
    assert "".join(of[one][0] for one in jobs.dispatcher.order()) == "ababaaa"
    jobs.cancel(first.id)
    runs = [ended(jobs, store, store.run(one)) for one in of]
    assert {run.status for run in runs} == {RunStatus.FINISHED}
    began = [of[run.id] for run in sorted(runs, key=lambda run: run.started)]
    assert began[:2] == ["ann", "bob"], "who came second has had nothing yet"
    assert began.index("bob", 2) < len(began) - 1, "and does not wait for all of the other's"


def test_a_waiting_fit_is_cancelled_at_once(jobs, store):
    slow, small = slow_project(store), small_project(store)
    first = jobs.submit(slow.id, slow.description)
    second = jobs.submit(small.id, small.description)
    third = jobs.submit(small.id, small.description)
    wait_for(lambda: stepped(jobs, first))
    assert store.run(second.id).status is RunStatus.QUEUED
    jobs.cancel(second.id)
    assert ended(jobs, store, second).status is RunStatus.CANCELLED
    assert store.run(first.id).status is RunStatus.RUNNING
    jobs.cancel(first.id)
    assert ended(jobs, store, third).status is RunStatus.FINISHED, "the queue goes on"


def test_a_fit_whose_worker_is_killed_goes_on_from_its_checkpoint(jobs, store):
    run = start_sampling(jobs, store)
    small = small_project(store)
    waiting = jobs.submit(small.id, small.description)
    signal_workers(signal.SIGKILL)
    wait_for(lambda: store.run(run.id).attempts == 2 or store.run(run.id).status is RunStatus.QUEUED)
    run = ended(jobs, store, run)
    assert run.status is RunStatus.FINISHED, run.message
    assert run.attempts == 2
    messages = [event["message"] for event in jobs.events(run.id) if event["type"] == "state"]
    assert any(
        "The worker process ended in the middle of this fit. It goes on from its last checkpoint" in one
        and "attempt 2 of 2" in one
        for one in messages
    )
    record = json.loads((store.run_folder(run.id) / "result.json").read_text())
    assert record["options"]["draws"] == LONG["draws"]
    assert any("are from the run that this one goes on from" in note for note in record["notes"])
    assert record["history"]["step"] == sorted(record["history"]["step"]), "counted through"
    assert ended(jobs, store, waiting).status is RunStatus.FINISHED, "and nobody else is harmed"
    assert {path.name for path in store.run_folder(run.id).iterdir()} == {
        "result.json",
        "images.fits",
        "parameters.ecsv",
        "fit.yaml",
        "draws.nc",
        "SHA256SUMS",
    }


def test_a_new_server_goes_on_with_what_ran_and_what_waited(empty):
    project = small_project(empty)
    running = empty.create_run(project.id, project.description, "lm", {})
    empty.advance_run(running.id, RunStatus.RUNNING)
    waiting = empty.create_run(project.id, project.description, "lm", {})
    jobs = Jobs(empty, n_workers=1)
    try:
        assert ended(jobs, empty, running).status is RunStatus.FINISHED
        assert empty.run(running.id).attempts == 2
        assert ended(jobs, empty, waiting).status is RunStatus.FINISHED
        # In small steps: a server that stops waits only some seconds for the one that a fit is in.
        last = jobs.submit(project.id, project.description, "metropolis", {**LONG, "draws": 20_000})
        wait_for(lambda: stepped(jobs, last))  # else the short one, behind it, would pass it
        behind = jobs.submit(project.id, project.description)
    finally:
        jobs.close()
        jobs.close()
    assert empty.run(last.id).status is RunStatus.QUEUED
    assert empty.run(last.id).attempts == 0, "stopping the server is not the fit's doing"
    assert "goes on from where it was" in empty.run(last.id).message
    assert (empty.run_folder(last.id) / ".checkpoint.npz").exists()
    assert empty.run(behind.id).status is RunStatus.QUEUED
    jobs = Jobs(empty, n_workers=1)
    try:
        wait_for(lambda: stepped(jobs, last))
        assert empty.run(last.id).attempts == 1, (
            "the new server's worker takes the attempt that was given back"
        )
    finally:
        jobs.close()
