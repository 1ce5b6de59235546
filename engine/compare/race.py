"""Who came first within delta chi2 = 1 of the best, by steps, by evaluations and by seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.results import FitResult

# One parameter's one-sigma interval is where chi2 rises by this.
GOAL = 1.0
AXES = ("step", "evaluations", "seconds")
MEDALS = ("gold", "silver", "bronze")

Column = Sequence[float | str | bool | None]


@dataclass(frozen=True)
class Finish:
    """When one run came within the goal.

    Attributes:
        label: Of the run.
        excess: Of its lowest chi2 over the lowest of all.
        step: First step within the goal; None where it never was, as are the next two.
        evaluations: Model evaluations until then, each Jacobian counted as one.
        seconds: Until then.
        medals: gold, silver or bronze, by axis ("step", "evaluations", "seconds").
    """

    label: str
    excess: float
    step: float | None
    evaluations: float | None
    seconds: float | None
    medals: dict[str, str]

    @property
    def arrived(self) -> bool:
        """Whether it ever came within the goal."""
        return self.step is not None


def track(history: Mapping[str, Column], dof: int) -> dict[str, np.ndarray]:
    """Return a run's history as step, evaluations (Jacobians included), seconds and chi2, each (step,).

    Rows without a number are left out.
    """
    columns = {
        name: np.array(history.get(name) or [], dtype=float)
        for name in ("step", "seconds", "evaluations", "jacobians", "chi2_dof")
    }
    kept = np.isfinite(np.array(list(columns.values()))).all(axis=0)
    return {
        "step": columns["step"][kept],
        "evaluations": (columns["evaluations"] + columns["jacobians"])[kept],
        "seconds": columns["seconds"][kept],
        "chi2": columns["chi2_dof"][kept] * dof,
    }


def race(results: Mapping[str, FitResult], goal: float = GOAL) -> list[Finish]:
    """Return when each run first came within ``goal`` of the lowest chi2 that any of them reached.

    Samplers that start with a fit have its steps in their history and are judged by them too.

    Args:
        results: By label, all on the same data.
        goal: In chi2.
    """
    tracks = {label: track(result.history, result.dof) for label, result in results.items()}
    return finishes(tracks, goal, {label: result.chi2 for label, result in results.items()})


def finishes(
    tracks: Mapping[str, Mapping[str, np.ndarray]],
    goal: float = GOAL,
    ends: Mapping[str, float] | None = None,
) -> list[Finish]:
    """The same from tracks, for runs that may still be going on; ``ends`` are further chi2 values."""
    lows = {
        label: min([*(one for one in own["chi2"]), (ends or {}).get(label, np.inf)], default=np.inf)
        for label, own in tracks.items()
    }
    best = min((low for low in lows.values() if np.isfinite(low)), default=np.nan)
    firsts: dict[str, dict[str, float]] = {}
    for label, own in tracks.items():
        within = np.flatnonzero(own["chi2"] <= best + goal)
        if within.size:
            firsts[label] = {axis: float(own[axis][within[0]]) for axis in AXES}
    medals: dict[str, dict[str, str]] = {label: {} for label in tracks}
    for axis in AXES:
        places = sorted({first[axis] for first in firsts.values()})
        for label, first in firsts.items():
            # Who arrives together shares the medal, and the next one gets that of its place.
            place = sum(other[axis] < first[axis] for other in firsts.values())
            if place < len(MEDALS) and len(places) > 1:
                medals[label][axis] = MEDALS[place]
    return [
        Finish(
            label=label,
            excess=float(lows[label] - best),
            medals=medals[label],
            **{axis: firsts[label][axis] if label in firsts else None for axis in AXES},
        )
        for label in tracks
    ]
