"""Skies: smooth backgrounds that the PSF leaves as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from engine.models.base import Model
from engine.parameters.spec import Spec
from engine.render.grid import Grid
from engine.render.setting import Setting


@final
class FlatSky(Model):
    """The same brightness everywhere."""

    key = "flat sky"
    title = "Flat sky"
    summary = "A constant background."
    formula = "intensity"
    source = "definition"
    specs = (Spec(name="intensity", unit="flux/pixel", default=0.0, help="Brightness of the sky."),)
    amplitude = 0
    convolved = False

    def brightness(self, grid: Grid, values: Tensor, setting: Setting) -> Tensor:
        """Return the constant, (row, column)."""
        return values[0].expand(grid.height, grid.width)

    def gradient(self, grid: Grid, values: Sequence[float], setting: Setting) -> Tensor:
        """Return ones, (1, row, column)."""
        return torch.ones((1, grid.height, grid.width), dtype=torch.float64, device=grid.device)
