"""A fit's way so far, kept on disk, so that one whose process ends can go on from there."""

from __future__ import annotations

import json
import math
import os
import secrets
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.outputs import plain
from engine.problem import Problem
from engine.results import Drawn, FitResult, Status, Step

Columns = dict[str, list[float | str | bool | None]]
# A sampler has to keep so many draws at least.
_FEWEST = 4
_STAT = "stat:"


@dataclass(frozen=True)
class Checkpoint:
    """Where a fit stood.

    Attributes:
        names: Free parameters, in the order of all vectors here.
        step: The last one, counted from the fit's very start.
        history: Columns of the steps so far.
        drawn: Of a sampler, the draws so far; None before the first and for optimizers.
    """

    names: list[str]
    step: Step
    history: Columns = field(default_factory=dict)
    drawn: Drawn | None = None

    def resume(self, problem: Problem) -> Step | FitResult:
        """Return what :func:`engine.fit` takes to go on from here: the step, or a result with the draws so far."""
        if self.drawn is None or self.drawn.draws.shape[1] < _FEWEST:
            return self.step
        free = len(self.names)
        return FitResult(
            status=Status.CANCELLED,
            message=Status.CANCELLED.value,
            chi2=self.step.chi2,
            dof=problem.dof,
            names=self.names,
            values=self.step.values,
            uncertainties=np.full(free, np.nan),
            covariance=np.full((free, free), np.nan),
            at_bounds=[],
            all_values=problem.all_values(self.step.values),
            seconds=self.step.seconds,
            evaluations=self.step.evaluations,
            jacobians=self.step.jacobians,
            history=self.history,
            fitter="",
            options={},
            draws=self.drawn.draws,
            sample_stats=self.drawn.sample_stats,
        )

    def remaining(self, fitter: str, options: Mapping[str, Any], default: int) -> dict[str, Any]:
        """Return the options with the number of draws that are still to be made.

        Args:
            fitter: Name; of several joined by +, the last makes the draws and has options by its name.
            options: As for the whole fit.
            default: Draws of the sampler where the options do not say.
        """
        if self.drawn is None or self.drawn.draws.shape[1] < _FEWEST:
            return dict(options)
        last = fitter.split("+")[-1]
        own = dict(options.get(last, {})) if "+" in fitter else dict(options)
        own["draws"] = max(_FEWEST, int(own.get("draws", default)) - self.drawn.draws.shape[1])
        return {**options, last: own} if "+" in fitter else own


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the file in one move, so that a reader finds the one before or this one; OSError where it cannot."""
    step = checkpoint.step
    text = json.dumps(
        plain(
            {
                "names": checkpoint.names,
                "step": {
                    "number": step.number,
                    "chi2": step.chi2,
                    "chi2_dof": step.chi2_dof,
                    "seconds": step.seconds,
                    "evaluations": step.evaluations,
                    "jacobians": step.jacobians,
                    "info": step.info,
                },
                "history": checkpoint.history,
            }
        )
    )
    arrays = {"values": step.values}
    if checkpoint.drawn is not None:
        arrays["draws"] = checkpoint.drawn.draws
        arrays |= {f"{_STAT}{name}": values for name, values in checkpoint.drawn.sample_stats.items()}
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        with temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, text=np.array(text), **arrays)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_checkpoint(path: Path) -> Checkpoint | None:
    """Return the checkpoint of a file; None where there is none, or none that can be read."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as found:
            record = json.loads(str(found["text"]))
            figures = record["step"]
            for name in ("chi2", "chi2_dof"):  # JSON has no infinity
                figures[name] = math.inf if figures[name] is None else figures[name]
            figures["info"] = {name: one for name, one in figures["info"].items() if one is not None}
            step = Step(values=np.asarray(found["values"], dtype=float), **figures)
            drawn = None
            if "draws" in found:
                stats = {
                    name.removeprefix(_STAT): found[name] for name in found.files if name.startswith(_STAT)
                }
                drawn = Drawn(found["draws"], stats)
            return Checkpoint(record["names"], step, record["history"], drawn)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def joined(before: Checkpoint | None, result: FitResult, options: Mapping[str, object]) -> FitResult:
    """Return the result of a fit that went on from a checkpoint as one of the whole: its history, costs, options.

    Args:
        before: Where it went on from; None gives the result as it is.
        result: Of the later part.
        options: Those of the whole fit.
    """
    if before is None:
        return result
    note = f"The process of this fit ended at step {before.step.number}; it went on from there in another."
    return replace(
        result,
        history=appended(before, result.history),
        seconds=before.step.seconds + result.seconds,
        evaluations=before.step.evaluations + result.evaluations,
        jacobians=before.step.jacobians + result.jacobians,
        options={**result.options, **options},
        notes=(*result.notes, note),
    )


def appended(before: Checkpoint, history: Columns) -> Columns:
    """Return the columns of a checkpoint's steps and of those after it, counted through."""
    length, more = len(before.history.get("step", [])), len(history.get("step", []))
    offsets = {
        # The first step after a checkpoint is the checkpoint's own.
        "step": before.step.number,
        "seconds": before.step.seconds,
        "evaluations": before.step.evaluations,
        "jacobians": before.step.jacobians,
    }
    columns: Columns = {}
    for name in dict.fromkeys([*before.history, *history]):
        later = history.get(name, [None] * more)
        if name in offsets:
            later = [offsets[name] + float(value or 0) for value in later]
            if name != "seconds":
                later = [int(float(value or 0)) for value in later]
        columns[name] = [*before.history.get(name, [None] * length), *later[1:]]
    return columns
