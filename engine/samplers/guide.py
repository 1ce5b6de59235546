"""What Pyro's variational inference fits to a density: a Gaussian, or a normalizing flow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyro
import torch
from pyro import distributions as dist
from pyro.distributions import transforms
from pyro.infer import SVI, Trace_ELBO
from pyro.optim import PyroLRScheduler
from torch import Tensor

from engine.samplers.density import Density
from engine.samplers.potential import potential

# Pyro's parameters are global; ours live in a store of their own.
_MEAN, _FACTOR, _FLOW = "mean", "factor", "flow"


class Guide:
    """A distribution in white coordinates, improved step by step: base noise, through a flow, then an affine map.

    Without layers it is a Gaussian with all correlations. Each layer is an inverse autoregressive transform, Kingma
    et al. (2016), eq. 10-12, beginning as the identity; the affine map takes the linear correlations from it.

    Args:
        density: What to approximate.
        seed: Of its random numbers.
        particles: Draws a step.
        learning_rate: Of Adam.
        decay: Factor on the learning rate after each step.
        layers: Of the flow.
    """

    def __init__(
        self,
        density: Density,
        *,
        seed: int,
        particles: int,
        learning_rate: float,
        decay: float,
        layers: int = 0,
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
        with self._own():
            self._flow = torch.nn.ModuleList(_layer(self._size) for _ in range(layers))
        self._svi = SVI(lambda: self._model(look), self._guide, schedule, Trace_ELBO(num_particles=particles))

    def step(self) -> float:
        """Take a step and return the evidence bound before it, up to a constant."""
        with self._own():
            loss = float(self._svi.step())
            self._schedule.step()
        return -loss

    def draw(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return draws, (draw, free), and ln of their density, (draw,)."""
        with self._own(), torch.no_grad():
            found = self._distribution()
            w = found.sample((count,))
            return w.numpy(), found.log_prob(w).numpy()

    @contextmanager
    def _own(self) -> Iterator[None]:
        """Draw from this guide's random numbers and keep its parameters out of Pyro's global store."""
        with torch.random.fork_rng(devices=[]), pyro.get_param_store().scope(self._store) as self._store:
            torch.set_rng_state(self._random)
            yield
            self._random = torch.get_rng_state()

    def _distribution(self) -> Any:
        mean = pyro.param(_MEAN, torch.zeros(self._size, dtype=torch.float64))
        factor = pyro.param(
            _FACTOR,
            torch.eye(self._size, dtype=torch.float64),
            constraint=dist.constraints.lower_cholesky,
        )
        if not len(self._flow):
            return dist.MultivariateNormal(mean, scale_tril=factor)
        pyro.module(_FLOW, self._flow)
        noise = dist.Normal(torch.zeros_like(mean), 1.0).to_event(1)
        # Cached, because the inverse of the flow is slow, and in single precision.
        return dist.TransformedDistribution(
            noise, [*self._flow, transforms.LowerCholeskyAffine(mean, factor, cache_size=1)]
        )

    def _model(self, look: Callable[[Tensor], Tensor]) -> None:
        flat = dist.Normal(torch.zeros(self._size, dtype=torch.float64), 1.0).to_event(1).mask(False)
        w = pyro.sample("w", flat)
        pyro.factor("posterior", -look(w))

    def _guide(self) -> None:
        pyro.sample("w", self._distribution())


def _layer(size: int) -> Any:
    """An autoregressive transform that hardly changes anything yet."""
    layer = transforms.affine_autoregressive(size, hidden_dims=[2 * size + 8]).double()
    with torch.no_grad():
        last = layer.arn.layers[-1]
        last.weight.mul_(0.01)
        last.bias.zero_()
        if layer.arn.skip_layer is not None:
            layer.arn.skip_layer.weight.zero_()
            layer.arn.skip_layer.bias.zero_()
    return layer
