"""Sample positions and weights: what a plan of integration is, and how it turns values into means of pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.render.grid import Grid


@dataclass(frozen=True)
class Accuracy:
    """Error allowed in a pixel's mean.

    Attributes:
        relative: Fraction of the pixel's own value.
        of_peak: Fraction of the brightest pixel of the component.
    """

    relative: float = 5e-4
    of_peak: float = 5e-6


@dataclass(frozen=True)
class Samples:
    """Sample positions of one component on a grid.

    Attributes:
        dx: Offsets from the center along x, flat (sample,): first one per cell of the grid padded by one cell,
            then each group's.
        dy: The same along y.
        groups: (cells (cell,), weights (point,) or (cell, point)), in the order of the samples.
        grid: The bare grid.
        smooth: Box (first column, last, first row, last; half-open) in which ``laplacian`` applies.
        laplacian: (row, column) of the box: 1/24 where the neighbors' Laplacian is added, else 0; or None.
    """

    dx: Tensor
    dy: Tensor
    groups: tuple[tuple[Tensor, Tensor], ...]
    grid: Grid
    smooth: tuple[int, int, int, int] = (0, 0, 0, 0)
    laplacian: Tensor | None = None

    def rounded(self, dtype: torch.dtype) -> Samples:
        """Return the same with offsets and weights in ``dtype``; they are computed in float64."""
        if self.dx.dtype == dtype:
            return self
        return replace(
            self,
            dx=self.dx.to(dtype),
            dy=self.dy.to(dtype),
            groups=tuple((cells, weights.to(dtype)) for cells, weights in self.groups),
            laplacian=None if self.laplacian is None else self.laplacian.to(dtype),
        )

    def average(self, values: Tensor) -> Tensor:
        """Return the means over cells, (..., row, column), of values at the samples, (..., sample)."""
        height, width = self.grid.height, self.grid.width
        at = (height + 2) * (width + 2)
        base = values[..., :at].unflatten(-1, (height + 2, width + 2))
        means = base[..., 1:-1, 1:-1].clone(memory_format=torch.contiguous_format)
        if self.laplacian is not None:
            left, right, bottom, top = self.smooth
            part = base[..., bottom : top + 2, left : right + 2]
            sum_of_four = part[..., 1:-1, :-2] + part[..., 1:-1, 2:]
            sum_of_four += part[..., :-2, 1:-1]
            sum_of_four += part[..., 2:, 1:-1]
            sum_of_four = sum_of_four.sub_(part[..., 1:-1, 1:-1], alpha=4)
            means[..., bottom:top, left:right].addcmul_(sum_of_four, self.laplacian)
        means = means.flatten(-2)
        for cells, weights in self.groups:
            count = cells.numel() * weights.shape[-1]
            block = values[..., at : at + count].unflatten(-1, (cells.numel(), weights.shape[-1]))
            at += count
            means.index_copy_(-1, cells, block @ weights if weights.ndim == 1 else (block * weights).sum(-1))
        image: Tensor = means.unflatten(-1, (height, width))
        return image

    def spread(self, scores: Tensor) -> Tensor:
        """Return the adjoint of :meth:`average`: scores of cells, (row, column), as scores of samples, (sample,)."""
        height, width = self.grid.height, self.grid.width
        spread = torch.zeros(self.dx.numel(), dtype=scores.dtype, device=scores.device)
        own = scores.flatten().clone()
        at = (height + 2) * (width + 2)
        base = spread[:at].view(height + 2, width + 2)
        for cells, weights in self.groups:
            points = spread[at : at + cells.numel() * weights.shape[-1]].view(cells.numel(), -1)
            torch.mul(own[cells, None], weights, out=points)
            at += points.numel()
        for cells, _ in self.groups:
            own[cells] = 0.0
        own = own.view(height, width)
        base[1:-1, 1:-1] = own
        if self.laplacian is not None:
            left, right, bottom, top = self.smooth
            share = own[bottom:top, left:right] * self.laplacian
            part = base[bottom : top + 2, left : right + 2]
            part[1:-1, 1:-1].sub_(share, alpha=4)
            for neighbor in (part[1:-1, :-2], part[1:-1, 2:], part[:-2, 1:-1], part[2:, 1:-1]):
                neighbor.add_(share)
        return spread
