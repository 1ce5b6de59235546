"""Bootstrap uncertainties: fit again and again, to resampled data, and look at the scatter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import OptionError
from engine.fitters import configured, fit
from engine.problem import Problem
from engine.resample import RESAMPLINGS, resampled, unwrapped_near
from engine.results import FitResult, Status


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
        kind: ``blocks`` or ``parametric``; see :data:`engine.resample.RESAMPLINGS`.
        block: Side of a block in pixels; should exceed the length over which residuals are correlated.
        fitter: Name of the fitter.
        seed: Of the resampling.
        on_draw: Called with the number of each finished draw.
        options: Of the fitter.

    Raises:
        OptionError: for an unknown kind or numbers out of range.
    """
    if kind not in RESAMPLINGS:
        raise OptionError(f"There is no bootstrap '{kind}'. It must be one of {', '.join(RESAMPLINGS)}.")
    if draws < 2 or block < 1:
        raise OptionError(f"draws is {draws} and block is {block}; they must be at least 2 and 1.")
    rng = np.random.default_rng(problem.seed if seed is None else seed)
    method = configured(fitter, options)
    start = dict(zip(result.names, (float(v) for v in result.values), strict=True))
    model = problem.render(result.values)
    ends = []
    for number in range(1, draws + 1):
        again = fit(resampled(problem, model, kind, block, rng).started(start), method)
        if again.status is not Status.NOT_FINITE:
            ends.append(unwrapped_near(problem, again.values, result.values))
        if on_draw is not None:
            on_draw(number)
    if len(ends) < 2:
        raise OptionError(
            f"{draws - len(ends)} of {draws} bootstrap fits failed: too few are left for a scatter."
        )
    return Bootstrap(result.names, np.array(ends), draws - len(ends))
