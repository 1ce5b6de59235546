"""Convolution with the point spread function, by FFT, linear."""

from __future__ import annotations

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch import Tensor


class Convolver:
    """Convolves images on a grid padded by the reach of the PSF and returns them on the bare grid.

    The PSF's origin is its array pixel n // 2 on each axis. The wrap-around of the FFT falls into the
    padding, which is cut off, so that the result is the linear convolution of a scene that goes on beyond
    the image.

    Args:
        psf: (row, column), sum 1, in cells of the grid.
        height: Rows of the bare grid.
        width: Columns of the bare grid.
        device: Where to work.
        dtype: Of the images.
    """

    def __init__(
        self,
        psf: np.ndarray,
        height: int,
        width: int,
        device: str = "cpu",
        dtype: torch.dtype = torch.float64,
    ) -> None:
        rows, columns = psf.shape
        self.pad_rows, self.pad_columns = rows // 2, columns // 2
        self._height, self._width = height, width
        full = (height + 2 * self.pad_rows, width + 2 * self.pad_columns)
        self._shape = tuple(
            int(next_fast_len(max(n, m), real=True)) for n, m in zip(full, psf.shape, strict=True)
        )
        kernel = np.zeros(self._shape)
        kernel[:rows, :columns] = psf
        kernel = np.roll(kernel, (-(rows // 2), -(columns // 2)), (0, 1))
        self._transform = torch.fft.rfft2(torch.from_numpy(kernel).to(device, dtype))

    def adjoint(self, image: Tensor) -> Tensor:
        """Return the transpose of the convolution: (..., height, width) to the padded grid."""
        placed = torch.nn.functional.pad(
            image, (self.pad_columns, self.pad_columns, self.pad_rows, self.pad_rows)
        )
        spectrum = torch.fft.rfft2(placed, s=self._shape) * self._transform.conj()
        correlated: Tensor = torch.fft.irfft2(spectrum, s=self._shape)
        return correlated[..., : placed.shape[-2], : placed.shape[-1]]

    def __call__(self, images: Tensor) -> Tensor:
        """Return (..., height, width) from images on the padded grid."""
        spectrum = torch.fft.rfft2(images, s=self._shape)
        spectrum = spectrum * self._transform
        blurred: Tensor = torch.fft.irfft2(spectrum, s=self._shape)
        rows = slice(self.pad_rows, self.pad_rows + self._height)
        columns = slice(self.pad_columns, self.pad_columns + self._width)
        return blurred[..., rows, columns]
