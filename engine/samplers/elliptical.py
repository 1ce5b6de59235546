"""Elliptical slice sampling: where lm's Gaussian is near the truth, one model per independent draw."""

from __future__ import annotations

import math

import numpy as np
import param

from engine.samplers.base import ChainSampler
from engine.samplers.chains import Chain, Draw
from engine.samplers.density import Density, Point

# Intervals are shrunk at most so often: beyond, the place of the draw is the old one to all digits.
_MOST_SHRINKS = 100


class Elliptical(ChainSampler):
    """Draws on ellipses through the present place and a draw of a Student-t around lm's minimum.

    Murray, Adams & MacKay (2010), with the Student-t reference of Nishihara, Murray & Adams (2014), sec. 3. It has
    no step to tune and no gradients. It is exact whatever the posterior; it is fast where that is like the
    reference, and slow where it is curved.
    """

    key = "elliptical"
    title = "Elliptical slice sampling"
    summary = "Exact draws guided by lm's covariance, a few models each: fastest where it is about right."

    warmup = param.Integer(100, bounds=(0, None), doc="Draws of each chain that are not kept.")
    draws = param.Integer(1000, bounds=(4, None), doc="Draws of each chain that are kept.")
    tails = param.Number(
        10.0,
        bounds=(1, None),
        doc="Degrees of freedom of the Student-t that guides: fewer for posteriors with heavier tails.",
    )

    def chain(self, density: Density, w: np.ndarray, seed: int, warmup: int) -> Chain:
        """Return a chain that starts at ``w``."""
        return EllipticalChain(density, w, np.random.default_rng(seed), float(self.tails))


class EllipticalChain:
    """A chain whose proposals lie on an ellipse.

    Args:
        density: What to sample; the reference is around the origin of its coordinates, of unit width.
        w: Start, (free,).
        rng: Random numbers.
        tails: Degrees of freedom of the reference.
    """

    def __init__(self, density: Density, w: np.ndarray, rng: np.random.Generator, tails: float) -> None:
        self._density, self._rng, self._tails = density, rng, tails
        self._w, self._here = w, density.at(w, gradient=False)

    def advance(self) -> Draw:
        """Draw from the part of a new ellipse that lies above a random level."""
        rng, size = self._rng, len(self._w)
        # The width of the reference, given the place: that makes it a Student-t.
        width = (self._tails + self._w @ self._w) / (2 * rng.standard_gamma((self._tails + size) / 2))
        other = math.sqrt(width) * rng.standard_normal(size)
        level = self._excess(self._w, self._here) - rng.standard_exponential()
        angle = rng.uniform(0, 2 * math.pi)
        low, high = angle - 2 * math.pi, angle
        tried = 0
        while tried < _MOST_SHRINKS:
            tried += 1
            trial = self._w * math.cos(angle) + other * math.sin(angle)
            there = self._density.at(trial, gradient=False)
            if self._excess(trial, there) > level:
                self._w, self._here = trial, there
                break
            low, high = (angle, high) if angle < 0 else (low, angle)
            angle = rng.uniform(low, high)
        return Draw(
            self._w,
            self._here.x,
            float(self._here.chi2),
            {"acceptance_rate": 1 / tried, "lp": float(self._here.log_density), "n_steps": float(tried)},
        )

    def _excess(self, w: np.ndarray, point: Point) -> float:
        """ln(posterior / reference), up to a constant."""
        reference = -0.5 * (self._tails + len(w)) * math.log1p(float(w @ w) / self._tails)
        return float(point.log_density) - reference
