"""A posterior, two parameters at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse
from scipy.ndimage import gaussian_filter

from engine.colors import fitter_color
from engine.plots.fits import around
from engine.plots.picture import QUIET, Picture, style
from engine.problem import Problem
from engine.results import FitResult

# Of a Gaussian in two dimensions, what lies within one and two sigma.
_INSIDE = (0.3935, 0.8647)
_BINS = 36
_REACH = 3.6


def corner(
    problem: Problem,
    results: Mapping[str, FitResult] | FitResult,
    names: Sequence[str] | None = None,
    truth: Mapping[str, float] | None = None,
) -> Picture:
    """Draw each pair of parameters: contours of the draws of samplers, ellipses of the covariance of others.

    Args:
        problem: What was fitted.
        results: One, or several by label, drawn over each other.
        names: Parameters, free in all of them; all where None.
        truth: Values by name, drawn as lines.

    Contours and ellipses hold 39 % and 86 %, which is one and two sigma of a Gaussian in two dimensions.
    """
    several = {results.fitter: results} if isinstance(results, FitResult) else dict(results)
    names = list(names or problem.names)
    n = len(names)
    with style():
        side = min(1.5, 11 / n)
        width, height = side * n + 0.9, side * n + 0.75
        figure = Picture(figsize=(width, height))
        # Placed by hand: with some hundred cells the layout engine takes seconds.
        room = {
            "left": 0.8 / width,
            "right": 1 - 0.1 / width,
            "bottom": 0.65 / height,
            "top": 1 - 0.1 / height,
        }
        grid = figure.add_gridspec(n, n, wspace=0.07, hspace=0.07, **room)
        limits = [_limits(problem, several, name) for name in names]
        for i in range(n):
            for j in range(i + 1):
                place = figure.add_subplot(grid[i, j])
                place.set_xlim(limits[j])
                if j < i:
                    place.set_ylim(limits[i])
                for result in several.values():
                    _draw(place, problem, result, names[j], None if i == j else names[i])
                _mark(place, truth, names[j], None if i == j else names[i])
                _label(place, names, i, j, side)
        handles = [Line2D([], [], color=fitter_color(result.fitter), lw=2) for result in several.values()]
        if n > 1 and (len(several) > 1 or truth):
            labels = list(several)
            if truth:
                handles.append(Line2D([], [], color=QUIET, lw=1, ls="--"))
                labels.append("truth")
            figure.legend(handles, labels, loc="upper right")
    return figure


def _draw(place: Axes, problem: Problem, result: FitResult, x: str, y: str | None) -> None:
    color = fitter_color(result.fitter)
    if result.draws is None:
        _gaussian(place, result, x, y, color)
        return
    flat = result.draws.reshape(-1, result.draws.shape[-1])
    across = _column(problem, result, flat, x)
    if y is None:
        counts, edges = np.histogram(across, _BINS, range=place.get_xlim(), density=True)
        smooth = gaussian_filter(counts, 0.8)
        place.plot(0.5 * (edges[1:] + edges[:-1]), smooth, color=color, lw=1.4)
        return
    ranges = np.array([place.get_xlim(), place.get_ylim()])
    up = _column(problem, result, flat, y)
    counts, xs, ys = np.histogram2d(across, up, _BINS, range=ranges)
    smooth = gaussian_filter(counts, 1.3)
    levels = _levels(smooth)
    if levels:
        middle = [0.5 * (edges[1:] + edges[:-1]) for edges in (xs, ys)]
        place.contour(*middle, smooth.T, levels=levels, colors=color, linewidths=1.1)


def _gaussian(place: Axes, result: FitResult, x: str, y: str | None, color: str) -> None:
    i = result.names.index(x)
    variance = result.covariance[i, i]
    if not np.isfinite(variance) or variance <= 0:
        return
    if y is None:
        across = np.linspace(*place.get_xlim(), 120)
        density = np.exp(-0.5 * (across - result.values[i]) ** 2 / variance) / np.sqrt(2 * np.pi * variance)
        place.plot(across, density, color=color, lw=1.4)
        return
    j = result.names.index(y)
    block = result.covariance[np.ix_([i, j], [i, j])]
    if not np.isfinite(block).all():
        return
    lengths, axes = np.linalg.eigh(block)
    turned = float(np.degrees(np.arctan2(axes[1, 1], axes[0, 1])))
    for sigmas in (1, 2):
        width, height = 2 * sigmas * np.sqrt(np.maximum(lengths[::-1], 0))
        center = (result.values[i], result.values[j])
        place.add_patch(Ellipse(center, width, height, angle=turned, fill=False, ec=color, lw=1.1))


def _levels(counts: np.ndarray) -> list[float]:
    """Heights above which the shares ``_INSIDE`` of all draws lie, ascending."""
    ordered = np.sort(counts.ravel())[::-1]
    total = np.cumsum(ordered)
    if total[-1] <= 0:
        return []
    found = [float(ordered[np.searchsorted(total, share * total[-1])]) for share in _INSIDE]
    return sorted(set(found)) if min(found) < counts.max() else []


def _limits(problem: Problem, several: Mapping[str, FitResult], name: str) -> tuple[float, float]:
    lows, highs = [], []
    for result in several.values():
        i = result.names.index(name)
        middle, sigma = result.values[i], np.sqrt(result.covariance[i, i])
        if result.draws is not None:
            column = _column(problem, result, result.draws.reshape(-1, result.draws.shape[-1]), name)
            middle, sigma = float(np.mean(column)), float(np.std(column))
        if np.isfinite(sigma) and sigma > 0:
            lows.append(middle - _REACH * sigma)
            highs.append(middle + _REACH * sigma)
    if not lows:
        value = next(iter(several.values())).values[problem.names.index(name)]
        return value - 1, value + 1
    return float(min(lows)), float(max(highs))


def _column(problem: Problem, result: FitResult, flat: np.ndarray, name: str) -> np.ndarray:
    i = result.names.index(name)
    return around(problem, name, flat[:, i], float(result.values[i]))


def _mark(place: Axes, truth: Mapping[str, float] | None, x: str, y: str | None) -> None:
    if truth is None:
        return
    place.axvline(truth[x], color=QUIET, lw=1, ls="--")
    if y is not None:
        place.axhline(truth[y], color=QUIET, lw=1, ls="--")


def _label(place: Any, names: Sequence[str], i: int, j: int, side: float) -> None:
    n = len(names)
    # At the same distance from every cell, however long its numbers.
    place.xaxis.set_label_coords(0.5, -0.36 / side)
    place.yaxis.set_label_coords(-0.46 / side, 0.5)
    size = 8 if n <= 8 else 5.5
    place.tick_params(length=2, labelsize=max(4.5, size - 1.5))
    place.locator_params(nbins=3)
    if i == j:
        place.set_yticks([])
        place.spines["left"].set_visible(False)
    if i == n - 1:
        place.set_xlabel(_broken(names[j]), fontsize=size)
        place.tick_params(axis="x", rotation=45)
    else:
        place.set_xticklabels([])
    if j == 0 and i > 0:
        place.set_ylabel(_broken(names[i]), fontsize=size)
    elif i != j:
        place.set_yticklabels([])


def _broken(name: str) -> str:
    """A name on two lines: the component, then its parameter."""
    component, _, rest = name.partition(".")
    return f"{component}\n{rest}"
