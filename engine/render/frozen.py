"""Samples that stay where they are while the parameters move a little: for many evaluations near one place.

The plan of :mod:`engine.render.integrate` is made anew for each set of parameters. Where they stay within a box, such
as the width of a posterior, one plan does for all of them: each cell gets the strictest rule that any corner of the
box asks for, and at least the value at its center with the Laplacian. The square of the radius is then a quadratic
form in fixed features of the samples,

    R^2 = a (x - cx)^2 + 2 b (x - cx)(y - cy) + c (y - cy)^2,

so that it comes, for any number of parameter sets at once, from one small matrix product, and the slopes of center
and shape come from the same product backward.

Around the center, the pixel is the signed sum of triangles between the center and its edges, as there. The points on
the edges stay, those on the rays lie at fixed fractions rho of the way from the center: their R^2 is rho^2 times
that of the edge point, again a quadratic form, and the area of the triangle is linear in the center. An edge between
two such cells is computed once and enters with both signs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from engine.geometry.base import Geometry
from engine.profiles.base import Profile
from engine.render.grid import Grid
from engine.render.integrate import rays_needed, ring_radii
from engine.render.rules import EDGE_POINTS, MAX_ORDER, edges, gauss, in_steps, square_rule
from engine.render.samples import Accuracy

# Angles further apart than this, in degrees, need a corner of the box between them.
_TURN = 15.0
# More samples than this many a cell: then the box is too wide, and a plan for each place is cheaper.
_MOST_PER_CELL = 4.0
_ALWAYS = 20_000
# A square of the radius below which nothing that is not negligible lies; keeps rounding from making it negative.
_TINY = 1e-30
# The strictest rule of a cell, and the points a side of the rules between it and the smooth one.
_NEAR = 5
_ORDERS = {2: 2, 3: 4, 4: MAX_ORDER}


@dataclass(frozen=True)
class FrozenSamples:
    """Samples of several components about an anchor each, for centers near it.

    For each component the samples are: the centers of the grid padded by one cell; points of Gauss rules; points on
    rays, (edge, point). Components with fewer than others are filled up with samples of no weight.

    Attributes:
        grid: The bare grid.
        anchors: (x, y) of each component, (component, 2).
        features: 1, X, Y, X^2, XY, Y^2 of each sample's offset from the anchor, on rays times rho^2,
            (component, 6, sample).
        entries: What the mean of a cell that is not smooth takes from samples besides: number of component and
            sample in one, cell, weight, each (entry,).
        edges: Which cells the rays to an edge belong to: number of component and edge in one, cell, sign.
        cross: Twice the area between anchor and edge, (component, edge).
        by_shift: Its derivatives by the center's x and y, (component, edge, 2).
        weights: Of the points on rays to each edge, for unit area, (component, edge, point).
    """

    grid: Grid
    anchors: np.ndarray
    features: Tensor
    entries: tuple[Tensor, Tensor, Tensor]
    edges: tuple[Tensor, Tensor, Tensor]
    cross: Tensor
    by_shift: Tensor
    weights: Tensor

    def squares(self, shift: np.ndarray, metric: np.ndarray) -> Tensor:
        """Return R^2 at the samples, (chain, component, sample).

        Args:
            shift: Of the centers from the anchors, (chain, component, 2).
            metric: a, b, c, (chain, component, 3).
        """
        (x, y), (a, b, c) = np.moveaxis(shift, -1, 0), np.moveaxis(metric, -1, 0)
        form = np.empty((6, *x.shape))
        form[1], form[2], form[3], form[4], form[5] = a * x + b * y, b * x + c * y, a, 2 * b, c
        form[0] = form[1] * x + form[2] * y
        form[1:3] *= -2
        forms = self._like(np.moveaxis(form, 0, -1))
        squares = forms.new_empty((*x.shape, self.features.shape[2]))
        for number, features in enumerate(self.features):
            torch.mm(forms[:, number], features, out=squares[:, number])
        return squares.clamp_min_(_TINY)

    def slopes(self, scores: Tensor, shift: np.ndarray, metric: np.ndarray) -> np.ndarray:
        """Return d cost / d (center x, center y, a, b, c), (chain, component, 5), from d cost / d R^2."""
        sums = torch.stack([scores[:, i] @ features.T for i, features in enumerate(self.features)])
        one, mx, my, mxx, mxy, myy = sums.cpu().numpy().transpose(2, 1, 0)
        (x, y), (a, b, c) = np.moveaxis(shift, -1, 0), np.moveaxis(metric, -1, 0)
        dx, dy = mx - x * one, my - y * one
        slopes = np.empty((5, *x.shape))
        slopes[0], slopes[1] = -2 * (a * dx + b * dy), -2 * (b * dx + c * dy)
        slopes[2], slopes[4] = mxx - x * (mx + dx), myy - y * (my + dy)
        slopes[3] = 2 * (mxy - x * my - y * dx)
        return np.moveaxis(slopes, 0, -1)

    def average(self, values: Tensor, amplitudes: Tensor, shift: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return the image, (chain, row, column), and the means along rays, (chain, component, edge).

        Args:
            values: At the samples, (chain, component, sample).
            amplitudes: That multiply them before they are added up, (chain, component).
            shift: Of the centers from the anchors.
        """
        height, width = self.grid.height, self.grid.width
        total = amplitudes[:, None] @ values[..., : (height + 2) * (width + 2)]
        base = total.view(-1, height + 2, width + 2)
        image = base[:, 1:-1, 1:-1] * (1 - 4 / 24)
        neighbors = base[:, :-2, 1:-1] + base[:, 2:, 1:-1]
        neighbors += base[:, 1:-1, :-2]
        neighbors += base[:, 1:-1, 2:]
        image.add_(neighbors, alpha=1 / 24)
        flat = image.view(len(values), -1)
        samples, cells, weights = self.entries
        parts = _take(values.flatten(1), samples) * weights
        parts *= _take(amplitudes, torch.div(samples, values.shape[2], rounding_mode="floor"))
        _add_at(flat, cells, parts)
        along = (self._on_rays(values) * self.weights).sum(-1)
        edges, cells, signs = self.edges
        areas = along * self._areas(shift) * amplitudes[..., None]
        _add_at(flat, cells, _take(areas.flatten(1), edges) * signs)
        return image, along

    def spread(self, scores: Tensor, shift: np.ndarray, along: Tensor) -> tuple[Tensor, np.ndarray]:
        """Return the adjoint for unit amplitudes.

        Args:
            scores: Of cells, (chain, row, column).
            shift: Of the centers from the anchors.
            along: The means along rays that :meth:`average` gave.

        Returns:
            Scores of samples, (chain, component, sample), and slopes in the center that come from the areas,
            (chain, component, 2).
        """
        height, width = self.grid.height, self.grid.width
        chains, flat = len(scores), scores.flatten(1)
        common = scores.new_zeros((chains, height + 2, width + 2))
        common[:, 1:-1, 1:-1] = scores * (1 - 4 / 24)
        share = scores * (1 / 24)
        for rows, columns in ((_UP, _MID), (_DOWN, _MID), (_MID, _UP), (_MID, _DOWN)):
            common[:, rows, columns] += share
        base = common[0].numel()
        spread = scores.new_empty((chains, len(self.features), self.features.shape[2]))
        spread[..., :base] = common.flatten(1)[:, None]
        spread[..., base : spread.shape[2] - self.weights[0].numel()] = 0
        samples, cells, weights = self.entries
        edges, of_edges, signs = self.edges
        by_edge = scores.new_zeros((chains, self.cross.numel()))
        _add_at(by_edge, edges, _take(flat, of_edges) * signs)
        by_edge = by_edge.view(chains, *self.cross.shape)
        torch.mul((by_edge * self._areas(shift))[..., None], self.weights, out=self._on_rays(spread))
        _add_at(spread.view(chains, -1), samples, _take(flat, cells) * weights)
        center = ((by_edge * along)[..., None] * self.by_shift).sum(2)
        return spread, center.cpu().numpy()

    def _on_rays(self, values: Tensor) -> Tensor:
        """The samples on rays, (chain, component, edge, point)."""
        return values[..., values.shape[2] - self.weights[0].numel() :].unflatten(-1, self.weights.shape[1:])

    def _areas(self, shift: np.ndarray) -> Tensor:
        areas = self.cross + (self._like(shift)[..., None, :] * self.by_shift).sum(-1)
        return areas

    def _like(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.features.device)


