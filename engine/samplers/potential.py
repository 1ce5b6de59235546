"""-ln density as autograd sees it: value and gradient come from one closed-form pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.samplers.density import Point


class _Potential(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, w: Tensor, look: Callable[[np.ndarray], Point]) -> Tensor:
        here = look(w.detach().numpy())
        ctx.gradient = torch.from_numpy(-here.gradient)
        return w.new_tensor(-float(here.log_density))

    @staticmethod
    def backward(ctx: Any, by_value: Tensor) -> tuple[Tensor, None]:
        return by_value * ctx.gradient, None


def potential(look: Callable[[np.ndarray], Point]) -> Callable[[Tensor], Tensor]:
    """Return the potential as a differentiable function of w, (free,), from what computes a :class:`Point`."""
    apply: Any = _Potential.apply

    def function(w: Tensor) -> Tensor:
        value: Tensor = apply(w, look)
        return value

    return function
