"""Everything the page of an ended run needs, opened on a thread; and what is computed from it when looked at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import engine
from dashboard.figures.densities import unwrapped
from dashboard.figures.posterior_view import PosteriorView
from dashboard.state.finished import finished
from dashboard.state.posterior import posterior_views, short_labels
from dashboard.state.run_page import comparable
from dashboard.store import Project, Run, Store, StoreError
from engine.examples import true_values

MOST_RENDERED = 60


@dataclass(frozen=True)
class RunOpened:
    """A run that left values.

    Attributes:
        run: Its record in the store.
        project: Whose run it is.
        problem: What was fitted.
        result: What came of it.
        record: Its result.json, for what the result does not hold, such as derived quantities.
        labels: Short name of each parameter.
        truths: True values by parameter, of examples.
        others: Runs that may be laid over.
    """

    run: Run
    project: Project
    problem: engine.Problem
    result: engine.FitResult
    record: dict[str, Any]
    labels: dict[str, str]
    truths: dict[str, float]
    others: list[Run]

    @property
    def draws(self) -> np.ndarray:
        """(chain, draw, parameter), angles unwrapped around their mean. For results with draws."""
        assert self.result.draws is not None
        return unwrapped(self.result.draws, self.problem.space.period)

    def model_of(self, numbers: np.ndarray) -> np.ndarray:
        """Mean model image of draws by their number (all chains in a row), of at most 60 of them."""
        assert self.result.draws is not None
        flat = self.result.draws.reshape(-1, len(self.result.names))
        chosen = numbers[np.linspace(0, len(numbers) - 1, min(len(numbers), MOST_RENDERED)).astype(int)]
        return np.asarray(sum(self.problem.render(flat[number]) for number in chosen) / len(chosen))


def open_run(store: Store, run_id: str) -> RunOpened:
    """Open an ended run. Reads files: call it on a thread. Raises what :func:`finished` raises."""
    found = finished(store, run_id)
    record = json.loads((store.run_folder(run_id) / "result.json").read_text(encoding="utf-8"))
    return RunOpened(
        run=found.run,
        project=store.project(found.run.project_id),
        problem=found.problem,
        result=found.result,
        record=record,
        labels=short_labels(found.problem),
        truths=true_values(found.problem),
        others=comparable(found.run, store.runs(found.run.project_id)),
    )


def views_of(store: Store, opened: RunOpened, overlays: Sequence[str]) -> list[PosteriorView]:
    """The run's posterior, then those laid over it; runs that cannot be read any more are left out."""
    runs = [(opened.problem, opened.result)]
    for run_id in overlays:
        try:
            other = finished(store, run_id)
        except (engine.EngineError, StoreError):
            continue
        runs.append((other.problem, other.result))
    return posterior_views(runs)
