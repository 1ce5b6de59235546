"""Where samples may stay while the parameters move within a box: the plan behind :mod:`engine.render.frozen`.

Each cell gets the strictest rule that any corner of the box asks for, and at least the value at its center with the
Laplacian.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.geometry.base import Geometry
from engine.parameters.box import Box
from engine.parameters.spec import Spec
from engine.profiles.base import Profile
from engine.render.arrays import Array, Arrays
from engine.render.frozen import FrozenSamples
from engine.render.frozen_rays import FrozenRays
from engine.render.grid import Grid
from engine.render.integrate import rays_needed, ring_radii
from engine.render.rules import EDGE_POINTS, MAX_ORDER, edges, gauss, in_steps, square_rule
from engine.render.samples import Accuracy

# Angles further apart than this, in degrees, need a corner of the box between them.
_TURN = 15.0
# More samples than this many a cell: then the box is too wide, and a plan for each place is cheaper.
_MOST_PER_CELL = 4.0
_ALWAYS = 20_000
# The strictest rule of a cell, and the points a side of the rules between it and the smooth one.
_NEAR = 5
_ORDERS = {2: 2, 3: 4, 4: MAX_ORDER}


@dataclass(frozen=True)
class _Layout:
    """The samples of one component; see :class:`FrozenSamples`. Cells of ``entries`` and ``edges`` are flat."""

    anchor: tuple[float, float]
    gauss: Tensor
    entries: tuple[Tensor, Tensor, Tensor]
    edges: tuple[Tensor, Tensor, Tensor]
    start: Tensor
    run: Tensor
    rho_square: Tensor
    outward: Tensor


def freeze_samples(
    grid: Grid,
    box: Box,
    profile: Profile,
    geometry: Geometry,
    accuracy: Accuracy,
) -> FrozenSamples | None:
    """Return samples for parameters within ``box``; None where one plan does not do for all.

    Args:
        grid: Where to render.
        box: Of center x and y, then the geometry's parameters, then the profile's, (component, parameter).
        profile: Without a break.
        geometry: Whose radius is a quadratic form.
        accuracy: Of the means over cells.
    """
    split = 2 + len(geometry.specs)
    plans = []
    for number, place in enumerate(box.middle):
        found = _strictest(grid, box[number], profile, geometry, accuracy)
        if found is None:
            return None
        k = profile.grading(*place[split:])
        plans.append(_lay_out(grid, (float(place[0]), float(place[1])), found[0], k, found[1]))
    most = max(plan.gauss.shape[1] + plan.start.shape[1] * EDGE_POINTS * len(plan.outward) for plan in plans)
    if most > _MOST_PER_CELL * grid.size + _ALWAYS:
        return None
    return _joined(grid, plans)


def _strictest(
    grid: Grid,
    box: Box,
    profile: Profile,
    geometry: Geometry,
    accuracy: Accuracy,
) -> tuple[np.ndarray, int] | None:
    """The rule that each cell needs anywhere in the box, (row, column), and the points along rays."""
    split = len(geometry.specs)
    specs = (*geometry.specs, *profile.specs)
    axes = [
        _axis(float(low), float(high), spec)
        for low, high, spec in zip(box.low[2:], box.high[2:], specs, strict=True)
    ]
    x, y = zip(box.low[:2], box.high[:2], strict=True)
    centers = [tuple(box.middle[:2]), *itertools.product(x, y)]
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
            for place in centers:
                levels = _levels(grid, place, geometry.metric(*form), rings, near)
                np.maximum(level, levels, out=level)
    return level, order


def _axis(low: float, high: float, spec: Spec) -> list[float]:
    """Values of one parameter to try: the ends of the box, and between them where it is an angle."""
    if spec.period:
        high = min(high, low + 180.0)
        return list(np.linspace(low, high, 2 + int((high - low) / _TURN)))
    return sorted({max(low, spec.lower), min(high, spec.upper)})


def _levels(
    grid: Grid,
    center: Sequence[float],
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


def _lay_out(grid: Grid, anchor: tuple[float, float], level: np.ndarray, k: float, order: int) -> _Layout:
    """Put the samples of each cell's rule in place; k and order are those of the points along rays."""
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
    # The metric is of no account for where the edges are.
    sides = edges(columns[cells], rows[cells], grid.step, (1.0, 0.0, 1.0))
    chosen, owners = _unique(cells.tolist(), grid.width)
    radial, weights_along = gauss(order)
    return _Layout(
        anchor,
        _features(torch.cat(points, 1)),
        tuple(torch.cat(parts) for parts in zip(*entries, strict=True)),  # type: ignore[arg-type]  # three
        owners,
        torch.stack([part.flatten()[chosen] for part in sides.start]),
        torch.stack([part.expand(sides.cross.shape).flatten()[chosen] for part in sides.run]),
        torch.from_numpy(radial ** (2 * k)),
        torch.from_numpy(weights_along * k * radial ** (2 * k - 1) / grid.step**2),
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
    most_edges = max(plan.start.shape[1] for plan in plans)
    most_outward = max(len(plan.outward) for plan in plans)
    base = (grid.height + 2) * (grid.width + 2)
    nowhere = torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    features = _features(nowhere).repeat(len(plans), 1, most_gauss)
    run = nowhere[:, None].repeat(1, len(plans), most_edges)
    start = run.flip(0).contiguous()
    rho_square = torch.ones((len(plans), most_outward), dtype=torch.float64)
    outward = torch.zeros_like(rho_square)
    entries, edge_entries = [], []
    total = base + most_gauss + most_edges * EDGE_POINTS * most_outward
    for number, plan in enumerate(plans):
        features[number, :, : plan.gauss.shape[1]] = plan.gauss
        count, points = plan.start.shape[1], len(plan.outward)
        start[:, number, :count], run[:, number, :count] = plan.start, plan.run
        rho_square[number, :points], outward[number, :points] = plan.rho_square, plan.outward
        entries.append((plan.entries[0] + number * total, *plan.entries[1:]))
        edge_entries.append((plan.edges[0] + number * most_edges, *plan.edges[1:]))

    arrays = Arrays(grid.device)

    def put(part: Tensor) -> Array:
        return arrays.put(part.contiguous().numpy())

    joined, of_edges = (
        [put(torch.cat(parts)) for parts in zip(*some, strict=True)] for some in (entries, edge_entries)
    )
    rows, columns = (
        first + grid.step * np.arange(-1.0, count + 1)
        for first, count in ((grid.y0, grid.height), (grid.x0, grid.width))
    )
    return FrozenSamples(
        grid,
        rows,
        columns,
        np.array([plan.anchor for plan in plans]),
        put(features),
        (joined[0], joined[1], joined[2]),
        joined[0] // total,
        FrozenRays(
            start.numpy(),
            run.numpy(),
            put(rho_square),
            put(outward),
            (of_edges[0], of_edges[1], of_edges[2]),
        ),
        arrays,
    )
