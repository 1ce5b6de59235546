"""An image cut into tiles, so that memory does not grow with the image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.images import Image
from engine.render import Grid

# An image up to this many pixels is worked on whole; a larger one in square tiles, so that memory stays flat.
_WHOLE = 400_000
_TILE = 256


@dataclass(frozen=True)
class Tile:
    """A rectangle of the image: its grid in image coordinates, its place in the array, data and weight."""

    grid: Grid
    rows: slice
    columns: slice
    data: Tensor
    weight: Tensor

    def touches(self, x: float, y: float, reach: float) -> bool:
        """True where a square of half-width ``reach`` around (x, y) overlaps the tile."""
        grid = self.grid
        return (
            grid.x0 - reach <= x <= grid.x0 + grid.width + reach
            and grid.y0 - reach <= y <= grid.y0 + grid.height + reach
        )


def cut(image: Image, device: str, side: int | None = None, dtype: torch.dtype = torch.float64) -> list[Tile]:
    """Return the tiles of ``image``, ``side`` pixels wide and high; where None, one for a small image.

    Data and weights are float64 whatever the ``dtype`` of brightnesses.
    """
    height, width = image.shape
    left, bottom = image.origin
    size = side or (max(height, width) if height * width <= _WHOLE else _TILE)
    data = torch.tensor(image.data, device=device)
    weight = torch.tensor(image.weight, device=device)
    tiles = []
    for row in range(0, height, size):
        for column in range(0, width, size):
            rows, columns = slice(row, min(row + size, height)), slice(column, min(column + size, width))
            across, upward = columns.stop - columns.start, rows.stop - rows.start
            grid = Grid(left + column, bottom + row, across, upward, device=device, dtype=dtype)
            tiles.append(
                Tile(
                    grid, rows, columns, data[rows, columns].contiguous(), weight[rows, columns].contiguous()
                )
            )
    return tiles
