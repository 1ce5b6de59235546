"""The image that everything else works on: pixels, weights, mask, PSF and sky coordinates in one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.errors import ImageError

if TYPE_CHECKING:
    from astropy.wcs import WCS

#: The shortest side an image may have, in pixels.
MIN_SIDE = 3
#: The fewest usable pixels; below this no galaxy model can be fitted (a Sersic alone has 7 parameters).
MIN_USED = 8


@dataclass(frozen=True, eq=False, kw_only=True)
class Image:
    """One image ready to be fitted. Arrays are (rows, columns) = (y, x) and read-only.

    Attributes:
        name: the name in the fit description, for instance "r".
        data: (ny, nx) float64, in the file's units per pixel; 0 where the file had no finite value.
        weight: (ny, nx) float64, 1 / variance; 0 exactly where `mask` is true.
        mask: (ny, nx) bool, true where a pixel is ignored.
        psf: float64 with sum 1 and origin at pixel n // 2 of each axis, or None.
        psf_oversampling: how many PSF pixels span one image pixel on each axis.
        wcs: celestial WCS of this array (of the cut-out where there is a window), or None.
        zero_point: magnitude of one unit of flux, or None.
        gain: electrons per unit of data, where given: what a Poisson likelihood counts; or None.
        unit: the unit the header names, '' where it names none; made harmless, not escaped.
        window: (x0, x1, y0, y1), half-open, in pixels of the full image, or None. `data` is that cut-out,
            while pixel coordinates of parameters always count in the full image.
        noise_estimated: whether the weight is one constant measured from the image itself.
        notices: sentences about what was masked, guessed or looks doubtful.
        hashes: SHA-256 of the file, per role ("data", "sigma", "mask", "psf", ...).
        sources: path of the file with [extension] where it has several images, "array", or a number, per
            role.

    Raises:
        ImageError: if arrays do not fit together.
    """

    name: str
    data: NDArray[np.float64]
    weight: NDArray[np.float64]
    mask: NDArray[np.bool_]
    psf: NDArray[np.float64] | None = None
    psf_oversampling: int = 1
    wcs: WCS | None = None
    zero_point: float | None = None
    gain: float | None = None
    unit: str = ""
    window: tuple[int, int, int, int] | None = None
    noise_estimated: bool = False
    notices: tuple[str, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.data.ndim != 2 or min(self.data.shape) < MIN_SIDE:
            raise ImageError(
                f"{self.name} has the shape {self.data.shape}, but a 2-D image of at least {MIN_SIDE} x "
                f"{MIN_SIDE} pixels is needed."
            )
        for role, array, kind in (
            ("data", self.data, np.float64),
            ("weight", self.weight, np.float64),
            ("mask", self.mask, np.bool_),
        ):
            if array.shape != self.data.shape or array.dtype != kind:
                raise ImageError(
                    f"{role} of {self.name} is {array.dtype} with the shape {array.shape}, but must be "
                    f"{np.dtype(kind)} with the shape {self.data.shape}."
                )
        if not (np.isfinite(self.data).all() and np.isfinite(self.weight).all()):
            raise ImageError(
                f"data and weight of {self.name} must be finite; mask other pixels and set them to 0."
            )
        if ((self.weight > 0) == self.mask).any() or (self.weight < 0).any():
            raise ImageError(
                f"weight of {self.name} must be 0 where the mask is true and positive elsewhere."
            )
        if self.psf is not None and not abs(float(self.psf.sum()) - 1) < 1e-6:
            raise ImageError(f"The PSF of {self.name} has the sum {self.psf.sum():.6g}, but it must be 1.")
        if self.window is not None:
            x0, x1, y0, y1 = self.window
            if self.data.shape != (y1 - y0, x1 - x0):
                raise ImageError(f"The window of {self.name} does not have the shape of its data.")
        for pixels in (self.data, self.weight, self.mask, self.psf):
            if pixels is not None:
                pixels.setflags(write=False)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of `data`."""
        return self.data.shape[0], self.data.shape[1]

    @property
    def origin(self) -> tuple[int, int]:
        """(x, y) in the full image of the first pixel of `data`."""
        return (0, 0) if self.window is None else (self.window[0], self.window[2])

    @property
    def n_used(self) -> int:
        """Number of pixels that are not masked."""
        return int(self.mask.size - np.count_nonzero(self.mask))
