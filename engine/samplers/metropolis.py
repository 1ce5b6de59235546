"""Metropolis-Hastings by a random walk: no gradients, many steps, all chains in one batch."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
import param

from engine.samplers.base import ChainSampler
from engine.samplers.chains import Chains, Densities, Round, chosen
from engine.samplers.density import Density, Point

# The acceptance at which a random walk in many dimensions moves fastest; Roberts, Gelman & Gilks (1997).
_BEST_ACCEPTANCE = 0.234
# Proposals of a single chain that are evaluated in one batch.
_MOST_TOGETHER = 6
# So many of them as are likely to be of use: this part of the mean wait for one that is accepted, which is known from
# about so many proposals.
_OF_THE_WAIT = 0.7
_MEMORY = 50


class Metropolis(ChainSampler):
    """Gaussian proposals of one size in all of the sampler's coordinates; Metropolis et al. (1953).

    Size and shape of the proposals are adapted in the manner of Haario, Saksman & Tamminen (2001), during warm-up
    only, from all chains.
    """

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

    def make_chains(
        self, densities: Sequence[Density], starts: np.ndarray, seeds: Sequence[int], warmup: int
    ) -> Chains:
        """Return the walks."""
        return RandomWalks(
            Densities(densities),
            starts,
            [np.random.default_rng(seed) for seed in seeds],
            step_size=float(self.step_size) or 2.38 / math.sqrt(starts.shape[1]),
            adapt_until=warmup if self.adapt_step_size else 0,
            learn=warmup // 2 if self.adapt_covariance else 0,
        )


class RandomWalks:
    """Chains with symmetric Gaussian proposals.

    Args:
        densities: What to sample.
        w: Starts, (chain, free).
        rngs: Random numbers of each chain.
        step_size: Sigma of the proposals.
        adapt_until: Number of the draw up to which the step is adapted, from all chains.
        learn: Number of the draw at which the shape of the proposals is learnt from all draws before; 0 for never.
    """

    def __init__(
        self,
        densities: Densities,
        w: np.ndarray,
        rngs: Sequence[np.random.Generator],
        *,
        step_size: float,
        adapt_until: int,
        learn: int,
    ) -> None:
        self._densities, self._rngs = densities, rngs
        self._w, self._here = w, densities.many(w, gradient=False)
        self._step = np.full(len(w), step_size)
        self._adapt_until = adapt_until
        # Draws from before the walk has found the posterior would only widen the shape.
        self._learn = learn if learn * len(w) >= 20 * w.shape[1] else 0
        self._past: list[np.ndarray] = []
        self._tried: list[np.ndarray] = []
        self._factor = np.eye(w.shape[1])
        self._number = 0
        self._accepted = _BEST_ACCEPTANCE
        self._drawn: deque[tuple[np.ndarray, float]] = deque()
        self._ahead: deque[Round] = deque()

    def advance(self) -> Round:
        """Propose once for each chain, and accept or stay."""
        if not self._ahead:
            settled = self._number >= max(self._adapt_until, self._learn)
            self._ahead.extend(self._several() if settled and len(self._w) == 1 else [self._one_each()])
        return self._ahead.popleft()

    def _one_each(self) -> Round:
        """One step of every chain."""
        size = self._w.shape[1]
        noise = np.array([rng.standard_normal(size) for rng in self._rngs])
        trial, there, rate = self._proposed(noise)
        accepted = np.array([rng.uniform() for rng in self._rngs]) < rate
        self._w = np.where(accepted[:, None], trial, self._w)
        self._here = chosen(accepted, there, self._here)
        step = self._step
        self._number += 1
        self._adapt(rate)
        return self._round(rate, accepted, step)

    def _several(self) -> list[Round]:
        """Steps of a single chain, up to the first that is accepted.

        While proposals are rejected, the next ones start from the same place: several are evaluated in one batch,
        which is cheaper, and what comes after an accepted one is proposed anew with the same random numbers. The chain
        is that which single steps make.
        """
        (rng,), size = self._rngs, self._w.shape[1]
        count = max(1, min(round(_OF_THE_WAIT / max(self._accepted, 1e-3)), _MOST_TOGETHER))
        while len(self._drawn) < count:
            self._drawn.append((np.asarray(rng.standard_normal(size)), rng.uniform()))
        together = [self._drawn[i] for i in range(count)]
        trial, there, rate = self._proposed(np.array([noise for noise, _ in together]))
        accepted = np.array([level for _, level in together]) < rate
        done = []
        for i in range(count):
            self._drawn.popleft()
            row = slice(i, i + 1)
            if accepted[i]:
                self._w = trial[row]
                self._here = Point(there.x[row], there.log_density[row], there.gradient[row], there.chi2[row])
            self._accepted += (accepted[i] - self._accepted) / _MEMORY
            done.append(self._round(rate[row], accepted[row], self._step))
            if accepted[i]:
                break
        return done

    def _proposed(self, noise: np.ndarray) -> tuple[np.ndarray, Point, np.ndarray]:
        """Places to go to, the density there, and the acceptance, each (proposal, ...)."""
        trial = self._w + (noise * self._step[:, None]) @ self._factor.T
        there = self._densities.many(trial, gradient=False)
        return trial, there, np.exp(np.minimum(0.0, there.log_density - self._here.log_density))

    def _round(self, rate: np.ndarray, accepted: np.ndarray, step: np.ndarray) -> Round:
        return Round(
            self._here.x,
            self._here.chi2,
            {
                "acceptance_rate": rate,
                "accepted": accepted.astype(float),
                "lp": self._here.log_density,
                "step_size": step,
            },
        )

    def _adapt(self, rate: np.ndarray) -> None:
        """Robbins & Monro (1951): a little longer where all chains together accepted too much, ever less so.

        The step kept is the mean of the last third of what was tried; Polyak & Juditsky (1992).
        """
        if self._number <= self._adapt_until:
            # A new shape of the proposals needs another step.
            age = self._number - (self._learn if self._number > self._learn else 0)
            self._step = self._step * np.exp((np.mean(rate) - _BEST_ACCEPTANCE) / age**0.6)
            if self._number > max(self._learn, self._adapt_until // 2):
                self._tried.append(np.log(self._step))
        if self._number == self._adapt_until and self._tried:
            self._step = np.exp(np.mean(self._tried[len(self._tried) // 3 :], axis=0))
            self._tried.clear()
        if self._number <= self._learn:
            self._past.append(self._w)
        if self._number == self._learn:
            recent = np.array(self._past[len(self._past) // 3 :])
            centered = (recent - recent.mean(0)).reshape(-1, self._w.shape[1])
            shape = centered.T @ centered / len(centered)
            # Few draws know the shape badly: some of the old one stays.
            shape += 5 / len(recent) * np.eye(len(shape))
            self._factor = np.linalg.cholesky(shape)
            self._past.clear()
