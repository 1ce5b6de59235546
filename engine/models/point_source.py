"""A point source: the PSF itself, at any sub-pixel position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.models.base import Model
from engine.parameters.spec import CENTER, Spec
from engine.render.grid import Grid
from engine.render.psf_spline import PsfSpline
from engine.render.setting import Setting


@final
class PointSource(Model):
    """A star or an unresolved nucleus."""

    key = "point source"
    title = "Point source"
    summary = "A star or an unresolved nucleus: the image's PSF, shifted and scaled."
    formula = "flux PSF(x - center.x, y - center.y)"
    source = "cubic B-spline interpolation of the PSF; Unser 1999, eq. 3"
    specs = (*CENTER, Spec(name="flux", unit="flux", lower=0.0, default=1.0, help="Total flux."))
    amplitude = 2
    convolved = False

    def _psf(self, setting: Setting) -> PsfSpline:
        if setting.psf is None:
            raise ModelError("A point source needs a PSF, and the image has none. Give one as `psf:`.")
        return setting.psf

    def brightness(self, grid: Grid, values: Tensor, setting: Setting) -> Tensor:
        """Return the shifted PSF times the flux, (row, column)."""
        return values[2] * self._psf(setting).brightness(grid, values[0], values[1])

    def gradient(self, grid: Grid, values: Sequence[float], setting: Setting) -> Tensor:
        """Return d brightness / d parameter, (3, row, column)."""
        unit, by_x, by_y = self._psf(setting).gradient(grid, values[0], values[1])
        return torch.stack((by_x * values[2], by_y * values[2], unit))

    def flux(self, values: Sequence[float]) -> float:
        """Return the flux."""
        return values[2]
