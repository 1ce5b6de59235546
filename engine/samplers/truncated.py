"""Draws of a Gaussian between bounds."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

# Rejection is given up where fewer draws than this fall between the bounds.
_LEAST_KEPT = 0.02
# Rounds of Gibbs sampling between draws that are kept.
_ROUNDS = 20


def truncated_normal(
    mean: np.ndarray,
    covariance: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    count: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return ``count`` draws, (draw, parameter), of a Gaussian cut off at bounds.

    By rejection where that is not wasteful, else by Gibbs sampling, one parameter after the other given the rest.

    Args:
        mean: (parameter,); it may lie outside the bounds.
        covariance: (parameter, parameter), positive definite.
        lower: (parameter,), -inf for none.
        upper: (parameter,), inf for none.
        count: Number of draws.
        rng: Random numbers.
    """
    factor = np.linalg.cholesky(covariance)
    kept: list[np.ndarray] = []
    have = tried = 0
    while have < count:
        batch = mean + rng.standard_normal((max(count, 1000), len(mean))) @ factor.T
        good = batch[np.all((batch >= lower) & (batch <= upper), axis=1)]
        kept.append(good)
        have += len(good)
        tried += len(batch)
        if have < _LEAST_KEPT * tried:
            return _gibbs(mean, covariance, lower, upper, count, rng)
    return np.concatenate(kept)[:count]


def _gibbs(
    mean: np.ndarray,
    covariance: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    count: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Many independent walks side by side, each of which gives one draw."""
    precision = np.linalg.inv(covariance)
    sigma = 1 / np.sqrt(np.diag(precision))
    x = np.tile(np.clip(mean, lower, upper), (count, 1))
    for _ in range(_ROUNDS * (1 + len(mean) // 4)):
        for i in range(len(mean)):
            rest = (x - mean) @ precision[:, i] - (x[:, i] - mean[i]) * precision[i, i]
            middle = mean[i] - rest * sigma[i] ** 2
            x[:, i] = np.clip(
                middle
                + sigma[i] * _cut_normal((lower[i] - middle) / sigma[i], (upper[i] - middle) / sigma[i], rng),
                lower[i],
                upper[i],
            )
    return x


def _cut_normal(low: np.ndarray, high: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Standard normal between ``low`` and ``high``, each (draw,), by inversion in the tail that keeps digits."""
    flip = low > 0
    a, b = np.where(flip, -high, low), np.where(flip, -low, high)
    below, above = ndtr(a), ndtr(b)
    u = below + (above - below) * rng.uniform(size=len(a))
    drawn = ndtri(np.maximum(u, 1e-300))
    # Beyond 37 sigmas nothing is left but the bound itself.
    drawn = np.where(above <= 1e-300, b, np.clip(drawn, a, b))
    return np.where(flip, -drawn, drawn)
