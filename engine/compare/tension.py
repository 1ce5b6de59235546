"""How far two results lie apart, in sigma, and how much their posteriors overlap."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from engine.compare.alignment import Aligned, difference

DENOMINATOR = (
    "Differences are divided by the larger of the two uncertainties. Fits to the same data share their noise: they "
    "should find the same numbers, so the square root of the sum of squares, which is right for independent "
    "data, would hide differences."
)

_GRID = 1024


def tensions(found: Aligned) -> np.ndarray:
    """Return (value of run i - value of run j) / larger uncertainty, (parameter, run i, run j).

    Angles go the nearest way round. Where one of the two uncertainties is unknown the other is taken; nan where
    both are, or where a run did not fit the parameter.
    """
    a, b = found.values[:, None], found.values[None]
    sigma = np.fmax(found.uncertainties[:, None], found.uncertainties[None])
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = difference(a, b, found.periods) / sigma
    apart[np.arange(len(a)), np.arange(len(a))] = np.where(np.isfinite(found.values), 0.0, np.nan)
    return np.asarray(np.moveaxis(apart, 2, 0))


def deviations(found: Aligned, truth: dict[str, float]) -> np.ndarray:
    """Return (value - true value) / uncertainty, (run, parameter); nan where either is unknown."""
    true = np.array([truth.get(name, np.nan) for name in found.names])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(difference(found.values, true, found.periods) / found.uncertainties)


def overlaps(found: Aligned) -> np.ndarray:
    """Return the overlapping coefficient of each parameter's posteriors, (parameter, run, run).

    The area under the lower of two densities, 1 for the same and 0 for disjoint ones: Inman & Bradley (1989).
    Of samplers the density is a histogram of the draws, smoothed; of the others the Gaussian of value and
    uncertainty.
    """
    runs = len(found.labels)
    shared = np.full((len(found.names), runs, runs), np.nan)
    for at in range(len(found.names)):
        densities = _densities(found, at)
        for i in range(runs):
            for j in range(runs):
                one, other = densities[i], densities[j]
                if one is not None and other is not None:
                    shared[at, i, j] = 1.0 if i == j else float(np.minimum(one, other).sum())
    return shared


def _densities(found: Aligned, at: int) -> list[np.ndarray | None]:
    """Probability in each cell of one grid, (cell,), of each run; None where its spread is unknown."""
    period = found.periods[at]
    centers, sigmas = found.values[:, at], found.uncertainties[:, at]
    known = np.isfinite(centers) & np.isfinite(sigmas) & (sigmas > 0)
    if not known.any():
        return [None] * len(centers)
    middle = centers[known][0]
    # Angles unwrapped around the first run, so that 179 and 1 degree are neighbors.
    shifts = difference(centers, middle, period)
    samples = [
        None if draws is None else shift + difference(draws[:, at], center, period)
        for draws, shift, center in zip(found.draws, shifts, centers, strict=True)
    ]
    reach = np.concatenate(
        [
            (shifts - 6 * sigmas)[known],
            (shifts + 6 * sigmas)[known],
            *(sample[np.isfinite(sample)] for sample in samples if sample is not None),
        ]
    )
    low, high = float(reach.min()), float(reach.max())
    edges = np.linspace(low, high, _GRID + 1)
    places = 0.5 * (edges[1:] + edges[:-1])
    found_densities: list[np.ndarray | None] = []
    for run, sample in enumerate(samples):
        if not known[run]:
            found_densities.append(None)
            continue
        if sample is None:
            density = np.exp(-0.5 * ((places - shifts[run]) / sigmas[run]) ** 2)
        else:
            density = _smoothed(sample[np.isfinite(sample)], edges)
        found_densities.append(density / density.sum())
    return found_densities


def _smoothed(sample: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Histogram of the draws, convolved with a Gaussian of the width of Silverman (1986), eq. 3.31."""
    counts, _ = np.histogram(sample, edges)
    quartiles = np.percentile(sample, [25, 75])
    spread = min(float(sample.std()), float(np.diff(quartiles)[0]) / 1.349)
    width = 0.9 * spread * len(sample) ** -0.2
    return np.asarray(gaussian_filter1d(counts.astype(float), width / (edges[1] - edges[0]), mode="nearest"))
