"""Masks: non-zero or NaN means that a pixel is ignored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.errors import ImageError
from engine.images.text import counted, listed, size_text


def check_shape(what: str, shape: tuple[int, ...], image_shape: tuple[int, int]) -> None:
    """Raise ImageError unless an array that belongs to the image has the image's shape."""
    if shape == image_shape:
        return
    turned = " It looks transposed." if shape == image_shape[::-1] else ""
    raise ImageError(
        f"The shape of {what} does not match: it has {size_text(shape)}, the image has "
        f"{size_text(image_shape)}.{turned} Both must cover the same pixels."
    )


def mask_of(
    values: NDArray[np.float64], what: str, image_shape: tuple[int, int], *, invert: bool
) -> tuple[NDArray[np.bool_], list[str]]:
    """Return where pixels are ignored, and notices.

    Args:
        values: the mask as read; NaN counts as ignored whichever way round the mask is.
        what: the mask's name for sentences.
        image_shape: (rows, columns) the mask must have.
        invert: true if non-zero means that a pixel is good.

    Raises:
        ImageError: if the shape differs or no pixel is left.
    """
    check_shape(what, values.shape, image_shape)
    undefined = np.isnan(values)
    ignored = (values != 0) != invert
    ignored |= undefined
    n_ignored = int(np.count_nonzero(ignored))
    way_out = "If non-zero means good in this file, invert the mask (invert_mask=True)."
    if n_ignored == ignored.size:
        raise ImageError(f"{what} ignores all {ignored.size} pixels, so there is nothing to fit. {way_out}")
    notices = []
    if undefined.any():
        notices.append(f"{counted(int(undefined.sum()), 'pixel')} of {what} are NaN and count as ignored.")
    if n_ignored > 0.99 * ignored.size:
        notices.append(f"{what} ignores {100 * n_ignored / ignored.size:.2f} % of the pixels. {way_out}")
    flags = np.unique(values[ignored & ~undefined]) if not invert else np.empty(0)
    if len(flags) > 1:
        shown = listed([f"{flag:g}" for flag in flags])
        notices.append(
            f"{what} holds several values, as a bit mask or a segmentation map does ({shown}); every pixel "
            "that is not 0 is ignored. To keep some flags, give a mask that has only the others."
        )
    return ignored, notices
