"""Is a residual noise? Its distribution, its autocorrelation, and its profile around a center.

Pulls of a right model with right sigmas are independent and N(0, 1): what is left of them tells what is wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import kurtosis

# So many sigma of chance before a sentence is said.
_NOTABLE = 4.0
_REACH = 12


@dataclass(frozen=True)
class Whiteness:
    """How far pulls (residual / sigma) are from independent N(0, 1).

    Attributes:
        pull: (row, column); nan where a pixel is ignored.
        mean: Of the used pixels.
        sd: Their standard deviation.
        excess: Their excess kurtosis: 0 for a Gaussian, positive with outliers.
        autocorrelation: At lags -12 to 12, (lag in rows, lag in columns); 1 in the middle.
        neighbors: Mean autocorrelation of the four nearest neighbors.
        neighbors_error: Its scatter for independent pulls.
        message: What is notable, in words.
    """

    pull: np.ndarray
    mean: float
    sd: float
    excess: float
    autocorrelation: np.ndarray
    neighbors: float
    neighbors_error: float
    message: str


@dataclass(frozen=True)
class RadialProfile:
    """Means in elliptical rings.

    Attributes:
        radius: Mean semi-major axis of the pixels in each ring, in pixels, (ring,).
        mean: Weighted mean of the pixels, (ring,).
        error: Standard error of the mean by the weights, (ring,).
        pixels: How many were used, (ring,).
    """

    radius: np.ndarray
    mean: np.ndarray
    error: np.ndarray
    pixels: np.ndarray


def whiteness(data: np.ndarray, model: np.ndarray, weight: np.ndarray) -> Whiteness:
    """Return how the residual of ``model`` differs from noise.

    Args:
        data: (row, column).
        model: The same shape.
        weight: 1 / sigma**2, zero where a pixel is ignored.

    Raises:
        ValueError: Fewer than three pixels are used.
    """
    used = weight > 0
    count = int(used.sum())
    if count < 3:
        raise ValueError(
            f"{count} pixels are used; a residual of fewer than 3 cannot be judged. Check the mask."
        )
    pull = np.where(used, (data - model) * np.sqrt(weight), np.nan)
    values = pull[used]
    mean, sd = float(values.mean()), float(values.std())
    excess = float(kurtosis(values)) if sd > 0 else 0.0
    surface, pairs = _autocorrelation(np.where(used, pull - mean, 0.0), used)
    middle = _REACH
    nearest = [surface[middle, middle + 1], surface[middle + 1, middle]]
    counts = [pairs[middle, middle + 1], pairs[middle + 1, middle]]
    neighbors = float(np.mean(nearest))
    error = 1 / math.sqrt(max(float(np.sum(counts)), 1.0))
    return Whiteness(
        pull, mean, sd, excess, surface, neighbors, error, _words(count, mean, sd, excess, neighbors, error)
    )


def radial_profile(
    image: np.ndarray,
    weight: np.ndarray,
    center: tuple[float, float],
    axis_ratio: float = 1.0,
    position_angle: float = 0.0,
    edges: np.ndarray | None = None,
) -> RadialProfile:
    """Return weighted means of ``image`` in elliptical rings.

    Args:
        image: (row, column).
        weight: 1 / sigma**2 of the pixels, zero where ignored.
        center: (x, y) in pixels; (0, 0) is the center of ``image[0, 0]``.
        axis_ratio: Minor over major axis of the rings.
        position_angle: Of the major axis, degrees counter-clockwise from +y.
        edges: Semi-major axes between rings, in pixels; by default a pixel apart near the center, wider farther out.
    """
    rows, columns = np.indices(image.shape, dtype=float)
    dx, dy = columns - center[0], rows - center[1]
    turn = math.radians(position_angle)
    along = -dx * math.sin(turn) + dy * math.cos(turn)
    across = dx * math.cos(turn) + dy * math.sin(turn)
    radius = np.hypot(along, across / axis_ratio)
    used = (weight > 0) & np.isfinite(image)
    if edges is None:
        farthest = max(float(radius[used].max()), 2.0) if used.any() else 2.0
        inner = np.arange(0.0, min(12.0, farthest) + 1)
        outer = inner[-1] * np.cumprod(np.full(200, 1.09))
        edges = np.concatenate([inner, outer[outer < farthest], [1.001 * farthest]])
    ring = np.digitize(radius[used], edges) - 1
    inside = (ring >= 0) & (ring < len(edges) - 1)
    ring, w, values = ring[inside], weight[used][inside], image[used][inside]
    size = len(edges) - 1
    total = np.bincount(ring, w, size)
    pixels = np.bincount(ring, minlength=size)
    kept = total > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(ring, w * values, size) / total
        middle = np.bincount(ring, radius[used][inside], size) / pixels
        error = 1 / np.sqrt(total)
    return RadialProfile(middle[kept], mean[kept], error[kept], pixels[kept])


def _autocorrelation(pull: np.ndarray, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Autocorrelation over pairs of used pixels, and the number of pairs, both (2 * 12 + 1, 2 * 12 + 1)."""
    size = [n + _REACH + 1 for n in pull.shape]

    def products(values: np.ndarray) -> np.ndarray:
        power = np.abs(np.fft.rfft2(values, size)) ** 2
        full = np.fft.irfft2(power, size)
        lags = np.arange(-_REACH, _REACH + 1)
        return np.asarray(full[np.ix_(lags % size[0], lags % size[1])])

    pairs = np.round(products(used.astype(float)))
    sums = products(pull)
    middle = sums[_REACH, _REACH] / max(pairs[_REACH, _REACH], 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        surface = np.where(pairs > 0, sums / pairs / middle if middle > 0 else 0.0, np.nan)
    return surface, pairs


def _words(count: int, mean: float, sd: float, excess: float, neighbors: float, error: float) -> str:
    found = []
    if abs(mean) > _NOTABLE * sd / math.sqrt(count):
        found.append(f"their mean is {mean:+.3f}, not 0: the sky is off")
    if abs(sd - 1) > max(_NOTABLE / math.sqrt(2 * count), 0.05):
        what = "sigma is too small or the model lacks something" if sd > 1 else "sigma is too large"
        found.append(f"their standard deviation is {sd:.3f}, not 1: {what}")
    if excess > max(_NOTABLE * math.sqrt(24 / count), 0.3):
        found.append(f"they have outliers (excess kurtosis {excess:.2f}): mask them, or use student-t")
    if neighbors > _NOTABLE * error:
        found.append(
            f"neighboring pixels are alike (correlation {neighbors:+.3f}): the model lacks structure, or the noise "
            "is correlated"
        )
    if not found:
        return (
            f"The pulls look like noise: mean {mean:+.3f}, standard deviation {sd:.3f}, correlation of neighbors "
            f"{neighbors:+.3f}."
        )
    return f"The pulls are not independent N(0, 1): {'; '.join(found)}."
