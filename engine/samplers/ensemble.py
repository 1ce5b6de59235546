"""Hamiltonian Monte Carlo with all chains in one batch, which learn step and trajectory from each other: ChEES-HMC."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import param

from engine.samplers.chains import Chains, Densities, Round, chosen
from engine.samplers.compiling import GradientSampler
from engine.samplers.density import Density

# Energy errors beyond this are divergences, as in Stan and Pyro.
_DIVERGED = 1000.0
# Of a trajectory, however small the step has become.
_MOST_STEPS = 64


class EnsembleHmc(GradientSampler):
    """HMC whose trajectory length makes the centered squared norm change most; Hoffman, Radul & Sountsov (2021).

    All chains take the same number of leapfrog steps, so that each gradient is one batched evaluation of all of
    them: on a GPU that costs about as much as one.
    """

    key = "ensemble-hmc"
    title = "Ensemble HMC"
    summary = "Many chains in one batch that tune each other: ChEES-HMC, the natural choice on a GPU."

    chains = param.Integer(
        16, bounds=(2, None), doc="Number of chains; on a GPU some hundreds cost little more."
    )
    warmup = param.Integer(
        150, bounds=(0, None), doc="Draws of each chain that adapt the method and are not kept."
    )
    draws = param.Integer(300, bounds=(4, None), doc="Draws of each chain that are kept.")
    step_size = param.Number(
        0.5,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Step of the integration, in the sampler's coordinates; where it is adapted, where to begin.",
    )
    trajectory_length = param.Number(
        1.5,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Longest trajectory, in the sampler's coordinates; each is cut at random, the same for all chains. Where "
        "it is adapted, where to begin.",
    )
    adapt_step_size = param.Boolean(True, doc="Adapt the step during warm-up to reach target_acceptance.")
    adapt_trajectory = param.Boolean(
        True, doc="Adapt the trajectory's length during warm-up to change the squared norm most."
    )
    target_acceptance = param.Number(
        0.651,
        bounds=(0, 1),
        inclusive_bounds=(False, False),
        doc="Acceptance to adapt the step to, as the harmonic mean over chains.",
    )

    together = True

    def gradients_a_draw(self) -> float:
        """Return the steps of a trajectory as long as the longest that is asked for."""
        return min(float(math.ceil(self.trajectory_length / self.step_size)), _MOST_STEPS)

    def make_chains(
        self, densities: Sequence[Density], starts: np.ndarray, seeds: Sequence[int], warmup: int
    ) -> Chains:
        """Return the ensemble."""
        return Ensemble(
            Densities(densities),
            starts,
            [np.random.default_rng(seed) for seed in seeds],
            tuning=Tuning(
                step_size=float(self.step_size),
                trajectory=float(self.trajectory_length),
                target=float(self.target_acceptance),
                step_until=warmup if self.adapt_step_size else 0,
                trajectory_until=warmup if self.adapt_trajectory else 0,
            ),
        )


class Tuning:
    """Step and trajectory length, learnt from all chains at each draw of the warm-up.

    Args:
        step_size: To begin with.
        trajectory: To begin with.
        target: Acceptance.
        step_until: Number of the draw up to which the step is adapted.
        trajectory_until: The same for the trajectory.
    """

    # Nesterov's dual averaging as in Hoffman & Gelman (2014), sec. 3.2.1.
    _GAMMA, _OFFSET, _KAPPA = 0.05, 10.0, 0.75
    # Adam, Kingma & Ba (2015), as in Hoffman, Radul & Sountsov (2021), sec. 3: without momentum.
    _RATE, _MEMORY, _SMALL = 0.05, 0.95, 1e-8
    # Draws whose moves are those of chains on their way into the posterior.
    _SETTLING = 10

    def __init__(
        self, *, step_size: float, trajectory: float, target: float, step_until: int, trajectory_until: int
    ) -> None:
        self.step_size, self.trajectory = step_size, trajectory
        self._target = target
        self._step_until, self._trajectory_until = step_until, trajectory_until
        self._center = math.log(2 * step_size)
        self._error, self._mean_log_step = 0.0, 0.0
        self._square, self._mean_log_trajectory, self._moves = 0.0, 0.0, 0

    def learn(self, number: int, rates: np.ndarray, slope: float) -> None:
        """Adapt after draw ``number``, from 1.

        Args:
            number: Of the draw.
            rates: Acceptance of each chain, (chain,).
            slope: Of the criterion in ln(trajectory).
        """
        if number <= self._step_until:
            # The harmonic mean: a chain that is stuck must count.
            rate = 1 / float(np.mean(1 / np.maximum(rates, 1e-3)))
            self._error += (self._target - rate - self._error) / (number + self._OFFSET)
            log_step = self._center - math.sqrt(number) / self._GAMMA * self._error
            weight = number**-self._KAPPA
            self._mean_log_step = weight * log_step + (1 - weight) * self._mean_log_step
            self.step_size = math.exp(self._mean_log_step if number == self._step_until else log_step)
        if self._SETTLING < number <= self._trajectory_until and math.isfinite(slope):
            self._moves += 1
            self._square = self._MEMORY * self._square + (1 - self._MEMORY) * slope**2
            scale = math.sqrt(self._square / (1 - self._MEMORY**self._moves)) + self._SMALL
            log_length = math.log(self.trajectory) + self._RATE * slope / scale
            weight = self._moves**-0.5
            self._mean_log_trajectory = weight * log_length + (1 - weight) * self._mean_log_trajectory
            last = number == self._trajectory_until
            self.trajectory = math.exp(self._mean_log_trajectory if last else log_length)


class Ensemble:
    """Chains that take the same leapfrog steps.

    Args:
        densities: What to sample.
        w: Starts, (chain, free).
        rngs: Random numbers of each chain.
        tuning: Step and trajectory.
    """

    def __init__(
        self,
        densities: Densities,
        w: np.ndarray,
        rngs: Sequence[np.random.Generator],
        *,
        tuning: Tuning,
    ) -> None:
        self._densities, self._rngs, self._tuning = densities, rngs, tuning
        self._w, self._here = w, densities.many(w)
        self._number = 0

    def advance(self) -> Round:
        """Follow a trajectory in each chain, and accept its end or stay."""
        self._number += 1
        tuning = self._tuning
        step = tuning.step_size
        # The same share of the longest trajectory for all chains, evenly spread over draws.
        time = halton(self._number) * tuning.trajectory
        steps = min(max(1, math.ceil(time / step)), _MOST_STEPS)
        momentum = np.array([rng.standard_normal(self._w.shape[1]) for rng in self._rngs])
        energy = 0.5 * (momentum**2).sum(1) - self._here.log_density
        w, there = self._w, self._here
        end = momentum + 0.5 * step * there.gradient
        for number in range(1, steps + 1):
            w = w + step * end
            there = self._densities.many(w)
            end = end + (step if number < steps else 0.5 * step) * there.gradient
        error = 0.5 * (end**2).sum(1) - there.log_density - energy
        error = np.where(np.isfinite(error), error, np.inf)
        rate = np.exp(np.minimum(0.0, -error))
        accepted = np.array([rng.uniform() for rng in self._rngs]) < rate
        slope = step * steps * _criterion_slope(self._w, w, end, rate)
        self._w = np.where(accepted[:, None], w, self._w)
        self._here = chosen(accepted, there, self._here)
        tuning.learn(self._number, rate, slope)
        return Round(
            self._here.x,
            self._here.chi2,
            {
                "acceptance_rate": rate,
                "diverging": (error > _DIVERGED).astype(float),
                "energy": energy,
                "lp": self._here.log_density,
                "n_steps": np.full(len(w), float(steps)),
                "step_size": np.full(len(w), step),
                "trajectory_length": np.full(len(w), tuning.trajectory),
            },
        )


def halton(number: int) -> float:
    """Return the ``number``-th member, from 1, of the van der Corput sequence in base 2, in (0, 1)."""
    value, share = 0.0, 0.5
    while number:
        value += share * (number & 1)
        number, share = number >> 1, share / 2
    return value


def _criterion_slope(before: np.ndarray, after: np.ndarray, velocity: np.ndarray, rate: np.ndarray) -> float:
    """The slope of the ChEES criterion in the time of the trajectory, averaged over proposals by acceptance.

    The criterion is 1/4 of the mean of (|w' - E w'|^2 - |w - E w|^2)^2, with means over chains; Hoffman, Radul &
    Sountsov (2021), sec. 3 and algorithm 1.
    """
    weight = np.where(np.isfinite(after).all(1) & np.isfinite(velocity).all(1), rate, 0.0)
    total = weight.sum()
    if total <= 0:
        return math.nan
    after = np.where(weight[:, None] > 0, after, 0.0)
    velocity = np.where(weight[:, None] > 0, velocity, 0.0)
    moved, stood = after - weight @ after / total, before - before.mean(0)
    change = (moved**2).sum(1) - (stood**2).sum(1)
    return float(weight @ (change * (moved * velocity).sum(1)) / total)
