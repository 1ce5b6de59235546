"""How a worker leaves a fit, whenever it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import engine
from dashboard.jobs import Limits, endings, worker
from dashboard.jobs.job import job_of
from dashboard.jobs.keeper import CHECKPOINT, Keeper
from dashboard.jobs.watch import Reason, Watch, claim, unclaim
from dashboard.store import Run, Store
from dashboard.store.results import SUMS
from tests.dashboard.fits import small_project


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "data")) as store:
        yield store


@pytest.fixture
def run(store: Store, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run to be carried out in this process, where no scheduler hears of it."""
    monkeypatch.setattr(worker, "_sender", lambda _: lambda event: None)
    project = small_project(store)
    return store.create_run(project.id, project.description or {}, "lm", {})


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize(("reason", "status"), [(Reason.LEAVE, worker.LEFT), (Reason.REPLACED, worker.LOST)])
def test_a_fit_that_is_left_as_it_asks_whether_to_stop_has_no_result(
    store: Store, run: Run, monkeypatch: pytest.MonkeyPatch, reason: Reason, status: str, steps: int
) -> None:
    asked = 0

    def told_now(watch: Watch) -> bool:
        nonlocal asked
        asked += 1
        if asked == steps:
            watch.reason = reason
        return watch.reason is not None

    monkeypatch.setattr(Watch, "should_stop", told_now)
    outcome = worker.run_fit(job_of(store, run, Limits(), 1, gpu=False))
    assert outcome["status"] == status
    folder = store.run_folder(run.id)
    assert not (folder / "result.json").exists(), "the next worker would take it for the end"
    assert endings.kept_step(folder) == (steps - 1 if reason is Reason.LEAVE else None)


def test_a_fit_that_is_cancelled_keeps_what_it_has(
    store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Watch, "should_stop", lambda watch: True)
    outcome = worker.run_fit(job_of(store, run, Limits(), 1, gpu=False))
    assert outcome["status"] == "cancelled"
    assert (store.run_folder(run.id) / "result.json").exists()


def test_a_fit_that_was_given_to_another_process_as_it_ended_writes_nothing(
    store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, fit = job_of(store, run, Limits(), 1, gpu=False), engine.fit
    folder = store.run_folder(run.id)

    def given_up(*arguments: Any, **named: Any) -> engine.FitResult:
        result = fit(*arguments, **named)
        unclaim(folder, job["attempt"])
        return result

    monkeypatch.setattr(worker.engine, "fit", given_up)
    assert worker.run_fit(job)["status"] == worker.LOST
    assert list(folder.iterdir()) == []


def test_a_process_that_was_given_up_writes_no_checkpoint(store: Store, run: Run) -> None:
    folder = store.run_folder(run.id)
    problem = engine.load(job_of(store, run, Limits(), 1, gpu=False)["description"])
    assert claim(folder, 1)
    keeper = Keeper(folder, problem, 0.0, 1)
    steps: list[engine.Step] = []
    engine.fit(problem, "lm", max_steps=1, on_step=steps.append)
    keeper(steps[-1])
    assert (folder / CHECKPOINT).exists()
    (folder / CHECKPOINT).unlink()
    assert claim(folder, 2), "another process goes on"
    keeper(steps[-1])
    assert not (folder / CHECKPOINT).exists(), "what the other has kept is further on"


def test_a_run_that_is_complete_is_not_fitted_again(
    store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(store, run, Limits(), 1, gpu=False)
    first = worker.run_fit(job)
    folder = store.run_folder(run.id)
    hashes = (folder / SUMS).read_text()
    (folder / SUMS).unlink()  # as if the process had been killed just before
    monkeypatch.setattr(worker, "_fit", lambda job: pytest.fail("fitted again"))
    again = worker.run_fit({**job, "attempt": 2})
    assert again == {**first, "last_step": None}
    assert (folder / SUMS).read_text() == hashes
