"""Metropolis-Hastings by a random walk: no gradients, many steps."""

from __future__ import annotations

import math

import numpy as np
import param

from engine.samplers.base import Chain, ChainSampler, Draw
from engine.samplers.density import Density

# The acceptance at which a random walk in many dimensions moves fastest; Roberts, Gelman & Gilks (1997).
_BEST_ACCEPTANCE = 0.234


class Metropolis(ChainSampler):
    """Gaussian proposals of one size in all of the sampler's coordinates; Metropolis et al. (1953)."""

    key = "metropolis"
    title = "Metropolis-Hastings"
    summary = "A random walk through the posterior: simple, without gradients, and slow to mix."

    warmup = param.Integer(
        1000, bounds=(0, None), doc="Draws of each chain that adapt the method and are not kept."
    )
    draws = param.Integer(5000, bounds=(4, None), doc="Draws of each chain that are kept.")
    step_size = param.Number(
        0.0,
        bounds=(0, None),
        doc="Sigma of the proposals, in the sampler's coordinates; 0 for 2.38 / sqrt(number of parameters).",
    )
    adapt_step_size = param.Boolean(
        True, doc="Adapt the step during warm-up to accept 23 % of the proposals."
    )
    adapt_covariance = param.Boolean(
        True, doc="Give the proposals the shape of the first half of the warm-up, after that half."
    )

    def chain(self, density: Density, w: np.ndarray, seed: int) -> Chain:
        """Return a chain that starts at ``w``."""
        return RandomWalk(
            density,
            w,
            np.random.default_rng(seed),
            step_size=float(self.step_size) or 2.38 / math.sqrt(len(w)),
            adapt_until=self.warmup if self.adapt_step_size else 0,
            learn=self.warmup // 2 if self.adapt_covariance else 0,
        )


class RandomWalk:
    """A chain with symmetric Gaussian proposals.

    Args:
        density: What to sample.
        w: Start, (free,).
        rng: Random numbers.
        step_size: Sigma of the proposals.
        adapt_until: Number of the draw up to which the step is adapted.
        learn: Number of the draw at which the shape of the proposals is learnt from the draws before; 0 for never.
    """

    def __init__(
        self,
        density: Density,
        w: np.ndarray,
        rng: np.random.Generator,
        *,
        step_size: float,
        adapt_until: int,
        learn: int,
    ) -> None:
        self._density = density
        self._w, self._here = w, density.value(w)
        self._rng = rng
        self._step = step_size
        self._adapt_until = adapt_until
        # Draws from before the walk has found the posterior would only widen the shape.
        self._learn = learn if learn >= 10 * len(w) else 0
        self._past: list[np.ndarray] = []
        self._factor: np.ndarray | None = None
        self._number = 0

    def advance(self) -> Draw:
        """Propose once, and accept or stay."""
        noise = self._step * self._rng.standard_normal(len(self._w))
        trial = self._w + (noise if self._factor is None else self._factor @ noise)
        there = self._density.value(trial)
        rate = math.exp(min(0.0, there.log_density - self._here.log_density))
        accepted = self._rng.uniform() < rate
        if accepted:
            self._w, self._here = trial, there
        self._number += 1
        self._adapt(rate)
        return Draw(
            self._w,
            self._here.x,
            self._here.chi2,
            {
                "acceptance_rate": rate,
                "accepted": float(accepted),
                "lp": self._here.log_density,
                "step_size": self._step,
            },
        )

    def _adapt(self, rate: float) -> None:
        """Robbins & Monro (1951): a little longer where too much was accepted, ever less so."""
        if self._number <= self._adapt_until:
            self._step *= math.exp((rate - _BEST_ACCEPTANCE) / self._number**0.6)
        if self._number <= self._learn:
            self._past.append(self._w)
        if self._number == self._learn:
            recent = np.array(self._past[len(self._past) // 3 :])
            few = 5.0 / len(recent)
            shape = np.cov(recent.T).reshape(len(self._w), -1) + few * np.eye(len(self._w))
            self._factor = np.linalg.cholesky(shape)
            self._past.clear()
