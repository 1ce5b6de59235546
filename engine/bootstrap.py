"""Bootstrap uncertainties: fit again and again, to resampled data, and look at the scatter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import OptionError
from engine.fitters import configured, fit
from engine.problem import Problem
from engine.results import FitResult, Status

KINDS = {
    "blocks": "Add the residuals over noise, shuffled in square blocks, to the best model: takes them as they are.",
    "parametric": "Add new noise of the given variance to the best model: trusts the noise map.",
}


@dataclass(frozen=True)
class Bootstrap:
    """The fits to resampled data.

    Attributes:
        names: Free parameters.
        values: (draw, parameter), physical units; failed fits left out.
        failed: Number of fits that ended without a finite model.
    """

    names: list[str]
    values: np.ndarray
    failed: int

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of the draws, (parameter, parameter)."""
        return np.atleast_2d(np.cov(self.values, rowvar=False))

    @property
    def uncertainties(self) -> np.ndarray:
        """Standard deviation of the draws, (parameter,)."""
        return np.sqrt(np.diag(self.covariance))


def bootstrap(
    problem: Problem,
    result: FitResult,
    *,
    draws: int = 100,
    kind: str = "blocks",
    block: int = 8,
    fitter: str = "lm",
    seed: int | None = None,
    on_draw: Callable[[int], None] | None = None,
    **options: Any,
) -> Bootstrap:
    """Return the scatter of fits to resampled data, each from the best values of ``result``.

    Args:
        problem: What was fitted; it is not changed.
        result: The fit to examine.
        draws: Number of resamplings, 2 or more.
        kind: ``blocks`` or ``parametric``; see :data:`KINDS`.
        block: Side of a block in pixels; should exceed the length over which residuals are correlated.
        fitter: Name of the fitter.
        seed: Of the resampling.
        on_draw: Called with the number of each finished draw.
        options: Of the fitter.

    Raises:
        OptionError: for an unknown kind or numbers out of range.
    """
    if kind not in KINDS:
        raise OptionError(f"There is no bootstrap '{kind}'. It must be one of {', '.join(KINDS)}.")
    if draws < 2 or block < 1:
        raise OptionError(f"draws is {draws} and block is {block}; they must be at least 2 and 1.")
    rng = np.random.default_rng(problem.seed if seed is None else seed)
    method = configured(fitter, options)
    start = dict(zip(result.names, (float(v) for v in result.values), strict=True))
    model = problem.render(result.values)
    ends = []
    for number in range(1, draws + 1):
        again = fit(_resampled(problem, model, kind, block, rng).started(start), method)
        if again.status is not Status.NOT_FINITE:
            ends.append(_unwrapped(problem, again.values, result.values))
        if on_draw is not None:
            on_draw(number)
    if len(ends) < 2:
        raise OptionError(
            f"{draws - len(ends)} of {draws} bootstrap fits failed: too few are left for a scatter."
        )
    return Bootstrap(result.names, np.array(ends), draws - len(ends))


def _resampled(
    problem: Problem, model: np.ndarray, kind: str, block: int, rng: np.random.Generator
) -> Problem:
    weight = problem.image.weight
    sigma = np.where(weight > 0, 1 / np.sqrt(np.where(weight > 0, weight, 1.0)), 0.0)
    if kind == "parametric":
        return problem.with_pixels(data=model + rng.normal(size=model.shape) * sigma)
    return problem.with_pixels(data=model + sigma * _shuffled_blocks(problem, model, sigma, block, rng))


def _shuffled_blocks(
    problem: Problem, model: np.ndarray, sigma: np.ndarray, block: int, rng: np.random.Generator
) -> np.ndarray:
    """Residuals over noise, tiled anew from blocks cut at random places; Kuensch (1989), in two dimensions."""
    used = problem.image.weight > 0
    pulls = np.where(used, (problem.image.data - model) / np.where(used, sigma, 1.0), 0.0)
    # Ignored pixels have no residual: lend them others', so that every block is full.
    pulls[~used] = rng.choice(pulls[used], size=int((~used).sum()))
    height, width = pulls.shape
    side = min(block, height, width)
    drawn = np.empty_like(pulls)
    for row in range(0, height, side):
        for column in range(0, width, side):
            top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
            rows, columns = min(side, height - row), min(side, width - column)
            drawn[row : row + rows, column : column + columns] = pulls[
                top : top + rows, left : left + columns
            ]
    return drawn


def _unwrapped(problem: Problem, x: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Angles brought to within half a period of those of the best fit."""
    period = np.nan_to_num(problem.space.period, nan=np.inf)
    turns = np.where(np.isfinite(period), np.round((near - x) / period), 0.0)
    return np.asarray(x + np.where(turns != 0, turns * np.where(np.isfinite(period), period, 0.0), 0.0))
