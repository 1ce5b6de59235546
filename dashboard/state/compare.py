"""What the page that compares runs shows, as its address says it, and the runs opened for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np
import param

import engine
from dashboard.figures.palettes import fitter_color
from dashboard.state.finished import Finished, finished
from dashboard.state.posterior import fitter_title, short_labels
from dashboard.state.runs import clock, kind_of, status_word
from dashboard.store import NotFound, Run, Store, StoreError
from engine.compare import (
    Blame,
    Comparison,
    blame,
    compare,
    deviations,
    differing_images,
    differing_weights,
    disagreement,
    draws_for_loo,
)
from engine.examples import true_values
from engine.outputs import plain

AXES = {"seconds": "seconds", "evaluations": "model evaluations, Jacobians included", "step": "steps"}
KINDS = ("residual", "model", "data")
MODES = ("tiles", "blink", "swipe")
TRUTH = "truth"
MOST_RUNS = 12
# What people call them; the others by their titles.
SHORT = {
    "lm": "LM",
    "nuts": "NUTS",
    "hmc": "HMC",
    "metropolis": "Metropolis",
    "gradient": "Gradient",
    "iterative": "Iterative",
    "iterative-parameters": "By parameters",
    "laplace": "Laplace",
    "elliptical": "Elliptical",
    "ensemble-hmc": "Ensemble HMC",
    "svi": "SVI",
    "scipy": "SciPy",
    "bootstrap": "Bootstrap",
}


class CompareState(param.Parameterized):
    """The choices of a person; each stands in the address unless it is the default."""

    runs = param.List([], doc="Ids of the runs, in the order they are shown.")
    reference = param.String(
        "", doc="Id of the run that the others are set against, truth, or none: the best."
    )
    axis: param.Selector[Any] = param.Selector(default="seconds", objects=list(AXES), doc="Of the race.")
    kind: param.Selector[Any] = param.Selector(
        default="residual", objects=list(KINDS), doc="Which image of each run."
    )
    mode: param.Selector[Any] = param.Selector(
        default="tiles", objects=list(MODES), doc="How the images stand side by side."
    )
    pixel = param.List([], doc="The pixel asked about, (x, y), or none.")
    project = param.String("", doc="Id of the project whose runs can be chosen.")

    def read(self, arguments: Mapping[str, Sequence[bytes]]) -> None:
        """Take over what an address says; what makes no sense is passed over."""
        said = {key: values[0].decode("utf-8", "replace") for key, values in arguments.items() if values}
        runs = [one for one in said.get("runs", "").split(",") if one]
        self.runs = list(dict.fromkeys(runs))[:MOST_RUNS]
        self.project = said.get("project", "")
        self.reference = said.get("reference", "")
        for name, known in (("axis", AXES), ("kind", KINDS), ("mode", MODES)):
            if said.get(name) in known:
                setattr(self, name, said[name])
        pixel = said.get("pixel", "").split(",")
        if len(pixel) == 2 and all(one.isdecimal() for one in pixel):
            self.pixel = [int(one) for one in pixel]

    def query(self) -> str:
        """The address from its question mark on."""
        said = {
            "runs": ",".join(self.runs),
            "project": "" if self.runs else self.project,
            "reference": self.reference,
            "axis": "" if self.axis == "seconds" else self.axis,
            "kind": "" if self.kind == "residual" else self.kind,
            "mode": "" if self.mode == "tiles" else self.mode,
            "pixel": ",".join(map(str, self.pixel)),
        }
        kept = {key: value for key, value in said.items() if value}
        return f"?{urlencode(kept, safe=',')}" if kept else "?"

    def choose(self, run_id: str, on: bool) -> None:
        """Take a run in at the end, or leave it out."""
        others = [one for one in self.runs if one != run_id]
        self.runs = [*others, run_id][-MOST_RUNS:] if on else others


@dataclass(frozen=True)
class Compared:
    """Ended runs on the same image, opened and compared.

    Attributes:
        ids: Of the runs, in order.
        labels: What they are called, one an id.
        found: Each run with its problem and result.
        comparison: What the engine says of them.
        models: Images by label, (row, column).
        truths: True values by parameter, of examples.
        caution: Why chi2 and criteria are not to be set against each other; "" where they are.
        missing: (label, reason) of runs that were chosen and cannot be shown.
    """

    ids: tuple[str, ...]
    labels: tuple[str, ...]
    found: tuple[Finished, ...]
    comparison: Comparison
    models: dict[str, np.ndarray]
    truths: dict[str, float]
    caution: str
    missing: tuple[tuple[str, str], ...]

    @property
    def problem(self) -> engine.Problem:
        """The first run's, for the image and its noise."""
        return self.found[0].problem

    @property
    def problems(self) -> dict[str, engine.Problem]:
        """What each run fitted, by label."""
        return {label: one.problem for label, one in zip(self.labels, self.found, strict=True)}

    @property
    def results(self) -> dict[str, engine.FitResult]:
        """What each came to, by label."""
        return {label: one.result for label, one in zip(self.labels, self.found, strict=True)}

    def disagreement(self) -> np.ndarray | None:
        """Scatter of the models over the noise, (row, column); None for fewer than two runs."""
        return disagreement(self.problem, self.models) if len(self.labels) > 1 else None

    def blame(self, x: int, y: int) -> Blame:
        """Which parameters make the models differ in a pixel; engine.FitterError where there is no such pixel."""
        return blame(self.problems, self.results, self.models, x, y)


