"""Densities of draws: smoothed histograms, the contours that hold a share of the draws, intervals, unwrapped angles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from contourpy import contour_generator

# What 1, 2 and 3 sigma of a two-dimensional Gaussian hold: 1 - exp(-k^2 / 2).
MASSES = tuple(float(1 - np.exp(-(k**2) / 2)) for k in (1, 2, 3))
# One-dimensional: 15.9, 50 and 84.1 %.
QUANTILES = (0.158655, 0.5, 0.841345)
# Narrower kernels leave a correlated posterior in beads along the grid; in bins.
LEAST_KERNEL = 0.5


@dataclass(frozen=True)
class Grid:
    """Cells of equal size per parameter: ``low`` and ``high`` are the outer edges, each (parameter,)."""

    low: np.ndarray
    high: np.ndarray
    bins: int

    def bins_of(self, draws: np.ndarray) -> np.ndarray:
        """Which cell each draw of (draw, parameter) falls into, int; -1 outside."""
        place = np.floor((draws - self.low) / (self.high - self.low) * self.bins)
        place = np.where((place >= 0) & (place < self.bins), place, -1)
        return place.astype(np.int64)


def unwrapped(draws: np.ndarray, period: np.ndarray, around: np.ndarray | None = None) -> np.ndarray:
    """Draws, (..., parameter), with each angle within half a period of ``around``, by default its circular mean.

    ``period`` is (parameter,), nan for what is no angle; ``around`` too.
    """
    found = np.array(draws, dtype=float)
    for i in np.flatnonzero(np.isfinite(period)):
        middle = circular_mean(found[..., i], float(period[i])) if around is None else float(around[i])
        half = period[i] / 2
        found[..., i] = middle + np.mod(found[..., i] - middle + half, period[i]) - half
    return found


def circular_mean(values: np.ndarray, period: float) -> float:
    """Mean of angles, in [0, period)."""
    turn = 2 * np.pi / period
    return float(np.arctan2(np.sin(turn * values).mean(), np.cos(turn * values).mean()) / turn % period)


def intervals(draws: np.ndarray) -> np.ndarray:
    """Lower end, median and upper end of the central 68.3 % of (draw, parameter), as (3, parameter)."""
    return np.quantile(draws, QUANTILES, axis=0)


def pair_densities(draws: np.ndarray, grid: Grid, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts and smoothed counts of pairs of parameters, each (pair, bins, bins), [y, x].

    The kernel is a Gaussian of the draws' own covariance times n^(-1/3) (Scott 1992, section 6.5, in two dimensions),
    so that narrow ridges are blurred along and not across.

    Args:
        draws: (draw, parameter).
        grid: For all parameters.
        pairs: Columns of ``draws`` for x and y, (pair, 2).
    """
    bins = grid.bins
    place = grid.bins_of(draws)
    counts = np.empty((len(pairs), bins, bins))
    for number, (x, y) in enumerate(pairs):
        inside = (place[:, x] >= 0) & (place[:, y] >= 0)
        cells = place[inside, y] * bins + place[inside, x]
        counts[number] = np.bincount(cells, minlength=bins * bins).reshape(bins, bins)
    return counts, _smooth(counts, draws, grid, pairs)


def _smooth(counts: np.ndarray, draws: np.ndarray, grid: Grid, pairs: np.ndarray) -> np.ndarray:
    bins, size = grid.bins, 2 * grid.bins  # padded with nothing, or one edge would leak to the other
    scaled = draws * (bins / (grid.high - grid.low))
    covariance = np.atleast_2d(np.cov(scaled.T)) * len(draws) ** (-1 / 3)
    fx = 2 * np.pi * np.fft.rfftfreq(size)[None, None, :]
    fy = 2 * np.pi * np.fft.fftfreq(size)[None, :, None]
    x, y = pairs.T
    xx, yy, xy = (covariance[i, j][:, None, None] for i, j in ((x, x), (y, y), (x, y)))
    least = LEAST_KERNEL**2
    kernel = np.exp(-0.5 * ((xx + least) * fx**2 + (yy + least) * fy**2 + 2 * xy * fx * fy))
    found = np.fft.irfft2(np.fft.rfft2(counts, (size, size)) * kernel, (size, size))[:, :bins, :bins]
    return np.maximum(found, 0.0)


def levels(counts: np.ndarray, smooth: np.ndarray, total: int) -> np.ndarray:
    """Heights of ``smooth`` whose contours hold 39.3, 86.5 and 98.9 % of the draws, (pair, 3).

    The share is counted over the draws themselves (cells ordered by their smoothed height), so that it holds
    whatever the smoothing. Draws outside the grid count as outside every contour.
    """
    flat, heights = counts.reshape(len(counts), -1), smooth.reshape(len(smooth), -1)
    order = np.argsort(-heights, axis=1)
    share = np.cumsum(np.take_along_axis(flat, order, axis=1), axis=1) / total
    sorted_heights = np.take_along_axis(heights, order, axis=1)
    found = np.empty((len(counts), len(MASSES)))
    for k, mass in enumerate(MASSES):
        last = np.minimum((share < mass).sum(axis=1), flat.shape[1] - 1)
        # Half-way to the next lower cell: the cell that reaches the share lies inside.
        below = np.minimum(last + 1, flat.shape[1] - 1)
        rows = np.arange(len(counts))
        found[:, k] = 0.5 * (sorted_heights[rows, last] + sorted_heights[rows, below])
    return found


def contours(smooth: np.ndarray, level: float) -> list[np.ndarray]:
    """Closed outlines of ``smooth``, (bins, bins) [y, x], at ``level``: (vertex, 2) in units of the grid, 0 to 1.

    Holes run the other way round. Outside the grid there is nothing, so outlines close along its edge.
    """
    bins = len(smooth)
    padded = np.zeros((bins + 2, bins + 2))
    padded[1:-1, 1:-1] = smooth
    centers = np.clip((np.arange(bins + 2) - 0.5) / bins, 0.0, 1.0)
    generator = contour_generator(centers, centers, padded)
    return [np.asarray(line) for line in generator.lines(max(level, 1e-12))]


def ellipse_outline(mean: np.ndarray, covariance: np.ndarray, sigma: float, vertices: int = 61) -> np.ndarray:
    """Contour of a two-dimensional Gaussian at ``sigma``, (vertex, 2); holds 1 - exp(-sigma^2 / 2)."""
    phase = np.linspace(0, 2 * np.pi, vertices)
    values, vectors = np.linalg.eigh(covariance)
    axes = vectors * np.sqrt(np.maximum(values, 0.0))
    return mean + sigma * np.stack([np.cos(phase), np.sin(phase)], axis=1) @ axes.T
