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
        return values[0].to(grid.device, grid.dtype).expand(grid.height, grid.width)

    def gradient(self, grid: Grid, values: Sequence[float], setting: Setting) -> Tensor:
        """Return ones, (1, row, column)."""
        return torch.ones((1, grid.height, grid.width), dtype=grid.dtype, device=grid.device)


@final
class PlaneSky(Model):
    """A tilted plane; its intensity is that at the center of the image (or of its window)."""

    key = "plane sky"
    title = "Plane sky"
    summary = "A background that changes evenly across the image."
    formula = "intensity + gradient_x (x - x0) + gradient_y (y - y0), (x0, y0) the center of the image"
    source = "definition"
    specs = (
        Spec(name="intensity", unit="flux/pixel", default=0.0, help="Brightness at the center of the image."),
        Spec(
            name="gradient_x",
            unit="flux/pixel^2",
            default=0.0,
            label="gradient along x",
            help="Change of the brightness from one column to the next.",
        ),
        Spec(
            name="gradient_y",
            unit="flux/pixel^2",
            default=0.0,
            label="gradient along y",
            help="Change of the brightness from one row to the next.",
        ),
    )
    amplitude = 0
    convolved = False

    @property
    def linear(self) -> tuple[int, ...]:
        """All three parameters."""
        return (0, 1, 2)

    def brightness(self, grid: Grid, values: Tensor, setting: Setting) -> Tensor:
        """Return the plane, (row, column); differentiable in ``values``."""
        dx, dy = grid.offsets(*setting.reference)
        plane = values[0] + values[1] * dx + values[2] * dy
        return plane.reshape(grid.height, grid.width).to(grid.dtype)

    def gradient(self, grid: Grid, values: Sequence[float], setting: Setting) -> Tensor:
        """Return ones and the offsets from the center of the image, (3, row, column)."""
        dx, dy = grid.offsets(*setting.reference)
        rows = torch.stack((torch.ones_like(dx), dx, dy)).reshape(3, grid.height, grid.width)
        return rows.to(grid.dtype)