class NothingToCompare(Exception):
    """The chosen runs cannot be set side by side; the text says why."""


def open_runs(store: Store, run_ids: Sequence[str]) -> Compared:
    """Open and compare ended runs. Reads files and renders: call it on a thread.

    NothingToCompare where none of them left values, or they are not on the same image.
    """
    names = run_labels(store, run_ids)
    found: dict[str, Finished] = {}
    missing: list[tuple[str, str]] = []
    for run_id in run_ids:
        try:
            found[run_id] = finished(store, run_id)
        except (StoreError, engine.EngineError) as error:
            missing.append((names.get(run_id, run_id), str(error)))
    if not found:
        reasons = " ".join(f"{label}: {reason}" for label, reason in missing)
        raise NothingToCompare(reasons or "Tick two runs to compare them.")
    labels = [names[run_id] for run_id in found]
    problems = {label: one.problem for label, one in zip(labels, found.values(), strict=True)}
    results = {label: one.result for label, one in zip(labels, found.values(), strict=True)}
    sentence = differing_images(problems)
    if sentence:
        raise NothingToCompare(sentence)
    return Compared(
        ids=tuple(found),
        labels=tuple(labels),
        found=tuple(found.values()),
        comparison=compare(problems, results),
        models={label: problems[label].render(results[label].values) for label in labels},
        truths=true_values(next(iter(problems.values()))),
        caution=differing_weights(problems),
        missing=tuple(missing),
    )


def run_labels(store: Store, run_ids: Iterable[str]) -> dict[str, str]:
    """What to call each run: its fitter, and its number in the project where a fitter comes twice."""
    runs = {}
    for run_id in run_ids:
        try:
            runs[run_id] = store.run(run_id)
        except NotFound:
            continue
    fitters = [run.fitter for run in runs.values()]
    titles = {project: store.project(project).title for project in {run.project_id for run in runs.values()}}
    names: dict[str, str] = {}
    for run_id, run in runs.items():
        name = label(run.fitter)
        if fitters.count(run.fitter) > 1:
            name += f" {run.number}"
        # Runs of two projects may have the same number.
        names[run_id] = f"{name} of {titles[run.project_id]}" if name in names.values() else name
    return names


def loo_refusals(compared: Compared) -> list[str]:
    """Why LOO cannot be estimated, one sentence for each run that has draws and too few of them."""
    found = [
        (label, result, draws_for_loo(compared.problems[label], result))
        for label, result in compared.results.items()
    ]
    return [
        f"{label}: {answer}"
        for label, result, answer in found
        if result.draws is not None and isinstance(answer, str)
    ]


def label(fitter: str) -> str:
    """Short name of a fitter."""
    return SHORT.get(fitter, fitter_title(fitter))


def table_rows(compared: Compared) -> list[dict[str, Any]]:
    """One dict a parameter: values, uncertainties, tensions to each run and to the truth, as plain numbers."""
    found, tension = compared.comparison.aligned, compared.comparison.tension
    symbols: dict[str, str] = {}
    for problem in compared.problems.values():
        symbols |= short_labels(problem)
    off = deviations(found, compared.truths)
    rows = []
    for at, name in enumerate(found.names):
        rows.append(
            plain(
                {
                    "name": name,
                    "label": symbols.get(name, name),
                    "unit": found.units[at],
                    "values": found.values[:, at],
                    "uncertainties": found.uncertainties[:, at],
                    "tension": tension[at],
                    "truth": compared.truths.get(name),
                    "from_truth": off[:, at],
                }
            )
        )
    return rows


def choice_rows(runs: Sequence[Run], chosen: Sequence[str]) -> list[dict[str, Any]]:
    """One dict a run that can be ticked, the newest first."""
    return [
        {
            "id": run.id,
            "title": label(run.fitter),
            "number": run.number,
            "color": fitter_color(run.fitter),
            "when": clock(run.created),
            "kind": kind_of(run.status, run.converged),
            "word": status_word(run),
            "chi2_dof": "" if run.chi2_dof is None else f"{run.chi2_dof:.4f}",
            "chosen": run.id in chosen,
            "starred": run.starred,
            "tags": list(run.tags),
        }
        for run in runs
    ]
