"""What fitters did and where they ended: histories, races, chains, distances from the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.colors import fitter_color
from engine.plots.picture import INK, QUIET, Picture, picture, style
from engine.problem import Problem
from engine.results import FitResult


def history(result: FitResult, columns: Sequence[str] = ()) -> Picture:
    """Draw chi2_dof against step, and below it further columns of the history on logarithmic axes."""
    with style():
        color = fitter_color(result.fitter)
        figure, axes = picture(1 + len(columns), 1, (7.4, 2.3 + 1.4 * len(columns)), sharex=True)
        steps = _numbers(result.history["step"])
        taken = np.array([flag is not False for flag in result.history.get("accepted", [True] * len(steps))])
        marked = len(steps) <= 60
        for place, name in zip(axes[:, 0], ("chi2_dof", *columns), strict=True):
            values = _numbers(result.history[name])
            place.plot(steps, values, color=color, lw=1.6, marker="o" if marked else "", ms=4)
            if marked and (~taken).any():
                label = "step refused"
                place.plot(steps[~taken], values[~taken], "o", ms=5, mfc="white", mec=color, label=label)
            place.set_ylabel("χ²/dof" if name == "chi2_dof" else name.replace("_", " "))
            _logarithmic(place, values)
        if (~taken).any() and marked:
            axes[0, 0].legend(loc="upper right")
        axes[-1, 0].set_xlabel("step")
    return figure


def race(results: Mapping[str, FitResult]) -> Picture:
    """Draw chi2_dof above the lowest of all against seconds, a line a fit, both axes logarithmic."""
    with style():
        figure, axes = picture(1, 1, (7.4, 3.4))
        place = axes[0, 0]
        lowest = min(
            float(np.nanmin(_numbers(result.history["chi2_dof"])))
            for result in results.values()
            if result.history
        )
        for label, result in results.items():
            seconds = np.maximum(_numbers(result.history["seconds"]), 1e-3)
            above = np.maximum(_numbers(result.history["chi2_dof"]) - lowest, 1e-7)
            place.plot(seconds, above, color=fitter_color(result.fitter), lw=1.6, label=label)
            place.plot(seconds[-1:], above[-1:], "o", color=fitter_color(result.fitter), ms=5)
        place.set(xscale="log", yscale="log", xlabel="seconds", ylabel="χ²/dof above the lowest")
        place.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def chains(problem: Problem, result: FitResult, name: str) -> Picture:
    """Draw one parameter of each chain against draw number, and the distribution in each beside it.

    Raises ValueError for a result without draws.
    """
    draws = _draws(result)[:, :, result.names.index(name)]
    draws = around(problem, name, draws, result.values[result.names.index(name)])
    with style():
        figure, axes = picture(1, 2, (7.4, 2.4), sharey=True, width_ratios=(5, 1))
        edges = np.linspace(draws.min(), draws.max(), 31)
        for number, chain in enumerate(draws):
            shade = 0.95 - 0.6 * number / max(1, len(draws) - 1)
            color = fitter_color(result.fitter)
            axes[0, 0].plot(chain, color=color, alpha=shade, lw=0.8)
            counts, _ = np.histogram(chain, edges, density=True)
            axes[0, 1].step(counts, 0.5 * (edges[1:] + edges[:-1]), color=color, alpha=shade, lw=1)
        axes[0, 0].set(xlabel="draw", ylabel=labelled(problem, name))
        axes[0, 1].set_xticks([])
        axes[0, 1].set_xlabel("density")
    return figure


def offsets(
    results: Mapping[str, FitResult], truth: Mapping[str, float], names: Sequence[str] | None = None
) -> Picture:
    """Draw (value - truth) / uncertainty of each parameter, a mark a result; the gray band is one sigma."""
    with style():
        first = next(iter(results.values()))
        names = list(names or first.names)
        figure, axes = picture(1, 1, (7.4, 0.8 + 0.24 * len(names)))
        place = axes[0, 0]
        place.axvspan(-1, 1, color=QUIET, alpha=0.18, lw=0)
        place.axvline(0, color=QUIET, lw=0.8)
        rows = np.arange(len(names))[::-1]
        for number, (label, result) in enumerate(results.items()):
            at = [result.names.index(name) for name in names]
            target = np.array([truth[name] for name in names])
            with np.errstate(invalid="ignore", divide="ignore"):
                away = (result.values[at] - target) / result.uncertainties[at]
            shift = 0.0 if len(results) == 1 else 0.5 * (0.5 - number / (len(results) - 1))
            place.plot(away, rows + shift, "o", ms=4.5, color=fitter_color(result.fitter), label=label)
        place.set_yticks(rows, names)
        place.set(xlabel="(value − truth) / uncertainty", ylim=(-0.7, len(names) - 0.3))
        place.tick_params(axis="y", length=0)
        if len(results) > 1:
            place.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def labelled(problem: Problem, name: str) -> str:
    """Return a parameter's name with its unit."""
    unit = next((one.unit for one in problem.parameters if one.key == name), "")
    return f"{name} [{unit}]" if unit else name


def around(problem: Problem, name: str, values: np.ndarray, center: float) -> np.ndarray:
    """Return ``values`` of an angle within half a period of ``center``; those of others as they are."""
    period = problem.space.period[problem.names.index(name)]
    if not np.isfinite(period) or not np.isfinite(center):
        return values
    return np.asarray(np.mod(values - center + period / 2, period) - period / 2 + center)


def _draws(result: FitResult) -> np.ndarray:
    if result.draws is None:
        raise ValueError(f"{result.fitter} gives no draws. Use a sampler, such as nuts.")
    return result.draws


def _numbers(column: Sequence[Any]) -> np.ndarray:
    return np.array([np.nan if value is None else float(value) for value in column])


def _logarithmic(place: Any, values: np.ndarray) -> None:
    good = values[np.isfinite(values) & (values > 0)]
    if good.size and good.max() / good.min() > 3:
        place.set_yscale("log")
    place.tick_params(axis="both", labelcolor=INK)