_UP, _MID, _DOWN = slice(None, -2), slice(1, -1), slice(2, None)


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


@dataclass(frozen=True)
class _Layout:
    """The samples of one component; see :class:`FrozenSamples`. Cells of ``entries`` and ``edges`` are flat."""

    anchor: tuple[float, float]
    gauss: Tensor
    rays: Tensor
    entries: tuple[Tensor, Tensor, Tensor]
    edges: tuple[Tensor, Tensor, Tensor]
    cross: Tensor
    by_shift: Tensor
    weights: Tensor


def freeze_samples(
    grid: Grid,
    values: np.ndarray,
    half_widths: np.ndarray,
    profile: Profile,
    geometry: Geometry,
    accuracy: Accuracy,
) -> FrozenSamples | None:
    """Return samples for parameters within ``half_widths`` of ``values``; None where one plan does not do for all.

    Args:
        grid: Where to render.
        values: Center x and y, then the geometry's parameters, then the profile's, (component, parameter).
        half_widths: Of the box, alike.
        profile: Without a break.
        geometry: Whose radius is a quadratic form.
        accuracy: Of the means over cells.
    """
    split = 2 + len(geometry.specs)
    plans = []
    for place, widths in zip(values, half_widths, strict=True):
        found = _strictest(grid, place, widths, profile, geometry, accuracy)
        if found is None:
            return None
        k = profile.grading(*place[split:])
        plans.append(_lay_out(grid, place, widths, found[0], geometry.metric(*place[2:split]), k, found[1]))
    if max(plan.gauss.shape[1] + plan.rays.shape[1] for plan in plans) > _MOST_PER_CELL * grid.size + _ALWAYS:
        return None
    return _joined(grid, plans)


