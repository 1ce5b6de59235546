"""Rays from a center to the edges of the cells around it, for many centers at once.

As in :func:`engine.render.rules.triangles`, such a cell is the signed sum of the triangles between the center and its
edges. On an edge, t = foot + ratio sinh(tau) gives R = length ratio cosh(tau); along the ray, R^2 falls as rho^2. An
edge between two cells is computed once and enters with both signs.

The points on the edges follow center and metric, as far as values go; slopes hold them in place, where the area of a
triangle is linear in the center and R^2 at the fraction rho of a ray is rho^2 times that of its end.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.render.rules import EDGE_POINTS, gauss


@dataclass(frozen=True)
class FrozenRays:
    """What stays of the rays of several components.

    Attributes:
        start: First ends of the edges, offsets from the anchor, (2, component, edge).
        run: From there to the other ends, (2, component, edge).
        rho_square: Of the points on a ray, (component, point).
        outward: Their weights, (component, point).
        cells: Which cells an edge belongs to: number of component and edge in one, cell, sign.
    """

    start: Tensor
    run: Tensor
    rho_square: Tensor
    outward: Tensor
    cells: tuple[Tensor, Tensor, Tensor]

    @property
    def size(self) -> int:
        """Samples of a component."""
        return self.start.shape[2] * EDGE_POINTS * self.outward.shape[1]

    def place(self, shift: Tensor, forms: Tensor) -> Rays:
        """Return the rays from centers at anchor + shift, (chain, component, 2).

        Args:
            shift: (chain, component, 2).
            forms: The metric a, 2 b, c as the last three of (chain, component, 6).
        """
        a, b, c = forms[..., 3, None], 0.5 * forms[..., 4, None], forms[..., 5, None]
        ex, ey = self.run
        ax, ay = self.start[0] - shift[..., 0, None], self.start[1] - shift[..., 1, None]
        along_x, along_y = a * ex + b * ey, b * ex + c * ey
        length_square = ex * along_x + ey * along_y
        cross = ax * ey - ay * ex
        foot = (ax * along_x + ay * along_y) / -length_square
        ratio = (cross.abs() * torch.sqrt(a * c - b * b) / length_square).clamp_min_(1e-6)
        low, high = torch.asinh(-foot / ratio), torch.asinh((1 - foot) / ratio)
        points, weights = (torch.from_numpy(part).to(cross.device) for part in gauss(EDGE_POINTS))
        span = high - low
        tau = low[..., None] + span[..., None] * points
        cosh, ratio = torch.cosh(tau), ratio[..., None]
        t = foot[..., None] + ratio * torch.sinh(tau)
        return Rays(
            self,
            cross,
            length_square[..., None] * (ratio * cosh).square_(),
            (span[..., None] * ratio) * cosh * weights,
            torch.stack((ax[..., None] + t * ex[..., None], ay[..., None] + t * ey[..., None])),
        )


@dataclass(frozen=True)
class Rays:
    """The rays of one batch.

    Attributes:
        frozen: What stays.
        areas: Twice the signed area of each triangle, (chain, component, edge).
        ends: R^2 at the points on the edges, (chain, component, edge, point).
        along: Weights of these points, alike.
        offsets: Of these points from the center, (2, chain, component, edge, point).
    """

    frozen: FrozenRays
    areas: Tensor
    ends: Tensor
    along: Tensor
    offsets: Tensor

    def squares(self, out: Tensor) -> None:
        """Write R^2 at the samples to (chain, component, sample)."""
        torch.mul(self.ends.flatten(2)[..., None], self.frozen.rho_square[:, None], out=self._apart(out))

    def means(self, values: Tensor) -> Tensor:
        """Return the weighted sums of values, (chain, component, sample), for unit area, (chain, component, edge)."""
        outward = (self._apart(values) @ self.frozen.outward[..., None]).view(self.along.shape)
        means: Tensor = (outward * self.along).sum(-1)
        return means

    def spread(self, by_edge: Tensor, along: Tensor, out: Tensor) -> Tensor:
        """Write the scores of the samples to ``out`` and return the slopes in the center, (chain, component, 2)."""
        weights = (by_edge * self.areas)[..., None] * self.along
        torch.mul(weights.flatten(2)[..., None], self.frozen.outward[:, None], out=self._apart(out))
        by_area = by_edge * along
        ex, ey = self.frozen.run
        return torch.stack((-(by_area * ey).sum(-1), (by_area * ex).sum(-1)), -1)

    def sums(self, scores: Tensor) -> Tensor:
        """Return the sums of scores times x, y, x^2, xy, y^2 of the samples, (5, chain, component)."""
        weights = (self._apart(scores) @ self.frozen.rho_square[..., None]).view(self.along.shape)
        first = weights * self.offsets
        squares = (first * self.offsets).flatten(3).sum(-1)
        product = (first[0] * self.offsets[1]).flatten(2).sum(-1)
        return torch.stack((*first.flatten(3).sum(-1), squares[0], product, squares[1]))

    def _apart(self, flat: Tensor) -> Tensor:
        """(chain, component, sample) as (chain, component, end, point on its ray)."""
        return flat.view(*flat.shape[:2], -1, self.frozen.outward.shape[1])
