"""Samples that stay where they are while the parameters move a little: for many evaluations near one place.

The plan of :mod:`engine.render.integrate` is made anew for each set of parameters. Where they stay within a box, such
as the width of a posterior, one plan does for all of them (:mod:`engine.render.freeze`). The square of the radius is
then a quadratic form,

    R^2 = a (x - cx)^2 + 2 b (x - cx)(y - cy) + c (y - cy)^2,

so that it comes, for any number of parameter sets at once, from small matrix products, and the slopes of center and
shape come from the same products backward. Around the center the samples follow it; see
:mod:`engine.render.frozen_rays`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.render.frozen_rays import FrozenRays, Rays
from engine.render.grid import Grid
from engine.render.scratch import Workspace

# A square of the radius below which nothing that is not negligible lies; keeps rounding from making it negative.
_TINY = 1e-30
_LOW, _MID, _HIGH = slice(None, -2), slice(1, -1), slice(2, None)


@dataclass(frozen=True)
class FrozenSamples:
    """Samples of several components about an anchor each, for centers near it.

    For each component the samples are: the centers of the grid padded by one cell; points of Gauss rules; points on
    rays, (edge, along it, outward). Components with fewer than others are filled up with samples of no weight.

    Attributes:
        grid: The bare grid.
        rows: y of the centers of its rows, and of one more on each side, (row,).
        columns: x of its columns, alike, (column,).
        anchors: (x, y) of each component, (component, 2).
        features: 1, X, Y, X^2, XY, Y^2 of the offset of each point of Gauss rules from the anchor,
            (component, 6, point).
        entries: What the mean of a cell that is not smooth takes from samples besides: number of component and
            sample in one, cell, weight, each (entry,).
        owners: The component of each entry.
        rays: Around the center.
        workspace: For the arrays of the samples.
    """

    grid: Grid
    rows: Tensor
    columns: Tensor
    anchors: np.ndarray
    features: Tensor
    entries: tuple[Tensor, Tensor, Tensor]
    owners: Tensor
    rays: FrozenRays
    workspace: Workspace

    @property
    def numbers(self) -> int:
        """How many numbers it needs for one set of parameters: five arrays of samples."""
        return 5 * self._size + self.features.numel()

    @property
    def _size(self) -> int:
        """Samples of all components."""
        height, width = self.grid.height + 2, self.grid.width + 2
        return len(self.features) * (height * width + self.features.shape[2] + self.rays.size)

    def place(self, centers: np.ndarray, metric: np.ndarray) -> Placed:
        """Return the samples for many parameter sets, valid until the next call.

        Args:
            centers: (chain, component, 2).
            metric: a, b, c, (chain, component, 3).
        """
        count = self.features.shape[2]
        shift = centers - self.anchors
        (x, y), (a, b, c) = np.moveaxis(shift, -1, 0), np.moveaxis(metric, -1, 0)
        form = np.empty((*x.shape, 6))
        along, across = a * x + b * y, b * x + c * y
        form[..., 0] = along * x + across * y
        form[..., 1], form[..., 2] = -2 * along, -2 * across
        form[..., 3], form[..., 4], form[..., 5] = a, 2 * b, c
        forms, places, middles = (
            torch.from_numpy(part).to(self.features.device)
            for part in (form, shift, np.ascontiguousarray(centers))
        )
        rays = self.rays.place(places, forms)
        # On the grid the form is a product of three functions of the row and three of the column.
        dx, dy = self.columns - middles[..., :1], self.rows - middles[..., 1:]
        columns = torch.stack((torch.ones_like(dx), dx, dx * dx), -2)
        by_row = torch.stack(
            (dy * dy * forms[..., 5:], dy * forms[..., 4:5], forms[..., 3:4].expand_as(dy)), -1
        )
        base = dx.shape[-1] * dy.shape[-1]
        fixed = base + count
        squares = self.workspace.array("squares", (*x.shape, fixed + self.rays.size))
        on_grid = squares.flatten(0, 1)[:, :base].unflatten(-1, (dy.shape[-1], dx.shape[-1]))
        torch.bmm(by_row.flatten(0, 1), columns.flatten(0, 1), out=on_grid)
        for number, features in enumerate(self.features):
            torch.mm(forms[:, number], features, out=squares[:, number, base:fixed])
        rays.squares(out=squares[..., fixed:])
        return Placed(self, shift, metric, rays, dy, columns, squares.clamp_min_(_TINY))


@dataclass(frozen=True)
class Placed:
    """The samples for one batch of parameter sets.

    Attributes:
        samples: What stays.
        shift: Of the centers from the anchors, (chain, component, 2).
        metric: a, b, c, (chain, component, 3).
        rays: Around the centers.
        rows: y of the rows, padded by one on each side, from the centers, (chain, component, row).
        columns: 1, x, x^2 of the columns, alike, (chain, component, 3, column).
        squares: R^2 at the samples, (chain, component, sample).
    """

    samples: FrozenSamples
    shift: np.ndarray
    metric: np.ndarray
    rays: Rays
    rows: Tensor
    columns: Tensor
    squares: Tensor

    @property
    def _base(self) -> int:
        return self.rows.shape[-1] * self.columns.shape[-1]

    @property
    def _fixed(self) -> int:
        return self._base + self.samples.features.shape[2]

    def average(self, values: Tensor, amplitudes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the image, (chain, row, column), and the means along rays, (chain, component, edge).

        Args:
            values: At the samples, (chain, component, sample).
            amplitudes: That multiply them before they are added up, (chain, component).
        """
        samples = self.samples
        height, width = samples.grid.height, samples.grid.width
        total = amplitudes[:, None] @ values[..., : (height + 2) * (width + 2)]
        base = total.view(-1, height + 2, width + 2)
        image = base[:, _MID, _MID] * (1 - 4 / 24)
        neighbors = base[:, _LOW, _MID] + base[:, _HIGH, _MID]
        neighbors += base[:, _MID, _LOW]
        neighbors += base[:, _MID, _HIGH]
        image.add_(neighbors, alpha=1 / 24)
        flat = image.view(len(values), -1)
        numbers, cells, weights = samples.entries
        parts = _take(values.flatten(1), numbers) * weights
        parts *= _take(amplitudes, samples.owners)
        _add_at(flat, cells, parts)
        along = self.rays.means(values[..., self._fixed :])
        edges, cells, signs = samples.rays.cells
        areas = along * self.rays.areas * amplitudes[..., None]
        _add_at(flat, cells, _take(areas.flatten(1), edges) * signs)
        return image, along

    def spread(self, scores: Tensor, along: Tensor) -> tuple[Tensor, np.ndarray]:
        """Return the adjoint for unit amplitudes.

        Args:
            scores: Of cells, (chain, row, column).
            along: The means along rays that :meth:`average` gave.

        Returns:
            Scores of samples, (chain, component, sample), and slopes in the center that come from the areas that
            rays span, (chain, component, 2).
        """
        samples = self.samples
        height, width = samples.grid.height, samples.grid.width
        chains, flat = len(scores), scores.flatten(1)
        common = scores.new_zeros((chains, height + 2, width + 2))
        common[:, _MID, _MID] = scores * (1 - 4 / 24)
        share = scores * (1 / 24)
        for rows, columns in ((_LOW, _MID), (_HIGH, _MID), (_MID, _LOW), (_MID, _HIGH)):
            common[:, rows, columns] += share
        base, fixed = self._base, self._fixed
        spread = samples.workspace.array("spread", tuple(self.squares.shape))
        spread[..., :base] = common.flatten(1)[:, None]
        spread[..., base:fixed] = 0
        numbers, cells, weights = samples.entries
        _add_at(spread.view(chains, -1), numbers, _take(flat, cells) * weights)
        edges, of_edges, signs = samples.rays.cells
        by_edge = scores.new_zeros((chains, along[0].numel()))
        _add_at(by_edge, edges, _take(flat, of_edges) * signs)
        by_area = self.rays.spread(by_edge.view(along.shape), along, out=spread[..., fixed:])
        return spread, by_area.cpu().numpy()

    def slopes(self, scores: Tensor) -> np.ndarray:
        """Return d cost / d (center x, center y, a, b, c), (chain, component, 5), from d cost / d R^2."""
        base, fixed = self._base, self._fixed
        rows = torch.stack((torch.ones_like(self.rows), self.rows, self.rows * self.rows), -2)
        on_grid = scores[..., :base].unflatten(-1, (rows.shape[-1], self.columns.shape[-1]))
        # Sums over offsets from the centers: [i, j] of y^i x^j.
        from_grid = (rows @ (on_grid @ self.columns.mT)).cpu().numpy()
        sums = torch.stack(
            [scores[:, i, base:fixed] @ features.T for i, features in enumerate(self.samples.features)]
        )
        from_rays = self.rays.sums(scores[..., fixed:]).cpu().numpy()
        # Those of the points of Gauss rules are about the anchors.
        one, mx, my, mxx, mxy, myy = sums.cpu().numpy().transpose(2, 1, 0)
        (x, y), (a, b, c) = np.moveaxis(self.shift, -1, 0), np.moveaxis(self.metric, -1, 0)
        dx = mx - x * one + from_rays[0] + from_grid[..., 0, 1]
        dy = my - y * one + from_rays[1] + from_grid[..., 1, 0]
        slopes = np.empty((*x.shape, 5))
        slopes[..., 0], slopes[..., 1] = -2 * (a * dx + b * dy), -2 * (b * dx + c * dy)
        slopes[..., 2] = mxx - 2 * x * mx + x * x * one + from_rays[2] + from_grid[..., 0, 2]
        slopes[..., 3] = 2 * (mxy - x * my - y * mx + x * y * one + from_rays[3] + from_grid[..., 1, 1])
        slopes[..., 4] = myy - 2 * y * my + y * y * one + from_rays[4] + from_grid[..., 2, 0]
        return slopes


def _take(values: Tensor, numbers: Tensor) -> Tensor:
    """values[:, numbers]."""
    return torch.gather(values, 1, numbers.expand(len(values), -1))


def _add_at(target: Tensor, numbers: Tensor, values: Tensor) -> None:
    """Add to target[:, numbers], several times where a number repeats."""
    if target.device.type == "cpu":
        target.scatter_add_(1, numbers.expand(len(values), -1), values)
    else:
        # Sorts first, so that sums, and with them draws, come out the same each time.
        chains = torch.arange(len(values), device=target.device)[:, None]
        target.index_put_((chains, numbers[None]), values, accumulate=True)
