"""Rays from a center to the edges of the cells around it, for many centers at once.

As in :func:`engine.render.rules.triangles`, such a cell is the signed sum of the triangles between the center and its
edges. On an edge, t = foot + ratio sinh(tau) gives R = length ratio cosh(tau); along the ray, R^2 falls as rho^2. An
edge between two cells is computed once and enters with both signs.

The points on the edges follow center and metric, as far as values go; slopes hold them in place, where the area of a
triangle is linear in the center and R^2 at the fraction rho of a ray is rho^2 times that of its end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.render.arrays import Array, Arrays
from engine.render.rules import EDGE_POINTS, gauss


@dataclass(frozen=True)
class FrozenRays:
    """What stays of the rays of several components.

    Attributes:
        start: First ends of the edges, offsets from the anchor, (2, component, edge).
        run: From there to the other ends, (2, component, edge).
        rho_square: Of the points on a ray, (component, outward).
        outward: Their weights, alike.
        cells: Which cells an edge belongs to: number of component and edge in one, cell, sign.
    """

    start: np.ndarray
    run: np.ndarray
    rho_square: Array
    outward: Array
    cells: tuple[Array, Array, Array]

    @property
    def size(self) -> int:
        """Samples of a component."""
        return int(self.start.shape[2] * EDGE_POINTS * self.outward.shape[1])

    def place(self, shift: np.ndarray, metric: np.ndarray, arrays: Arrays) -> Rays:
        """Return the rays from centers at anchor + shift, (chain, component, 2).

        Args:
            shift: (chain, component, 2).
            metric: a, b, c, (chain, component, 3).
            arrays: Where the samples are.
        """
        a, b, c = metric[..., 0, None], metric[..., 1, None], metric[..., 2, None]
        ex, ey = self.run
        ax, ay = self.start[0] - shift[..., 0, None], self.start[1] - shift[..., 1, None]
        along_x, along_y = a * ex + b * ey, b * ex + c * ey
        length_square = ex * along_x + ey * along_y
        cross = ax * ey - ay * ex
        foot = (ax * along_x + ay * along_y) / -length_square
        ratio = np.maximum(np.abs(cross) * np.sqrt(a * c - b * b) / length_square, 1e-6)
        low = np.arcsinh(-foot / ratio)
        span = np.arcsinh((1 - foot) / ratio) - low
        points, weights = (part[:, None] for part in gauss(EDGE_POINTS))
        tau = low[..., None, :] + span[..., None, :] * points
        reach = ratio[..., None, :] * np.cosh(tau)
        return Rays(
            self,
            arrays,
            arrays.put(cross),
            arrays.put(length_square[..., None, :] * (reach * reach)),
            arrays.put(span[..., None, :] * reach * weights),
            (ax, ay, foot, ratio, tau),
        )


@dataclass(frozen=True)
class Rays:
    """The rays of one batch.

    Attributes:
        frozen: What stays.
        arrays: Where the samples are.
        areas: Twice the signed area of each triangle, (chain, component, edge).
        ends: R^2 at the points on the edges, (chain, component, point, edge).
        along: Weights of these points, alike.
        edges: Where they are: of each edge the first end's offset from the center, x and y, foot and ratio,
            (chain, component, edge), and tau of its points, (chain, component, point, edge).
    """

    frozen: FrozenRays
    arrays: Arrays
    areas: Array
    ends: Array
    along: Array
    edges: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]

    def squares(self, out: Array) -> None:
        """Write R^2 at the samples to (chain, component, sample)."""
        self._times(self.ends, self.frozen.rho_square, out)

    def means(self, values: Array) -> Array:
        """Return the weighted sums of values, (chain, component, sample), for unit area, (chain, component, edge)."""
        return (self._outward(values, self.frozen.outward) * self.along).sum(-2)

    def spread(self, by_edge: Array, along: Array, out: Array) -> np.ndarray:
        """Write the scores of the samples to ``out`` and return the slopes in the center, (chain, component, 2)."""
        weights = (by_edge * self.areas)[..., None, :] * self.along
        self._times(weights, self.frozen.outward, out)
        by_area = self.arrays.get(by_edge * along)
        ex, ey = self.frozen.run
        slopes = np.empty((*by_area.shape[:2], 2))
        slopes[..., 0], slopes[..., 1] = -(by_area * ey).sum(-1), (by_area * ex).sum(-1)
        return slopes

    def sums(self, scores: Array) -> np.ndarray:
        """Return the sums of scores times 1, x, y and x^2, xy, y^2 of the samples, as a matrix.

        That is (chain, component, 2, 3): of (x, y) times (1, x, y).
        """
        weights = self.arrays.get(self._outward(scores, self.frozen.rho_square))
        ax, ay, foot, ratio, tau = self.edges
        ex, ey = self.frozen.run
        t = foot[..., None, :] + ratio[..., None, :] * np.sinh(tau)
        offsets, weighted = (np.empty((*t.shape[:2], count, *t.shape[2:])) for count in (2, 3))
        np.multiply(t, ex[:, None], out=offsets[:, :, 0])
        np.multiply(t, ey[:, None], out=offsets[:, :, 1])
        offsets[:, :, 0] += ax[..., None, :]
        offsets[:, :, 1] += ay[..., None, :]
        weighted[:, :, 0] = weights
        np.multiply(offsets, weights[:, :, None], out=weighted[:, :, 1:])
        left, right = (part.reshape(*part.shape[:3], t[0, 0].size) for part in (offsets, weighted))
        return np.asarray(left @ right.swapaxes(-1, -2))

    def _outward(self, flat: Array, weights: Array) -> Array:
        """Sums along the rays of (chain, component, sample) times weights, (chain, component, point, edge)."""
        return self.arrays.xp.matmul(weights[:, None], self._apart(flat)).reshape(self.along.shape)

    def _times(self, at_ends: Array, factors: Array, out: Array) -> None:
        """Write (chain, component, point, edge) times factors outward to (chain, component, sample)."""
        ends = at_ends.reshape(*at_ends.shape[:2], 1, -1)
        self.arrays.xp.multiply(ends, factors[..., None], out=self._apart(out))

    def _apart(self, flat: Array) -> Array:
        """(chain, component, sample) as (chain, component, outward, end)."""
        return flat.reshape(*flat.shape[:2], self.frozen.outward.shape[1], -1)
