"""Fits to resampled images as one fit, whose draws they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import param

from engine.fitters.base import Fitter, Move, Moves, Outcome, Stop, Work, run_through
from engine.fitters.lm import LevenbergMarquardt
from engine.linalg import invert
from engine.resample import RESAMPLINGS, resampled, unwrapped_near
from engine.results import Status

# Fewer ends make no scatter.
_FEWEST = 2
_KINDS: Mapping[str, str] = {"blocks": "residuals in blocks", "parametric": "noise of the noise map"}


class BootstrapFits(Fitter):
    """The scatter of lm over images drawn anew from its own best model; Efron (1979), Kuensch (1989) for blocks."""

    key = "bootstrap"
    title = "Bootstrap"
    summary = (
        "Fits to many resampled images: uncertainties from their scatter, even where the noise map is wrong."
    )

    draws = param.Integer(100, bounds=(_FEWEST, None), doc="Resampled images, each fitted by lm.")
    kind: Any = param.Selector(
        default="blocks",
        objects=list(RESAMPLINGS),
        doc="Add to the best model its own residuals over noise, shuffled in blocks, which takes them as they are; or "
        "new noise, parametric, which trusts the noise map.",
    )
    block = param.Integer(
        8,
        bounds=(1, None),
        doc="Side of a block in pixels; it should exceed the length over which residuals are correlated.",
    )

    def moves(self, work: Work) -> Moves:
        """Yield lm's steps, then one for each resampled image."""
        from engine.samplers.origin import by_lm

        before = yield from by_lm(work)
        x, problem = before.x, work.problem
        normal = before.normal or work.normal_equations(x)
        if not normal.finite:
            return Outcome(Status.NOT_FINITE, x)
        model = problem.render(dict(zip(problem.names, map(float, x), strict=True)))
        ends: list[np.ndarray] = []
        number, stopped = 0, False
        while number < self.draws and not stopped:
            number += 1
            image = resampled(problem, model, str(self.kind), int(self.block), work.rng)
            end = _end(Work(image, work.rng, x, count=work.count))
            if end is not None:
                ends.append(unwrapped_near(problem, end, x))
            try:
                yield Move(x, normal.chi2, {"phase": "draws", "draw": number})
            except Stop:
                if len(ends) < _FEWEST:
                    raise
                stopped = True
        if len(ends) < _FEWEST:
            return Outcome(
                Status.NOT_FINITE,
                x,
                f"{number - len(ends)} of {number} fits to resampled images failed: too few are left for a scatter.",
                normal=normal,
            )
        return self._outcome(work, before, np.array(ends), number - len(ends))

    def _outcome(self, work: Work, before: Outcome, ends: np.ndarray, failed: int) -> Outcome:
        """What the ends of the fits say, (draw, parameter), beside that of the fit to the image itself."""
        from engine.samplers.posterior import posterior

        normal = before.normal or work.normal_equations(before.x)
        covariance, _ = invert(normal.hessian)
        lm = None if covariance is None else (before.x, np.sqrt(np.maximum(np.diag(covariance), 0.0)))
        found = posterior(work.problem, ends[None], {}, lm=lm, verdict=False)
        words = [
            before.status.value,
            f"Uncertainties are the scatter of {len(ends)} fits to resampled images ({_KINDS[str(self.kind)]}).",
        ]
        if failed:
            words.append(f"{failed} more fits failed and are left out.")
        # The best fit stands for the values: the mean of the ends would add their bias to it.
        found = replace(found, status=before.status, message=" ".join(words), mean=before.x)
        return Outcome(before.status, before.x, posterior=found)


def _end(work: Work) -> np.ndarray | None:
    """Where lm ends, (free,); None where that is no finite model."""
    _, outcome = run_through(LevenbergMarquardt().moves(work), Move(work.start, np.inf))
    good = outcome.status is not Status.NOT_FINITE and bool(np.isfinite(outcome.x).all())
    return outcome.x if good else None