def _strictest(
    grid: Grid,
    values: np.ndarray,
    half_widths: np.ndarray,
    profile: Profile,
    geometry: Geometry,
    accuracy: Accuracy,
) -> tuple[np.ndarray, int] | None:
    """The rule that each cell needs anywhere in the box, (row, column), and the points along rays."""
    split = len(geometry.specs)
    specs = (*geometry.specs, *profile.specs)
    axes = [
        _axis(value, half, spec.lower, spec.upper, bool(spec.period))
        for value, half, spec in zip(values[2:], half_widths[2:], specs, strict=True)
    ]
    shifts = [(0.0, 0.0), *itertools.product(*((-half, half) for half in half_widths[:2]))]
    level, order = np.zeros((grid.height, grid.width), dtype=np.int8), 0
    for shape in itertools.product(*axes[split:]):
        steps = tuple(in_steps(list(shape), profile, grid.step))
        for form in itertools.product(*axes[:split]):
            flattening = geometry.smallest_scale(*form)
            rings = ring_radii(profile, steps, flattening, accuracy)
            near = max(1.3 / flattening, rings[-1])
            needed, reach = rays_needed(profile, steps, near + 1.5 / flattening)
            if reach < math.inf:
                return None
            order = max(order, needed)
            for shift in shifts:
                place = (values[0] + shift[0], values[1] + shift[1])
                np.maximum(level, _levels(grid, place, geometry.metric(*form), rings, near), out=level)
    return level, order


def _axis(value: float, half: float, lower: float, upper: float, turns: bool) -> list[float]:
    """Values of one parameter to try: the ends of the box, and between them where it is an angle."""
    if turns:
        half = min(half, 90.0)
        return list(np.linspace(value - half, value + half, 2 + int(2 * half / _TURN)))
    return sorted({max(value - half, lower), min(value + half, upper)})


