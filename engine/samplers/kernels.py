"""Pyro's HMC and NUTS kernels on our density, one draw at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from pyro.infer.mcmc import HMC, NUTS
from torch import Tensor

from engine.samplers.chains import Draw
from engine.samplers.density import Density, Point
from engine.samplers.potential import potential

# Trajectories are at most so many times longer, in steps, than was asked for.
_LONGEST = 20
# From a potential to one of Pyro's kernels.
Kernel = Callable[[Callable[[dict[str, Tensor]], Tensor]], Any]


class _Momentum:
    """Mixed into a kernel: remembers the kinetic energy with which a draw began."""

    kinetic = 0.0

    def _sample_r(self, name: str) -> Any:
        scaled, plain = super()._sample_r(name)  # type: ignore[misc]  # the kernel's
        self.kinetic = 0.5 * sum(float(value.dot(value)) for value in plain.values())
        return scaled, plain


class _Nuts(_Momentum, NUTS):
    pass


class _Hmc(_Momentum, HMC):
    # What looks at the density at a place, (free,).
    look: Callable[[np.ndarray], Point]
    most_steps: int

    @property
    def num_steps(self) -> int:
        """Steps in a trajectory, to the nearest; Pyro rounds down, to a single one for long steps.

        Where the step had to become very small, the trajectory becomes shorter instead of taking forever.
        """
        return max(2, min(round(float(self.trajectory_length) / float(self.step_size)), self.most_steps))

    def sample(self, params: dict[str, Tensor]) -> dict[str, Tensor]:
        """Make the next draw as Pyro does, but follow the trajectory without autograd: a fifth of its time."""
        kernel: Any = self
        sites, potential, gradients = kernel._fetch_from_cache()
        momenta, plain = kernel._sample_r(f"r_t={kernel._t}")
        energy = kernel._kinetic_energy(plain) + potential
        (mass,) = kernel.inverse_mass_matrix.values()
        w, momentum, slope, there = self._leapfrog(
            sites["w"].numpy(), momenta["w"].numpy(), gradients["w"].numpy(), mass.numpy()
        )
        end = kernel.mass_matrix_adapter.unscale({"w": torch.from_numpy(momentum)})
        change = kernel._kinetic_energy(end) - float(there.log_density) - energy
        change = torch.where(change.isnan(), torch.inf, change)
        if change > kernel._max_sliced_energy and kernel._t >= kernel._warmup_steps:
            kernel._divergences.append(kernel._t - kernel._warmup_steps)
        rate = (-change).exp().clamp(max=1.0)
        accepted = bool(torch.rand((), dtype=rate.dtype) < rate)
        if accepted:
            sites, gradients = {"w": torch.from_numpy(w)}, {"w": torch.from_numpy(slope)}
            kernel._cache(sites, torch.tensor(-float(there.log_density), dtype=rate.dtype), gradients)
        kernel._t += 1
        count = kernel._t - kernel._warmup_steps
        if count > 0:
            kernel._accept_cnt += accepted
        else:
            count = kernel._t
            kernel._adapter.step(kernel._t, sites, rate, gradients)
        kernel._mean_accept_prob += (float(rate) - kernel._mean_accept_prob) / count
        return dict(sites)

    def _leapfrog(
        self, w: np.ndarray, momentum: np.ndarray, slope: np.ndarray, mass: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, Point]:
        """The end of a trajectory: place, momentum, slope of the potential, and the density there."""
        step, count = float(self.step_size), self.num_steps
        momentum = momentum - 0.5 * step * slope
        for number in range(1, count + 1):
            w = w + step * (mass * momentum if mass.ndim == 1 else mass @ momentum)
            there = self.look(w)
            slope = -there.gradient
            momentum = momentum - (step if number < count else 0.5 * step) * slope
        return w, momentum, slope, there


class PyroChain:
    """A chain that one of Pyro's kernels drives.

    Args:
        density: What to sample.
        w: Start, (free,).
        make: Makes the kernel, from the potential.
        warmup: Draws that adapt.
        seed: Of this chain's random numbers.
    """

    def __init__(self, density: Density, w: np.ndarray, make: Kernel, warmup: int, seed: int) -> None:
        self._density = density
        self._seen: dict[bytes, Point] = {}
        self._evaluations = 0
        self._random = torch.Generator().manual_seed(seed % 2**63).get_state()
        value = potential(self._look)
        self._kernel: Any = make(lambda sites: value(sites["w"]))
        self._site = {"w": torch.from_numpy(np.array(w, dtype=float))}
        self._kernel.initial_params = self._site
        self._kernel.look = self._look
        self._warmup = warmup
        self._acceptance = 0.0
        self._count = 0
        with self._own_random_numbers():
            self._kernel.setup(warmup)

    def advance(self) -> Draw:
        """Make the next draw."""
        kernel, density = self._kernel, self._density
        before = self._site["w"].numpy()
        at_start = float(kernel._potential_energy_last)
        kept = self._seen.get(before.tobytes())
        self._seen.clear()
        if kept is not None:
            self._seen[before.tobytes()] = kept
        self._evaluations = 0
        divergences = len(kernel._divergences)
        step_size = kernel.step_size
        with self._own_random_numbers():
            self._site = kernel.sample(self._site)
        w = self._site["w"].detach().numpy().copy()
        point = self._seen.get(w.tobytes()) or density.at(w)
        return Draw(
            w,
            point.x,
            float(point.chi2),
            {
                "acceptance_rate": self._rate(),
                "diverging": float(len(kernel._divergences) > divergences),
                "energy": at_start + kernel.kinetic,
                "lp": float(point.log_density),
                "n_steps": float(self._evaluations),
                "tree_depth": float(math.ceil(math.log2(self._evaluations + 1))),
                "step_size": float(step_size),
            },
        )

    def _look(self, w: np.ndarray) -> Point:
        self._evaluations += 1
        point = self._density.at(w)
        self._seen[w.tobytes()] = point
        return point

    def _rate(self) -> float:
        """The last draw's acceptance, from the kernel's running mean, which begins anew after warm-up."""
        kernel = self._kernel
        count = kernel._t - self._warmup if kernel._t > self._warmup else kernel._t
        before = 0.0 if count == 1 and kernel._t > self._warmup > 0 else self._acceptance
        mean = float(kernel._mean_accept_prob)
        last = mean if count == 1 else before + (mean - before) * count
        self._acceptance = mean
        return min(max(last, 0.0), 1.0)

    @contextmanager
    def _own_random_numbers(self) -> Iterator[None]:
        """Let Pyro draw from this chain's generator and leave torch's global one as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._random)
            yield
            self._random = torch.get_rng_state()


def nuts(**options: Any) -> Kernel:
    """Return what makes a NUTS kernel with these options of Pyro's."""
    kernel: Any = _Nuts
    return lambda potential: kernel(potential_fn=potential, **options)


def hmc(*, leapfrog_steps: int, **options: Any) -> Kernel:
    """Return what makes an HMC kernel with these options of Pyro's; for trajectories of about so many steps."""

    def make(potential: Callable[[dict[str, Tensor]], Tensor]) -> Any:
        kernel: Any = _Hmc(potential_fn=potential, **options)
        kernel.most_steps = _LONGEST * leapfrog_steps
        return kernel

    return make
