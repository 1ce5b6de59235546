"""Point-spread functions: divided by their sum, with the origin at pixel n // 2."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.errors import ImageError
from engine.images.text import counted, size_text

MAX_OVERSAMPLING = 50
_PEDESTAL = 0.1


def psf_of(
    values: NDArray[np.float64], what: str, image_shape: tuple[int, int], oversampling: int
) -> tuple[NDArray[np.float64], list[str]]:
    """Return the PSF divided by its sum, and notices.

    Args:
        values: the PSF as read. Its origin is pixel n // 2 (0-based) of each axis; negative values are kept.
        what: the PSF's name for sentences.
        image_shape: (rows, columns) of the full image; a larger PSF is cropped around its origin.
        oversampling: PSF pixels per image pixel on each axis; the array is kept at its own sampling.

    Raises:
        ImageError: if values are not finite or their sum is not positive.
    """
    n_undefined = int(np.count_nonzero(~np.isfinite(values)))
    if n_undefined:
        raise ImageError(
            f"{counted(n_undefined, 'pixel')} of {what} {'is' if n_undefined == 1 else 'are'} NaN or "
            "infinite. A PSF must be finite everywhere: convolution would spread them over the image. Fill "
            "them first."
        )
    # Dividing by the largest value first keeps sums of very large or small numbers in range.
    peak = float(np.abs(values).max())
    scaled = values / peak if peak > 0 else values
    total = float(scaled.sum())
    if peak == 0:
        raise ImageError(f"All pixels of {what} are zero, so the PSF has no sum to divide by.")
    if total <= 1e-6 * float(np.abs(scaled).sum()):
        raise ImageError(
            f"The sum of {what} is zero or negative ({total * peak:.4g}), so it is no PSF. Check the "
            "background that was subtracted from it."
        )
    psf, notices = _cropped(scaled / total, what, image_shape, oversampling)
    negative = psf < 0
    if negative.any():
        notices.append(
            f"{counted(int(negative.sum()), 'pixel')} of {what} are negative "
            f"({100 * -psf[negative].sum():.2g} % of the sum); they are kept."
        )
    notices += _centering(psf, what)
    pedestal = _pedestal(psf)
    if pedestal > _PEDESTAL:
        notices.append(
            f"About {100 * pedestal:.0f} % of the sum of {what} lies in a pedestal as high as its border. "
            "If that is background, subtract it: it makes the model too faint and too flat."
        )
    return psf, notices


def sampling_notice(declared: float | None, oversampling: int, what: str) -> list[str]:
    """Return a notice if the header declares another sampling of the PSF than the one asked for."""
    if declared is None or declared == oversampling or declared <= 0:
        return []
    return [
        f"The header of {what} says that it is sampled {declared:g} times finer than the image, but "
        f"psf_oversampling is {oversampling}. If the header is right, set psf_oversampling: {declared:g}."
    ]


def _cropped(
    psf: NDArray[np.float64], what: str, image_shape: tuple[int, int], oversampling: int
) -> tuple[NDArray[np.float64], list[str]]:
    slices = []
    for n, n_image in zip(psf.shape, image_shape, strict=True):
        limit = n_image * oversampling
        # An odd length with the old origin in its middle keeps the origin at n // 2.
        half = (limit - 1) // 2
        slices.append(slice(None) if n <= limit else slice(n // 2 - half, n // 2 + half + 1))
    cropped = psf[slices[0], slices[1]]
    if cropped.shape == psf.shape:
        return psf, []
    total = float(cropped.sum())
    if total <= 0:
        raise ImageError(
            f"{what} is larger than the image and has no light near its origin. Crop it to its source."
        )
    return cropped / total, [
        f"{what} ({size_text(psf.shape)}) is larger than the image and was cropped around its origin to "
        f"{size_text(cropped.shape)}; {100 * (1 - total):.2g} % of its sum was cut off."
    ]


def _centering(psf: NDArray[np.float64], what: str) -> list[str]:
    notices = []
    origin_y, origin_x = psf.shape[0] // 2, psf.shape[1] // 2
    if psf.shape[0] % 2 == 0 or psf.shape[1] % 2 == 0:
        notices.append(
            f"{what} has an even number of pixels on a side ({size_text(psf.shape)}); its origin is taken "
            f"at pixel x={origin_x}, y={origin_y} (0-based), n // 2."
        )
    # The median of the border is subtracted so that a pedestal does not pull the centroid.
    light = np.maximum(psf - _border_level(psf), 0)
    rows, columns = np.indices(psf.shape)
    total = light.sum()
    if total <= 0:
        return notices
    x, y = float((light * columns).sum() / total), float((light * rows).sum() / total)
    offset = max(abs(x - origin_x), abs(y - origin_y))
    if offset > 0.2:
        # A PSF centered between the pixels of an even array is off by half a pixel: mild, but positions move.
        strength = "" if offset < 0.51 else " Re-center it if that is not meant."
        notices.append(
            f"The light of {what} centers at x={x:.2f}, y={y:.2f}, but its origin is x={origin_x}, "
            f"y={origin_y}; fitted positions shift by the difference.{strength}"
        )
    return notices


def _border(psf: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([psf[0], psf[-1], psf[1:-1, 0], psf[1:-1, -1]])


def _border_level(psf: NDArray[np.float64]) -> float:
    return max(0.0, float(np.median(_border(psf)))) if min(psf.shape) >= 5 else 0.0


def _pedestal(psf: NDArray[np.float64]) -> float:
    return _border_level(psf) * psf.size
