"""The PSF at any sub-pixel shift, as an interpolating cubic B-spline.

B-splines sum to one at any shift, so a shifted PSF keeps its flux exactly; Unser (1999), eq. 3.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engine.render.grid import Grid

# The prefilter's response falls by 3.7 a cell: past 16 cells it is below 1e-9.
_MARGIN = 16


def _cubic(t: Tensor) -> Tensor:
    """The centered cubic B-spline."""
    a = t.abs()
    inner = 2 / 3 - a**2 + a**3 / 2
    outer = (2 - a).clamp_min(0) ** 3 / 6
    return torch.where(a < 1, inner, outer)


def _cubic_slope(t: Tensor) -> Tensor:
    """Derivative of the centered cubic B-spline."""
    a = t.abs()
    inner = -2 * a + 1.5 * a**2
    outer = -((2 - a).clamp_min(0) ** 2) / 2
    return torch.sign(t) * torch.where(a < 1, inner, outer)


class PsfSpline:
    """A point source of flux 1 on a grid whose step is that of the PSF.

    Args:
        psf: (row, column), sum 1; origin at n // 2 on each axis.
        device: Where to work.
    """

    def __init__(self, psf: np.ndarray, device: str = "cpu") -> None:
        from scipy.ndimage import spline_filter

        coefficients = spline_filter(np.pad(psf, _MARGIN), order=3, mode="mirror")
        self._coefficients = torch.from_numpy(np.asarray(coefficients, dtype=np.float64)).to(device)
        self._origin_y, self._origin_x = (n // 2 + _MARGIN for n in psf.shape)
        self.radius = max(psf.shape) // 2 + 3

    def _offsets(self, grid: Grid, x: Tensor | float, y: Tensor | float) -> tuple[Tensor, Tensor]:
        """Distances in cells from each column (row) of the grid to each column (row) of coefficients."""
        rows, columns = self._coefficients.shape

        def count(n: int) -> Tensor:
            return torch.arange(n, dtype=torch.float64, device=self._coefficients.device)

        gx, gy = grid.x0 + grid.step * count(grid.width), grid.y0 + grid.step * count(grid.height)
        kx, ky = count(columns) - self._origin_x, count(rows) - self._origin_y
        return ((gx - x) / grid.step)[:, None] - kx, ((gy - y) / grid.step)[:, None] - ky

    def brightness(self, grid: Grid, x: Tensor | float, y: Tensor | float) -> Tensor:
        """Return the mean brightness per pixel area over each cell, (row, column), for flux 1."""
        tx, ty = self._offsets(grid, x, y)
        return (_cubic(ty) @ self._coefficients @ _cubic(tx).T / grid.step**2).to(grid.dtype)

    def gradient(self, grid: Grid, x: float, y: float) -> tuple[Tensor, Tensor, Tensor]:
        """Return the brightness for flux 1 and its derivatives by x and y, each (row, column)."""
        tx, ty = self._offsets(grid, x, y)
        bx, by = _cubic(tx), _cubic(ty)
        half_x, half_y = self._coefficients @ bx.T, by @ self._coefficients
        scale = 1 / grid.step**2
        # Matrices this small cost little in float64.
        return (
            (by @ half_x * scale).to(grid.dtype),
            (half_y @ _cubic_slope(tx).T * (-scale / grid.step)).to(grid.dtype),
            (_cubic_slope(ty) @ half_x * (-scale / grid.step)).to(grid.dtype),
        )
