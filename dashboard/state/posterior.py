"""Ended runs as posteriors to be drawn: labels, colors, angles, true values where an example tells them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import engine
from dashboard.figures.palettes import fitter_color
from dashboard.figures.posterior_view import PosteriorView
from engine import fitters

# As astronomers write them; the component's name stands before.
SYMBOLS = {
    "center.x": "x",
    "center.y": "y",
    "axis_ratio": "q",
    "position_angle": "PA",
    "radius_e": "Rₑ",
    "intensity_e": "Iₑ",
    "intensity": "I",
    "n": "n",
}
DASHES = ("solid", "dashed", "dotted", "dotdash")


def posterior_view(
    problem: engine.Problem, result: engine.FitResult, label: str = "", dash: str = "solid"
) -> PosteriorView:
    """What a run says of its parameters: its draws, or the Gaussian of its covariance."""
    diverging = result.sample_stats.get("diverging")
    period = dict(zip(problem.names, problem.space.period, strict=True))
    return PosteriorView(
        label=label or fitter_title(result.fitter),
        color=fitter_color(result.fitter),
        names=tuple(result.names),
        mean=result.values,
        covariance=result.covariance,
        period=np.array([period.get(name, np.nan) for name in result.names]),
        draws=result.draws,
        diverging=None if diverging is None else diverging.astype(bool),
        dash=dash,
    )


def posterior_views(runs: Sequence[tuple[engine.Problem, engine.FitResult]]) -> list[PosteriorView]:
    """The same for several runs; those of one fitter are numbered and dashed."""
    seen: dict[str, int] = {}
    found = []
    for problem, result in runs:
        count = seen[result.fitter] = seen.get(result.fitter, 0) + 1
        label = fitter_title(result.fitter) + (f" ({count})" if count > 1 else "")
        found.append(posterior_view(problem, result, label, DASHES[(count - 1) % len(DASHES)]))
    return found


def fitter_title(key: str) -> str:
    """Name of a fitter on screen; of chains and unknown ones, the key."""
    kind = fitters.registry().get(key)
    return str(kind.title) if kind is not None else key


def short_labels(problem: engine.Problem) -> dict[str, str]:
    """What to call each free parameter on an axis."""
    return {
        parameter.key: f"{parameter.component} {SYMBOLS.get(parameter.name, parameter.label)}"
        for parameter in problem.parameters
    }
