"""An ended run as the engine knows it: the problem it was about and the result it came to."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import engine
from dashboard.store import Run, Store, StoreError

# A problem holds an image of its own: a handful, so that pages of the same runs share them.
_KEPT = 16


@dataclass(frozen=True)
class Finished:
    """A run that left values.

    Attributes:
        run: Its record in the store.
        problem: What was fitted, at the start values of the run.
        result: What came of it, draws included.
    """

    run: Run
    problem: engine.Problem
    result: engine.FitResult


def finished(store: Store, run_id: str) -> Finished:
    """Open an ended run. Reads files: call it on a thread.

    NotFound when there is no such run; StoreError when it has not ended or left no values, or its image was
    deleted; engine.EngineError when a file can no longer be read.
    """
    run = store.run(run_id)
    if not (store.run_folder(run.id) / "result.json").is_file():
        wait = "" if run.status.ended else " Wait for it to end."
        raise StoreError(f"This run has no values: {run.message or run.status}{wait}")
    # One copy for all who may see it.
    problem, result = _open(store.whole, run_id)
    return Finished(run, problem, result)


@functools.lru_cache(maxsize=_KEPT)
def _open(store: Store, run_id: str) -> tuple[engine.Problem, engine.FitResult]:
    run = store.run(run_id)
    problem = engine.load(store.resolved_description(run.project_id, run.description), device="cpu")
    return problem, engine.read_run(store.run_folder(run_id))
