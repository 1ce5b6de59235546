"""Where to sample a profile that ends or bends sharply at one radius.

The rule of each pixel follows from trials along one line: at each radius, every rule's mean of the profile over a
pixel-long stretch, outward and sideways, is compared with a converged one. Pixels that no rule suits are

- around the center: rays from the center to the pixel's edges, cut at the break and graded towards it and towards
  the center;
- at the break: the same with the rays starting at the break instead of the center. Around a closed pixel that
  does not hold the center, what lies between center and break cancels, so no flux but the pixel's own enters.

In both the pixel's edges are cut where the break crosses them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engine.geometry.base import Geometry
from engine.profiles.base import Break, Profile
from engine.render.grid import Grid
from engine.render.rules import (
    MAX_ORDER,
    Piece,
    edges,
    gauss,
    in_steps,
    radial_order,
    rays,
    square_rule,
    steepness,
    triangles,
)
from engine.render.samples import Accuracy, Samples

_SPECIAL = MAX_ORDER + 1
_BREAK_POINTS = 10
# A pixel this near to the break, as a fraction of its own extent in radius, is taken as crossed by it.
_MARGIN = 0.3


def _levels(
    profile: Profile, parameters: list[float], at: float, flattening: float, accuracy: Accuracy
) -> tuple[np.ndarray, np.ndarray]:
    """Return radii, in units of the grid's step, and the rule that suffices at each.

    0 the center value, 1 with the Laplacian, 2 .. MAX_ORDER Gauss, above it none.
    """
    reach = 1 / flattening
    r = np.concatenate([np.geomspace(0.05, 3000, 160), at + np.linspace(-8, 8, 161) * reach])
    r = np.unique(r[r >= 0.05])
    tensors = [torch.tensor(value, dtype=torch.float64) for value in parameters]

    def shape(radius: np.ndarray) -> np.ndarray:
        positive = torch.from_numpy(np.maximum(radius, 1e-6))
        return np.asarray(profile.shape(positive, *tensors).numpy())

    center = shape(r)
    peak = float(np.interp(0.5 * reach, r, center))
    bad = np.zeros((_SPECIAL, r.size), dtype=bool)

    def line(t: np.ndarray, outward: bool) -> np.ndarray:
        """Values at the offsets t, (radius, offset), from each radius."""
        return shape(np.abs(r[:, None] + t * reach) if outward else np.hypot(r[:, None], t * reach))

    for outward in (True, False):
        points, weights = gauss(40)
        truth = line(points - 0.5, outward) @ weights
        allowed = np.maximum(0.7 * accuracy.relative * truth, 0.7 * accuracy.of_peak * peak)
        sides = line(np.array([-1.0, 1.0]), outward).sum(1)
        means = [center, center + (sides - 2 * center) / 24]
        for order in range(2, MAX_ORDER + 1):
            points, weights = gauss(order)
            means.append(line(points - 0.5, outward) @ weights)
        bad |= np.abs(np.array(means) - truth) > allowed
    bad[:, r < 0.5 * reach] = True
    level = np.where(bad.all(0), _SPECIAL, np.argmin(bad, axis=0))
    # Pixels lie askew to the line of the trial: let each radius take the highest level near it.
    low, high = np.searchsorted(r, r - 0.25 * reach), np.searchsorted(r, r + 0.25 * reach, side="right")
    return r, np.array([level[max(i - 2, 0) : j + 2].max() for i, j in zip(low, high, strict=True)])


def plan_with_break(
    grid: Grid,
    center: tuple[float, float],
    profile: Profile,
    profile_parameters: list[float],
    geometry: Geometry,
    geometry_parameters: list[float],
    accuracy: Accuracy,
) -> Samples:
    """Return the samples for a component whose profile declares a break; arguments as for ``plan_samples``."""
    assert profile.break_at is not None
    dx, dy = grid.padded(1, 1).offsets(*center)
    at = profile.break_at(*profile_parameters)
    flattening = geometry.smallest_scale(*geometry_parameters)
    metric = geometry.metric(*geometry_parameters)
    step = grid.step
    radii, levels = _levels(
        profile, in_steps(profile_parameters, profile, step), at.radius / step, flattening, accuracy
    )
    near = 1.3 / flattening * step
    wanting = np.flatnonzero(levels)
    outermost = (
        max(float(radii[min(wanting[-1] + 1, radii.size - 1)]) * step if wanting.size else 0.0, near) + step
    )
    left, right, bottom, top = box = grid.box(*center, outermost, outermost)
    if left >= right or bottom >= top:
        return Samples(dx, dy, (), grid)
    bx = dx.unflatten(0, (grid.height + 2, grid.width + 2))[bottom + 1 : top + 1, left + 1 : right + 1]
    by = dy.unflatten(0, (grid.height + 2, grid.width + 2))[bottom + 1 : top + 1, left + 1 : right + 1]
    a, b, c = metric
    radius = torch.sqrt(a * bx * bx + (2 * b) * (bx * by) + c * by * by)
    table = torch.from_numpy(levels).to(dx.device)
    place = torch.bucketize(radius / step, torch.from_numpy(radii).to(dx.device)).clamp_max(radii.size - 1)
    level = torch.maximum(table[place], table[(place - 1).clamp_min(0)])
    is_near = (radius < near) | ((bx.abs() <= 0.5 * step) & (by.abs() <= 0.5 * step))
    level = torch.where(is_near, _SPECIAL, level)
    laplacian = (level == 1).to(torch.float64).div_(24.0)

    row, column = torch.nonzero(level > 1, as_tuple=True)
    cells = (row + bottom) * grid.width + (column + left)
    bx, by, radius, level, is_near = (v[row, column] for v in (bx, by, radius, level, is_near))
    special = level == _SPECIAL
    beside = ~is_near & (radius > at.radius * 2 / 3) & (radius < 2 * at.radius)
    crossed = _crossed(bx, by, step, metric, at.radius)
    level = torch.where(special & beside & ~crossed, MAX_ORDER, level)
    parts_x, parts_y = [dx], [dy]
    groups: list[tuple[Tensor, Tensor]] = []
    for order in range(2, MAX_ORDER + 1):
        chosen = torch.nonzero(level == order).flatten()
        if chosen.numel():
            ox, oy, weights = (t.to(dx.device) for t in square_rule(order))
            parts_x.append((bx[chosen, None] + ox * step).flatten())
            parts_y.append((by[chosen, None] + oy * step).flatten())
            groups.append((cells[chosen], weights))
    at_break = torch.nonzero(special & beside & crossed).flatten()
    if at_break.numel():
        sx, sy, weights = _break_rays(bx[at_break], by[at_break], step, metric, at)
        parts_x.append(sx.flatten())
        parts_y.append(sy.flatten())
        groups.append((cells[at_break], weights))
    chosen = torch.nonzero(special & ~beside).flatten()
    if chosen.numel():
        sx, sy, weights = _center_rays(
            bx[chosen], by[chosen], step, metric, at, profile, profile_parameters, float(radius[chosen].max())
        )
        parts_x.append(sx.flatten())
        parts_y.append(sy.flatten())
        groups.append((cells[chosen], weights))
    return Samples(torch.cat(parts_x), torch.cat(parts_y), tuple(groups), grid, box, laplacian)


def _length(px: Tensor, py: Tensor, metric: tuple[float, float, float]) -> Tensor:
    a, b, c = metric
    return torch.sqrt(a * px * px + (2 * b) * (px * py) + c * py * py)


def _crossed(bx: Tensor, by: Tensor, step: float, metric: tuple[float, float, float], at: float) -> Tensor:
    """True for cells that the break crosses, or nearly so; for cells without the center."""
    sides = edges(bx, by, step, metric)
    (ax, ay), (ex, ey) = sides.start, sides.run
    t = sides.foot.clamp(0, 1)
    lowest = _length(ax + t * ex, ay + t * ey, metric).amin(1)
    highest = _length(ax, ay, metric).amax(1)
    margin = _MARGIN * (highest - lowest)
    return (lowest - margin < at) & (highest + margin > at)


def _break_rays(
    bx: Tensor, by: Tensor, step: float, metric: tuple[float, float, float], at: Break
) -> tuple[Tensor, Tensor, Tensor]:
    """Samples and weights, each (cell, point), on the rays between the break and the edges of each cell."""
    px, py, area = edges(bx, by, step, metric).split_points(at.radius)
    radius = _length(px, py, metric)
    one = torch.ones_like(radius)
    piece = Piece(at.radius * one, radius, one, at.power, _BREAK_POINTS)
    return rays(px, py, area, radius, [piece], step)


def _center_rays(
    bx: Tensor,
    by: Tensor,
    step: float,
    metric: tuple[float, float, float],
    at: Break,
    profile: Profile,
    parameters: list[float],
    outermost: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Samples and weights, each (cell, point), on the rays between the center and the edges of each cell."""
    k = profile.grading(*parameters)
    flattening = 1 / max(metric[0], metric[2]) ** 0.5
    middle, farthest = 0.5 * at.radius, outermost + step / flattening
    if farthest < middle and not 0 < at.core < farthest:
        steep = steepness(profile, parameters, farthest) * k
        return triangles(bx, by, step, metric, k, radial_order(steep))
    px, py, area = edges(bx, by, step, metric).split_points(at.radius)
    radius = _length(px, py, metric).clamp_min(1e-9 * step)
    one = torch.ones_like(radius)
    # Up to half-way to the break in one piece, or two if there is a core; beyond, to the break and back or on to
    # the edge of the cell.
    beyond = (radius > middle).to(torch.float64)
    bends = at.power == 1
    pieces = [
        Piece(at.radius * one, middle * one, -beyond, at.power, _BREAK_POINTS, bends),
        Piece(at.radius * one, radius, beyond, at.power, _BREAK_POINTS + 4, bends),
    ]
    first = middle
    if 0 < at.core < middle:
        first = at.core
        outside = (radius > first).to(torch.float64)
        pieces.append(Piece(first * one, radius.clamp(first, middle), outside, 1, _BREAK_POINTS + 4, True))
    order = radial_order(steepness(profile, parameters, first) * k)
    pieces.append(Piece(0 * one, radius.clamp_max(first), one, k, order))
    return rays(px, py, area, radius, pieces, step)
