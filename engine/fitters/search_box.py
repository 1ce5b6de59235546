"""A finite box around a start, for searches and for perturbed starts."""

from __future__ import annotations

import math

import numpy as np

from engine.parameters import ParameterSpace


def search_box(
    space: ParameterSpace, x: np.ndarray, width: float, spread: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return (lower, upper), each (free,): the bounds where finite and tighter, else a range set by ``width``.

    Positive quantities span x / width .. x width, centers x +- 3 width pixels, angles a full turn, others
    x +- width |x|, or +- width times ``spread`` where that is more: what leaves room around 0.
    """
    lower, upper = np.empty_like(x), np.empty_like(x)
    for i, number in enumerate(space.free):
        parameter = space.parameters[number]
        if parameter.period is not None:
            low, high = x[i] - parameter.period / 2, x[i] + parameter.period / 2
        elif parameter.name.startswith("center."):
            low, high = x[i] - 3 * width, x[i] + 3 * width
        elif parameter.spec.lower >= 0:
            low, high = x[i] / width, max(x[i], 1e-12) * width
        else:
            reach = width * max(abs(x[i]), 0.0 if spread is None else spread[i], 1e-12)
            low, high = x[i] - reach, x[i] + reach
        lower[i], upper[i] = max(low, space.lower[i]), min(high, space.upper[i])
    return lower, upper


def scattered(
    space: ParameterSpace, x: np.ndarray, rng: np.random.Generator, width: float = 2.0
) -> np.ndarray:
    """Return a random start in the search box around ``x``, (free,); from the prior where there is one.

    Positive quantities are drawn evenly in their logarithm.
    """
    lower, upper = search_box(space, x, width)
    drawn = np.empty_like(x)
    for i, number in enumerate(space.free):
        parameter = space.parameters[number]
        if parameter.prior is not None:
            drawn[i] = parameter.prior.draw(rng)
        elif parameter.spec.lower >= 0 and lower[i] > 0 and parameter.period is None:
            drawn[i] = math.exp(rng.uniform(math.log(lower[i]), math.log(max(upper[i], lower[i]))))
        else:
            drawn[i] = rng.uniform(lower[i], upper[i])
    return np.asarray(np.clip(drawn, space.lower, space.upper))