def _levels(
    grid: Grid,
    center: tuple[float, float],
    metric: tuple[float, float, float],
    rings: Sequence[float],
    near: float,
) -> np.ndarray:
    """The rule that each cell needs, (row, column): 0 its center, 1 with the Laplacian, 2 .. 4 Gauss, 5 rays."""
    a, b, c = metric
    x = (grid.x0 - center[0]) / grid.step + np.arange(grid.width)
    y = ((grid.y0 - center[1]) / grid.step + np.arange(grid.height))[:, None]
    square = a * x * x + (2 * b) * (x * y) + c * y * y
    level = np.zeros(square.shape, dtype=np.int8)
    for number, radius in enumerate((rings[0], max(rings[1], near), rings[2], rings[4], near), start=1):
        level[square < radius**2] = number
    level[(np.abs(x) <= 0.6) & (np.abs(y) <= 0.6)] = _NEAR
    return level


def _lay_out(
    grid: Grid,
    values: np.ndarray,
    half_widths: np.ndarray,
    level: np.ndarray,
    metric: tuple[float, float, float],
    k: float,
    order: int,
) -> _Layout:
    """Put the samples of each cell's rule in place."""
    anchor = (float(values[0]), float(values[1]))
    columns, rows = (part.cpu() for part in grid.offsets(*anchor))
    flat = torch.from_numpy(level.ravel())
    points = [torch.zeros((2, 0), dtype=torch.float64)]
    width = grid.width + 2
    special = torch.nonzero(flat > 1).flatten()
    # What the smooth rule has put into these cells is taken out again.
    middle = (torch.div(special, grid.width, rounding_mode="floor") + 1) * width + special % grid.width + 1
    beside = torch.cat([middle + step for step in (-1, 1, -width, width)])
    ones = torch.ones(len(special), dtype=torch.float64)
    entries = [
        (middle, special, (4 / 24 - 1) * ones),
        (beside, special.repeat(4), (-1 / 24) * ones.repeat(4)),
    ]
    at = width * (grid.height + 2)
    for number, count in _ORDERS.items():
        cells = torch.nonzero(flat == number).flatten()
        ox, oy, weights = square_rule(count)
        x, y = columns[cells, None] + ox * grid.step, rows[cells, None] + oy * grid.step
        points.append(torch.stack((x.flatten(), y.flatten())))
        numbers = torch.arange(at, at + x.numel())
        entries.append((numbers, cells.repeat_interleave(len(weights)), weights.repeat(len(cells))))
        at += x.numel()
    cells = torch.nonzero(flat == _NEAR).flatten()
    sides = edges(columns[cells], rows[cells], grid.step, metric)
    chosen, (numbers, owners, signs) = _unique(cells.tolist(), grid.width)
    # The center may come as near to an edge, or move as far along it, as it is uncertain.
    a, b, c = metric
    x, y = half_widths[:2]
    blur = 0.5 * math.sqrt(a * x * x + 2 * abs(b) * x * y + c * y * y)
    ratio = torch.hypot(sides.ratio, blur / sides.length)
    ends = torch.asinh(-sides.foot / ratio), torch.asinh((1 - sides.foot) / ratio)
    unit = replace(sides, ratio=ratio, tau=ends, cross=torch.ones_like(sides.cross))
    px, py, along = (part.flatten(0, 1)[chosen] for part in unit.points(*unit.tau, EDGE_POINTS))
    radial, radial_weights = gauss(order)
    rho = torch.from_numpy(radial**k)
    outward = torch.from_numpy(radial_weights * k * radial ** (2 * k - 1) / grid.step**2)
    on_edges = _features(torch.stack((px.flatten(), py.flatten())))
    ex, ey = (run.expand(sides.cross.shape).flatten()[chosen] for run in sides.run)
    return _Layout(
        anchor,
        _features(torch.cat(points, 1)),
        (on_edges[..., None] * rho.square()).flatten(1),
        (
            torch.cat([numbers for numbers, _, _ in entries]),
            torch.cat([cells for _, cells, _ in entries]),
            torch.cat([weights for _, _, weights in entries]),
        ),
        (numbers, owners, signs),
        sides.cross.flatten()[chosen],
        torch.stack((-ey, ex), 1),
        (along[..., None] * outward).flatten(1),
    )


