"""A rectangle of pixels in the image plane."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Grid:
    """``height`` x ``width`` cells whose first center lies at (``x0``, ``y0``), ``step`` pixels apart.

    ``dtype`` is that of brightnesses on it; positions are float64 whatever it is.
    """

    x0: float
    y0: float
    width: int
    height: int
    step: float = 1.0
    device: str = "cpu"
    dtype: torch.dtype = torch.float64

    @property
    def size(self) -> int:
        """Number of cells."""
        return self.width * self.height

    def offsets(self, x: float, y: float) -> tuple[Tensor, Tensor]:
        """Return the centers less (x, y): dx and dy, each flat (cell,), row after row; float64."""
        across = (
            torch.arange(self.width, dtype=torch.float64, device=self.device)
            .mul_(self.step)
            .add_(self.x0 - x)
        )
        upward = (
            torch.arange(self.height, dtype=torch.float64, device=self.device)
            .mul_(self.step)
            .add_(self.y0 - y)
        )
        shape = (self.height, self.width)
        return across.expand(shape).reshape(-1), upward[:, None].expand(shape).reshape(-1)

    def padded(self, columns: int, rows: int) -> Grid:
        """Return the grid with that many more cells on each side."""
        return replace(
            self,
            x0=self.x0 - columns * self.step,
            y0=self.y0 - rows * self.step,
            width=self.width + 2 * columns,
            height=self.height + 2 * rows,
        )

    def oversampled(self, factor: int) -> Grid:
        """Return the grid with each cell divided into ``factor`` x ``factor``."""
        if factor == 1:
            return self
        step = self.step / factor
        shift = (factor - 1) / 2 * step
        return replace(
            self,
            x0=self.x0 - shift,
            y0=self.y0 - shift,
            width=self.width * factor,
            height=self.height * factor,
            step=step,
        )

    def box(self, x: float, y: float, half_width: float, half_height: float) -> tuple[int, int, int, int]:
        """Return the index ranges (column, column, row, row), half-open, of cells that touch a box."""
        left = max(0, int((x - half_width - self.x0) / self.step))
        right = min(self.width, int((x + half_width - self.x0) / self.step) + 2)
        bottom = max(0, int((y - half_height - self.y0) / self.step))
        top = min(self.height, int((y + half_height - self.y0) / self.step) + 2)
        return left, max(left, right), bottom, max(bottom, top)
