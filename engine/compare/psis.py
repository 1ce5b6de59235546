"""Leave-one-out cross-validation from draws, by Pareto smoothed importance sampling.

Vehtari, Gelman & Gabry (2017), Statistics and Computing 27, 1413; the fit of the generalized Pareto distribution
is that of Zhang & Stephens (2009), Technometrics 51, 316, with the weak prior of Vehtari et al. (2024), app. C.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, softmax

# Above this the estimate of a point cannot be relied on; Vehtari, Gelman & Gabry (2017), sec. 2.1.
BAD_K = 0.7
_CHUNK = 2_000_000


@dataclass(frozen=True)
class Loo:
    """Expected log predictive density of left-out data.

    Attributes:
        elpd: Sum over points, nats.
        se: Its standard error over points.
        p_loo: Effective number of parameters.
        pointwise: Of each point, (point,).
        k: Pareto shape of each point's importance ratios, (point,).
    """

    elpd: float
    se: float
    p_loo: float
    pointwise: np.ndarray
    k: np.ndarray

    @property
    def bad(self) -> int:
        """How many points' estimates cannot be relied on."""
        return int((self.k > BAD_K).sum())


def psis_loo(log_likelihood: np.ndarray, relative_efficiency: float = 1.0) -> Loo:
    """Return the leave-one-out estimate.

    Args:
        log_likelihood: ln p(point | draw), (draw, point).
        relative_efficiency: Effective over actual number of draws.
    """
    draws, points = log_likelihood.shape
    pointwise, k = np.empty(points), np.empty(points)
    step = max(1, _CHUNK // draws)
    for first in range(0, points, step):
        part = np.asarray(log_likelihood[:, first : first + step], dtype=np.float64).T
        weights, shapes = smoothed(-part, relative_efficiency)
        pointwise[first : first + step] = logsumexp(weights + part, axis=1)
        k[first : first + step] = shapes
    density = logsumexp(np.asarray(log_likelihood, dtype=np.float64), axis=0) - math.log(draws)
    return Loo(
        elpd=float(pointwise.sum()),
        se=math.sqrt(points * float(pointwise.var())),
        p_loo=float((density - pointwise).sum()),
        pointwise=pointwise,
        k=k,
    )


def smoothed(log_ratios: np.ndarray, relative_efficiency: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return normalized log weights, (point, draw), and Pareto shapes, (point,), of log ratios (point, draw)."""
    points, draws = log_ratios.shape
    weights = log_ratios - log_ratios.max(axis=1, keepdims=True)
    tail = math.ceil(min(0.2 * draws, 3 * math.sqrt(draws / relative_efficiency)))
    shapes = np.full(points, np.inf)
    if tail >= 5:
        order = np.argsort(weights, axis=1)
        last = order[:, -tail:]
        cutoff = np.take_along_axis(weights, order[:, -tail - 1 : -tail], axis=1)
        largest = np.take_along_axis(weights, last, axis=1)
        exceedances = np.exp(largest) - np.exp(cutoff)
        # Ratios that are all the same have no tail to smooth, and nothing wrong with them.
        varied = exceedances[:, -1] > 1e-12
        shapes[~varied] = -np.inf
        if varied.any():
            k, sigma = pareto_fit(exceedances[varied])
            quantiles = pareto_quantile((np.arange(tail) + 0.5) / tail, k[:, None], sigma[:, None])
            replaced = np.log(quantiles + np.exp(cutoff[varied]))
            rows = np.flatnonzero(varied)
            # No weight above the largest raw one.
            weights[rows[:, None], last[varied]] = np.minimum(replaced, 0.0)
            shapes[varied] = k
    return weights - logsumexp(weights, axis=1, keepdims=True), shapes


def pareto_fit(exceedances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shape k and scale sigma, (row,), of generalized Pareto samples, (row, sample), each row sorted."""
    size = exceedances.shape[1]
    grid = 30 + int(math.sqrt(size))
    quartile = exceedances[:, int(size / 4 + 0.5) - 1]
    largest = exceedances[:, -1]
    steps = 1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
    b = steps / (3 * np.maximum(quartile, 1e-300)[:, None]) + 1 / largest[:, None]
    k = np.stack([np.log1p(-b[:, i, None] * exceedances).mean(axis=1) for i in range(grid)], axis=1)
    likelihood = size * (np.log(-b / k) - k - 1)
    mean_b = (b * softmax(likelihood, axis=1)).sum(axis=1)
    shape = np.log1p(-mean_b[:, None] * exceedances).mean(axis=1)
    sigma = -shape / mean_b
    return (size * shape + 5) / (size + 10), sigma


def pareto_quantile(p: np.ndarray, k: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Return the quantiles of the generalized Pareto distribution; shapes broadcast."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(
            np.where(np.abs(k) < 1e-12, -sigma * np.log1p(-p), sigma * np.expm1(-k * np.log1p(-p)) / k)
        )