def _features(offsets: Tensor) -> Tensor:
    """1, X, Y, X^2, XY, Y^2, (6, sample), of offsets (2, sample)."""
    x, y = offsets
    return torch.stack((torch.ones_like(x), x, y, x * x, x * y, y * y))


def _unique(cells: list[int], width: int) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Which (cell, edge), flat, to compute; then number, cell and sign (-1 where shared) of each edge of each cell."""
    # In half cells; edges in the order of ``edges``: below, right, above, left.
    beside = ((0, -1), (1, 0), (0, 1), (-1, 0))
    known: dict[tuple[int, int], int] = {}
    chosen: list[int] = []
    found: list[tuple[int, int, float]] = []
    for position, cell in enumerate(cells):
        row, column = divmod(cell, width)
        for side, (right, up) in enumerate(beside):
            key = (2 * column + right, 2 * row + up)
            if key in known:
                found.append((known[key], cell, -1.0))
            else:
                known[key] = len(chosen)
                found.append((len(chosen), cell, 1.0))
                chosen.append(4 * position + side)
    numbers, owners, signs = zip(*found, strict=True) if found else ((), (), ())
    return torch.tensor(chosen, dtype=torch.long), (
        torch.tensor(numbers, dtype=torch.long),
        torch.tensor(owners, dtype=torch.long),
        torch.tensor(signs, dtype=torch.float64),
    )


def _joined(grid: Grid, plans: Sequence[_Layout]) -> FrozenSamples:
    """The samples of several components side by side, each filled up to the longest."""
    most_gauss = max(plan.gauss.shape[1] for plan in plans)
    shape = tuple(max(plan.weights.shape[axis] for plan in plans) for axis in (0, 1))
    base = (grid.height + 2) * (grid.width + 2)
    size = base + most_gauss + shape[0] * shape[1]
    nowhere = _features(torch.tensor([[1.0], [0.0]], dtype=torch.float64))
    features = nowhere.repeat(len(plans), 1, size)
    weights = torch.zeros((len(plans), *shape), dtype=torch.float64)
    cross = torch.zeros((len(plans), shape[0]), dtype=torch.float64)
    by_shift = torch.zeros((len(plans), shape[0], 2), dtype=torch.float64)
    entries, edge_entries = [], []
    for number, plan in enumerate(plans):
        dx, dy = (part.cpu() for part in grid.padded(1, 1).offsets(*plan.anchor))
        features[number, :, :base] = _features(torch.stack((dx, dy)))
        features[number, :, base : base + plan.gauss.shape[1]] = plan.gauss
        count, points = plan.weights.shape
        on_rays = features[number, :, base + most_gauss :].unflatten(1, shape)
        on_rays[:, :count, :points] = plan.rays.unflatten(1, (count, points))
        weights[number, :count, :points] = plan.weights
        cross[number, :count], by_shift[number, :count] = plan.cross, plan.by_shift
        entries.append((plan.entries[0] + number * size, *plan.entries[1:]))
        edge_entries.append((plan.edges[0] + number * shape[0], *plan.edges[1:]))

    def put(part: Tensor) -> Tensor:
        return part.contiguous().to(grid.device)

    return FrozenSamples(
        grid,
        np.array([plan.anchor for plan in plans]),
        put(features),
        tuple(put(torch.cat(parts)) for parts in zip(*entries, strict=True)),  # type: ignore[arg-type]  # three
        tuple(put(torch.cat(parts)) for parts in zip(*edge_entries, strict=True)),  # type: ignore[arg-type]
        put(cross),
        put(by_shift),
        put(weights),
    )
