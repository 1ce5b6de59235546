"""Samples that stay where they are while the parameters move a little: for many evaluations near one place.

The plan of :mod:`engine.render.integrate` is made anew for each set of parameters. Where they stay within a box, such
as the width of a posterior, one plan does for all of them (:mod:`engine.render.freeze`). The square of the radius is
then a quadratic form,

    R^2 = a (x - cx)^2 + 2 b (x - cx)(y - cy) + c (y - cy)^2,

so that it comes, for any number of parameter sets at once, from small matrix products, and the slopes of center and
shape come from the same products backward. Around the center the samples follow it; see
:mod:`engine.render.frozen_rays`. What is small is done by numpy wherever the samples are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.render.arrays import Array, Arrays
from engine.render.frozen_rays import FrozenRays, Rays
from engine.render.grid import Grid

# A square of the radius below which nothing that is not negligible lies; keeps centers of pixels from having none.
_TINY = 1e-30


@dataclass(frozen=True)
class FrozenSamples:
    """Samples of several components about an anchor each, for centers near it.

    For each component the samples are: the centers of the grid padded by one cell; points of Gauss rules; points on
    rays, (outward, along an edge, edge). Components with fewer than others are filled up with samples of no weight.

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
        arrays: Where the samples are.
    """

    grid: Grid
    rows: np.ndarray
    columns: np.ndarray
    anchors: np.ndarray
    features: Array
    entries: tuple[Array, Array, Array]
    owners: Array
    rays: FrozenRays
    arrays: Arrays

    @property
    def numbers(self) -> int:
        """How many numbers it needs for one set of parameters: five arrays of samples."""
        return int(5 * self.samples + len(self.features) * 6 * self.features.shape[2])

    @property
    def samples(self) -> int:
        """Samples of all components."""
        return int(len(self.features) * (self.base + self.features.shape[2] + self.rays.size))

    @property
    def base(self) -> int:
        """Samples of a component on the grid."""
        return len(self.rows) * len(self.columns)

    def place(self, centers: np.ndarray, metric: np.ndarray) -> Placed:
        """Return the samples for many parameter sets, valid until the next call.

        Args:
            centers: (chain, component, 2).
            metric: a, b, c, (chain, component, 3).
        """
        count = self.features.shape[2]
        shift = centers - self.anchors
        x, y = shift[..., 0], shift[..., 1]
        a, b, c = metric[..., 0], metric[..., 1], metric[..., 2]
        form = np.empty((*x.shape, 6))
        along, across = a * x + b * y, b * x + c * y
        form[..., 0] = along * x + across * y
        form[..., 1], form[..., 2] = -2 * along, -2 * across
        form[..., 3], form[..., 4], form[..., 5] = a, 2 * b, c
        # On the grid the form is a product of three functions of the row and three of the column.
        dx, dy = self.columns - centers[..., :1], self.rows - centers[..., 1:]
        columns, rows = np.empty((*x.shape, 3, dx.shape[-1])), np.empty((*x.shape, dy.shape[-1], 3))
        columns[..., 0, :], columns[..., 1, :], columns[..., 2, :] = 1.0, dx, dx * dx
        rows[..., 0] = dy * dy * form[..., 5:] + _TINY
        rows[..., 1], rows[..., 2] = dy * form[..., 4:5], form[..., 3:4]
        arrays, fixed = self.arrays, self.base + count
        squares = arrays.array("squares", (*x.shape, fixed + self.rays.size))
        across_grid = arrays.put(columns)
        on_grid = squares[..., : self.base].reshape(*dy.shape, dx.shape[-1])
        arrays.xp.matmul(arrays.put(rows), across_grid, out=on_grid)
        at_points = squares[..., None, self.base : fixed]
        arrays.xp.matmul(arrays.put(form)[..., None, :], self.features, out=at_points)
        rays = self.rays.place(shift, metric, arrays)
        rays.squares(out=squares[..., fixed:])
        return Placed(self, shift, metric, rays, dy, across_grid, squares)


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
    rows: np.ndarray
    columns: Array
    squares: Array

    @property
    def _fixed(self) -> int:
        return int(self.samples.base + self.samples.features.shape[2])

    def average(self, values: Array, amplitudes: np.ndarray) -> tuple[Array, Array]:
        """Return the image, (chain, row, column), and the means along rays, (chain, component, edge).

        Args:
            values: At the samples, (chain, component, sample).
            amplitudes: That multiply them before they are added up, (chain, component).
        """
        samples, arrays = self.samples, self.samples.arrays
        scales = arrays.put(amplitudes)
        total = arrays.xp.matmul(scales[:, None], values[..., : samples.base])[:, 0]
        # With the Laplacian / 24, for the mean over a cell.
        width = len(samples.columns)
        rows = total[:, width:-width] * 20.0
        for beside in _beside(width):
            rows += total[:, beside]
        rows *= 1 / 24
        image = arrays.compact(rows.reshape(len(values), -1, width)[..., 1:-1])
        flat = image.reshape(len(values), -1)
        numbers, cells, weights = samples.entries
        parts = arrays.take(values.reshape(len(values), -1), numbers)
        parts *= weights
        parts *= arrays.take(scales, samples.owners)
        arrays.add_at(flat, cells, parts)
        along = self.rays.means(values[..., self._fixed :])
        edges, cells, signs = samples.rays.cells
        areas = along * self.rays.areas * scales[..., None]
        arrays.add_at(flat, cells, arrays.take(areas.reshape(len(values), -1), edges) * signs)
        return image, along

    def spread(self, scores: Array, along: Array) -> tuple[Array, np.ndarray]:
        """Return the adjoint for unit amplitudes.

        Args:
            scores: Of cells, (chain, row, column).
            along: The means along rays that :meth:`average` gave.

        Returns:
            Scores of samples, (chain, component, sample), and slopes in the center that come from the areas that
            rays span, (chain, component, 2).
        """
        samples, arrays = self.samples, self.samples.arrays
        chains, flat = len(scores), scores.reshape(len(scores), -1)
        width = len(samples.columns)
        share = arrays.array("share", (chains, len(samples.rows) - 2, width))
        share[..., 0] = share[..., -1] = 0.0
        arrays.xp.multiply(scores, 1 / 24, out=share[..., 1:-1])
        share = share.reshape(chains, -1)
        common = arrays.array("common", (chains, samples.base))
        common[:, :width] = common[:, -width:] = 0.0
        arrays.xp.multiply(share, 20.0, out=common[:, width:-width])
        for beside in _beside(width):
            common[:, beside] += share
        base, fixed = samples.base, self._fixed
        spread = arrays.array("spread", tuple(self.squares.shape))
        spread[..., :base] = common[:, None]
        spread[..., base:fixed] = 0.0
        numbers, cells, weights = samples.entries
        arrays.add_at(spread.reshape(chains, -1), numbers, arrays.take(flat, cells) * weights)
        edges, of_edges, signs = samples.rays.cells
        by_edge = arrays.array("by_edge", tuple(along.shape))
        by_edge[:] = 0.0
        arrays.add_at(by_edge.reshape(chains, -1), edges, arrays.take(flat, of_edges) * signs)
        by_area = self.rays.spread(by_edge, along, out=spread[..., fixed:])
        return spread, by_area

    def slopes(self, scores: Array) -> np.ndarray:
        """Return d cost / d (center x, center y, a, b, c), (chain, component, 5), from d cost / d R^2."""
        samples, dy = self.samples, self.rows
        base, fixed, arrays = samples.base, self._fixed, samples.arrays
        on_grid = scores[..., :base].reshape(*dy.shape, len(samples.columns))
        # Sums over offsets from the centers: [i, j] of y^i x^j.
        by_row = arrays.get(arrays.xp.matmul(on_grid, self.columns.swapaxes(-1, -2)))
        powers = np.empty((*dy.shape[:2], 3, dy.shape[2]))
        powers[..., 0, :], powers[..., 1, :], powers[..., 2, :] = 1.0, dy, dy * dy
        on_grid = powers @ by_row
        points = scores[..., base:fixed, None]
        from_points = arrays.get(arrays.xp.matmul(samples.features, points))[..., 0]
        from_rays = self.rays.sums(scores[..., fixed:])
        # Those of the points of Gauss rules are about the anchors.
        one, mx, my, mxx, mxy, myy = (from_points[..., i] for i in range(6))
        x, y = self.shift[..., 0], self.shift[..., 1]
        a, b, c = (self.metric[..., i] for i in range(3))
        sx, sy = mx - x * one, my - y * one
        dx = sx + (from_rays[..., 0, 0] + on_grid[..., 0, 1])
        dy = sy + (from_rays[..., 1, 0] + on_grid[..., 1, 0])
        slopes = np.empty((*x.shape, 5))
        slopes[..., 0], slopes[..., 1] = -2 * (a * dx + b * dy), -2 * (b * dx + c * dy)
        slopes[..., 2] = mxx - x * (mx + sx) + from_rays[..., 0, 1] + on_grid[..., 0, 2]
        slopes[..., 3] = 2 * (mxy - x * my - y * sx + from_rays[..., 0, 2] + on_grid[..., 1, 1])
        slopes[..., 4] = myy - y * (my + sy) + from_rays[..., 1, 2] + on_grid[..., 2, 0]
        return slopes


def _beside(width: int) -> tuple[slice, ...]:
    """The four neighbors of the cells of all rows but the first and the last, of flat rows of ``width``."""
    return (
        slice(None, -2 * width),
        slice(2 * width, None),
        slice(width - 1, -width - 1),
        slice(width + 1, 1 - width),
    )
