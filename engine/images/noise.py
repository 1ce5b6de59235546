"""Weights from whatever the noise is known by: sigma, variance, weight, gain, or the image itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import ImageError
from engine.images.text import counted

#: sigma over measured pixel noise beyond which (either way) the sigma is doubted.
_DOUBT = 100.0
#: A standard deviation over what is left of it after cutting a Gaussian at 3 sigma.
_CLIP_FACTOR = 1 / 0.986578
_SAMPLE = 4_000_000


@dataclass(frozen=True)
class Noise:
    """Weights (1 / variance, 0 where unusable), where they are unusable, and what to tell."""

    weight: NDArray[np.float64]
    excluded: NDArray[np.bool_]
    estimated: bool
    notices: list[str]


def measured_noise(data: NDArray[np.float64], bad: NDArray[np.bool_]) -> float:
    """Return the standard deviation of one pixel's noise, in the unit of `data`.

    Neighbors are combined so that a plane through them cancels; what is smooth over two pixels (sky and most
    of a galaxy) therefore does not count. The median of the absolute combinations starts a clipping at
    3 sigma. Noise that is correlated between neighbors is underestimated. Returns 0 for a constant image.
    """
    # A few million combinations are plenty, so large images are sampled row by row.
    step = max(1, data.size // _SAMPLE)
    upper, lower = data[1::step], data[:-1:step]
    used = ~(bad[1::step] | bad[:-1:step])
    used = used[:, 1:] & used[:, :-1]
    differences = ((upper[:, 1:] - upper[:, :-1]) - (lower[:, 1:] - lower[:, :-1]))[used] / 2
    differences = differences[np.isfinite(differences)]
    if differences.size == 0:
        return 0.0
    sigma = 1.4826 * float(np.median(np.abs(differences)))
    if sigma == 0:
        # More than half of the combinations vanish, as with few counts in integers.
        return float(np.sqrt(np.mean(differences**2)))
    for _ in range(20):
        kept = differences[np.abs(differences) < 3 * sigma]
        narrowed = _CLIP_FACTOR * float(np.sqrt(np.mean(kept**2)))
        if abs(narrowed - sigma) < 1e-6 * sigma:
            break
        sigma = narrowed
    return sigma


def weights_from_map(
    role: str, values: NDArray[np.float64], what: str, data: NDArray[np.float64], bad: NDArray[np.bool_]
) -> Noise:
    """Return weights from a map of sigma, variance or weight (`role`), already of the image's shape.

    Pixels that are not finite, negative or (not for a weight) zero are excluded and counted.

    Raises:
        ImageError: if no pixel has a usable value.
    """
    with np.errstate(all="ignore"):
        weight = {"sigma": 1 / values**2, "variance": 1 / values, "weight": values * 1.0}[role]
        excluded = ~(np.isfinite(values) & (values > 0) & np.isfinite(weight) & (weight > 0))
    weight[excluded] = 0
    if excluded.all():
        raise ImageError(
            f"No pixel of {what} is positive and finite: a {role} of zero, a negative one or NaN is an "
            f"error. Give a {role} map with positive values, or leave it out to have the noise measured."
        )
    notices = []
    n_excluded = int(np.count_nonzero(excluded & ~bad))
    if n_excluded:
        notices.append(
            f"{counted(n_excluded, 'pixel')} of {what} {'is' if n_excluded == 1 else 'are'} zero, negative "
            "or not finite and ignored."
        )
    notices += _doubts(weight, excluded | bad, what, data)
    return Noise(weight, excluded, False, notices)


def weights_from_gain(
    data: NDArray[np.float64], bad: NDArray[np.bool_], gain: float, read_noise: float
) -> Noise:
    """Return weights from variance = max(data, 0) / gain + (read_noise / gain)**2.

    Args:
        data: the image in ADU, sky included.
        bad: which of its pixels are unusable.
        gain: electrons per ADU.
        read_noise: electrons per pixel.

    Raises:
        ImageError: if a number is out of range or no pixel has a positive variance.
    """
    if not (math.isfinite(gain) and gain > 0):
        raise ImageError(f"gain is {gain:g}, but must be positive and finite, in electrons per ADU.")
    if not (math.isfinite(read_noise) and read_noise >= 0):
        raise ImageError(f"read_noise is {read_noise:g}, but must be finite and not negative, in electrons.")
    variance = np.maximum(data, 0) / gain + (read_noise / gain) ** 2
    noise = weights_from_map("variance", variance, "the variance from the gain", data, bad)
    if (noise.excluded & ~bad).any():
        noise.notices.append(
            "Without read noise a pixel at or below zero has no variance, and ignoring such pixels biases a "
            "fit: give read_noise, or an image from which the sky was not subtracted."
        )
    return noise


def constant_weights(data: NDArray[np.float64], value: float, role: str) -> Noise:
    """Return the same weight for every pixel from one number (`role`: sigma, variance or weight)."""
    if not (math.isfinite(value) and value > 0):
        raise ImageError(f"{role} is {value:g}, but must be positive and finite.")
    try:
        weight = {"sigma": 1 / value / value, "variance": 1 / value, "weight": value}[role]
    except (OverflowError, ZeroDivisionError):
        weight = math.inf
    if not (math.isfinite(weight) and weight > 0):
        raise ImageError(f"{role} is {value:g}, which is out of the range of numbers. Scale the image.")
    return Noise(np.full(data.shape, weight), np.zeros(data.shape, dtype=bool), False, [])


def estimated_weights(data: NDArray[np.float64], bad: NDArray[np.bool_], what: str) -> Noise:
    """Return the same weight for every pixel, measured from the image."""
    sigma = measured_noise(data, bad)
    weight = 0.0 if sigma == 0 else 1 / sigma / sigma
    none = np.zeros(data.shape, dtype=bool)
    if not (math.isfinite(weight) and weight > 0):
        notice = (
            f"No noise was given and none can be measured from {what}; a sigma of 1 is used for every pixel."
        )
        return Noise(np.ones(data.shape), none, True, [notice])
    notice = (
        f"No noise was given, so a sigma of {sigma:.4g}, measured from {what}, is used for every pixel. "
        "Uncertainties and chi2 depend on it: give sigma, variance, weight or gain if you can."
    )
    return Noise(np.full(data.shape, weight), none, True, [notice])


def _doubts(
    weight: NDArray[np.float64], bad: NDArray[np.bool_], what: str, data: NDArray[np.float64]
) -> list[str]:
    if bad.all():
        return []
    measured = measured_noise(data, bad)
    ratio = 1 / math.sqrt(float(np.median(weight[~bad]))) / measured if measured > 0 else 1.0
    if 1 / _DOUBT <= ratio <= _DOUBT:
        return []
    word = "larger" if ratio > 1 else "smaller"
    factor = max(ratio, 1 / ratio)
    return [
        f"The noise in {what} is about {factor:.2g} times {word} than the scatter between neighboring "
        "pixels. Check its unit, and whether it is sigma, variance or weight."
    ]
