"""NUTS and HMC: proposals along the gradient, by Pyro's kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import param

from engine.samplers.chains import Chain
from engine.samplers.compiling import GradientSampler
from engine.samplers.density import Density

# Gradients of a draw in whitened coordinates, and in others, on average.
_WHITE, _OTHER = 8.0, 30.0
# Warm-up, in draws, from which scales can be learnt better than lm's Hessian has them.
_LONG = 300


class Nuts(GradientSampler):
    """Hamiltonian trajectories that end where they would turn back.

    Hoffman & Gelman (2014), with the multinomial choice of Betancourt (2017); Pyro's implementation.
    """

    key = "nuts"
    title = "NUTS"
    summary = "No-U-turn sampler: the whole posterior, with nothing to tune."

    step_size = param.Number(
        0.5,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Step of the integration, in the sampler's coordinates; where it is adapted, where to begin.",
    )
    adapt_step_size = param.Boolean(True, doc="Adapt the step during warm-up to reach target_acceptance.")
    target_acceptance = param.Number(
        0.8,
        bounds=(0, 1),
        inclusive_bounds=(False, False),
        doc="Acceptance to adapt the step to; higher is slower and safer.",
    )
    adapt_mass_matrix: Any = param.Selector(
        default="auto",
        objects=["auto", "off", "diagonal", "dense"],
        doc="Adapt the scales of the coordinates during warm-up: not, each for itself, or with correlations. auto: "
        "each for itself, unless they are whitened and the warm-up is shorter than 300, too short to know better.",
    )
    max_tree_depth = param.Integer(
        10, bounds=(1, 20), doc="Trajectories double in length at most so often: 10 is 1023 gradients a draw."
    )

    def chain(self, density: Density, w: np.ndarray, seed: int, warmup: int) -> Chain:
        """Return a chain that starts at ``w``."""
        from engine.samplers.kernels import PyroChain, nuts

        make = nuts(
            step_size=float(self.step_size),
            adapt_step_size=self.adapt_step_size,
            **_mass(self, warmup),
            target_accept_prob=float(self.target_acceptance),
            max_tree_depth=self.max_tree_depth,
        )
        return PyroChain(density, w, make, warmup, seed)

    def gradients_a_draw(self) -> float:
        """Return what is usual."""
        return min(_WHITE if _is_white(self) else _OTHER, 2.0**self.max_tree_depth)

    def limits(self) -> dict[str, float]:
        """Return the deepest tree."""
        return {"tree_depth": float(self.max_tree_depth)}


class Hmc(GradientSampler):
    """Hamiltonian trajectories of one length; Duane et al. (1987), Neal (2011); Pyro's implementation."""

    key = "hmc"
    title = "HMC"
    summary = "Hamiltonian Monte Carlo with trajectories of a fixed length."

    step_size = param.Number(
        0.3,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Step of the integration, in the sampler's coordinates; where it is adapted, where to begin.",
    )
    leapfrog_steps = param.Integer(
        5,
        bounds=(2, None),
        doc="Steps in a trajectory. Where the step is adapted, its length, step_size x leapfrog_steps, is what stays.",
    )
    adapt_step_size = param.Boolean(True, doc="Adapt the step during warm-up to reach target_acceptance.")
    target_acceptance = param.Number(
        0.8,
        bounds=(0, 1),
        inclusive_bounds=(False, False),
        doc="Acceptance to adapt the step to; higher is slower and safer.",
    )
    adapt_mass_matrix: Any = param.Selector(
        default="auto",
        objects=["auto", "off", "diagonal", "dense"],
        doc="Adapt the scales of the coordinates during warm-up: not, each for itself, or with correlations. auto: "
        "each for itself, unless they are whitened and the warm-up is shorter than 300, too short to know better.",
    )

    def chain(self, density: Density, w: np.ndarray, seed: int, warmup: int) -> Chain:
        """Return a chain that starts at ``w``."""
        from engine.samplers.kernels import PyroChain, hmc

        make = hmc(
            step_size=float(self.step_size),
            trajectory_length=float(self.step_size) * self.leapfrog_steps,
            leapfrog_steps=self.leapfrog_steps,
            adapt_step_size=self.adapt_step_size,
            **_mass(self, warmup),
            target_accept_prob=float(self.target_acceptance),
        )
        return PyroChain(density, w, make, warmup, seed)

    def gradients_a_draw(self) -> float:
        """Return the steps of a trajectory."""
        return float(self.leapfrog_steps)


def _is_white(sampler: Nuts | Hmc) -> bool:
    return sampler.whiten or sampler.inverse_mass_matrix is not None


def _mass(sampler: Nuts | Hmc, warmup: int) -> dict[str, bool]:
    """Pyro's options for the adaptation of the mass matrix."""
    choice = str(sampler.adapt_mass_matrix)
    if choice == "auto":
        # From a few dozen draws, scales come out worse than those of the whitening.
        choice = "off" if _is_white(sampler) and warmup < _LONG else "diagonal"
    return {"adapt_mass_matrix": choice != "off", "full_mass": choice == "dense"}
