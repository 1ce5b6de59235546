"""The Gaussian that Pyro's variational inference fits to a density."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyro
import torch
from pyro import distributions as dist
from pyro.infer import SVI, Trace_ELBO
from pyro.optim import PyroLRScheduler
from torch import Tensor

from engine.samplers.density import Density
from engine.samplers.potential import potential

# Pyro's parameters are global; ours live in a store of their own.
_MEAN, _FACTOR = "mean", "factor"


class Guide:
    """A full-rank Gaussian in white coordinates, improved step by step.

    Args:
        density: What to approximate.
        seed: Of its random numbers.
        particles: Draws a step.
        learning_rate: Of Adam.
        decay: Factor on the learning rate after each step.
    """

    def __init__(
        self, density: Density, *, seed: int, particles: int, learning_rate: float, decay: float
    ) -> None:
        self._random = torch.Generator().manual_seed(seed).get_state()
        self._store: Any = None
        self._size = len(density.whitening.center)
        look = potential(density.at)
        schedule: Any = PyroLRScheduler(
            torch.optim.lr_scheduler.ExponentialLR,
            {"optimizer": torch.optim.Adam, "optim_args": {"lr": learning_rate}, "gamma": decay},
        )
        self._schedule = schedule
        self._svi = SVI(lambda: self._model(look), self._guide, schedule, Trace_ELBO(num_particles=particles))

    def step(self) -> float:
        """Take a step and return the evidence bound before it, up to a constant."""
        with torch.random.fork_rng(devices=[]), pyro.get_param_store().scope(self._store) as self._store:
            torch.set_rng_state(self._random)
            loss = float(self._svi.step())
            self._schedule.step()
            self._random = torch.get_rng_state()
            self.mean = pyro.param(_MEAN).detach().numpy().copy()
            self.factor = pyro.param(_FACTOR).detach().numpy().copy()
        return -loss

    def _model(self, look: Callable[[Tensor], Tensor]) -> None:
        flat = dist.Normal(torch.zeros(self._size, dtype=torch.float64), 1.0).to_event(1).mask(False)
        w = pyro.sample("w", flat)
        pyro.factor("posterior", -look(w))

    def _guide(self) -> None:
        mean = pyro.param(_MEAN, torch.zeros(self._size, dtype=torch.float64))
        factor = pyro.param(
            _FACTOR,
            torch.eye(self._size, dtype=torch.float64),
            constraint=dist.constraints.lower_cholesky,
        )
        pyro.sample("w", dist.MultivariateNormal(mean, scale_tril=factor))
