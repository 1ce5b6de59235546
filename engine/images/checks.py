"""Doubts about an image's values, as notices: nothing here changes a pixel."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.images.noise import measured_noise
from engine.images.text import counted

_SAMPLE = 2_000_000
_BOX = 5
#: Pixels beyond which looking for sources takes too long for a glance.
_LARGE = 5_000_000


def value_notices(data: NDArray[np.float64], bad: NDArray[np.bool_], what: str) -> list[str]:
    """Return notices about used pixels that are all alike, none positive, or absurdly large."""
    used = data[~bad] if bad.any() else data.ravel()
    if used.size == 0:
        return []
    lowest, highest = float(used.min()), float(used.max())
    if lowest == highest:
        return [f"{what} is constant ({used[0]:.6g} in every used pixel): there is no signal to fit."]
    notices = []
    if highest <= 0:
        notices.append(
            f"No pixel of {what} is positive, so there may be no source to fit. Is the sign right?"
        )
    sample = np.abs(used[:: max(1, used.size // _SAMPLE)])
    orders = np.log10(sample[sample > 0])
    if orders.size > 100 and np.ptp(np.percentile(orders, [5, 95])) > 20:
        notices.append(
            f"Values of {what} span tens of orders of magnitude; they may be damaged, or written in the "
            "wrong byte order."
        )
        return notices
    low, middle, high = np.percentile(used[:: max(1, used.size // _SAMPLE)], [1, 50, 99])
    spread = high - low
    if 0 < 1e6 * spread < max(highest - middle, middle - lowest):
        n_extreme = int(np.count_nonzero(np.abs(used - middle) > 1e6 * spread))
        notices.append(
            f"{counted(n_extreme, 'pixel')} of {what} lie more than a million times the image's spread from "
            "its median; mask them if they are saturated or damaged."
        )
    return notices


def source_notices(
    data: NDArray[np.float64], bad: NDArray[np.bool_], masked: NDArray[np.bool_], what: str
) -> list[str]:
    """Return notices if nothing stands out of the noise, or if what stands out lies under the mask.

    Args:
        data: the image.
        bad: pixels that hold no value.
        masked: pixels that the mask ignores.
        what: the image's name for sentences.
    """
    if data.size > _LARGE:
        return []
    noise = measured_noise(data, bad)
    used = ~(bad | masked)
    if noise == 0 or np.count_nonzero(used) < 4 * _BOX**2:
        return []
    light = np.where(bad, 0.0, data - np.median(data[used]))
    # A box of 5 x 5 pixels averages noise; the largest of many boxes grows with their number.
    threshold = (math.sqrt(2 * math.log(data.size)) + 1.5) * noise * _BOX
    seen = _box_sum(np.where(masked, 0.0, light))
    peak, dip = float(seen.max()), -float(seen.min())
    hidden = float(_box_sum(np.where(masked, light, 0.0)).max()) if masked.any() else 0.0
    if hidden > max(threshold, 3 * peak):
        return [
            f"The brightest source of {what} lies under the mask. If it is the one to fit, take it out of "
            "the mask."
        ]
    if dip > max(threshold, 3 * peak):
        return [f"What stands out most in {what} is a dip below its median. Is the sign of the image right?"]
    if peak < threshold:
        return [f"No source stands out of the noise of {what}; fitted values may mean little."]
    return []


def _box_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sums over boxes of 5 x 5 pixels around each pixel, nothing beyond the border."""
    from scipy.ndimage import convolve1d

    # Not a running sum: one absurd pixel would spoil all others by rounding.
    ones = np.ones(_BOX)
    rows: NDArray[np.float64] = convolve1d(values, ones, axis=0, mode="constant")
    boxes: NDArray[np.float64] = convolve1d(rows, ones, axis=1, mode="constant")
    return boxes
