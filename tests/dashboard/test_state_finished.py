"""An ended run opened again: its problem and its result."""

import pytest

import engine
from dashboard.state.finished import finished
from dashboard.store import RunStatus, Store, StoreError
from tests.dashboard.fits import small_project


def test_an_ended_run_opens_with_its_problem(store: Store) -> None:
    project = small_project(store)
    run = store.create_run(project.id, project.description or {}, "lm", {})
    with pytest.raises(StoreError, match="has no values"):
        finished(store, run.id)
    problem = engine.load(store.resolved_description(project))
    engine.write_run(store.run_folder(run.id), problem, engine.fit(problem, "lm"))
    store.advance_run(run.id, RunStatus.RUNNING)
    store.advance_run(run.id, RunStatus.FINISHED, message="Converged.")
    opened = finished(store, run.id)
    assert opened.run.status is RunStatus.FINISHED
    assert opened.problem.chi2(opened.result.values) == pytest.approx(opened.result.chi2)
