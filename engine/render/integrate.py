"""Where to sample a profile so that its mean over each pixel comes out right.

A profile on a geometry is smooth away from its center and cuspy at it. Four kinds of pixels follow:

- far out, the value at the center of the pixel is its mean;
- nearer, the mean is that value plus 1/24 of the Laplacian, taken from the four neighbors' values: fourth
  order without one more sample;
- nearer still, a Gauss-Legendre rule of m x m points, m growing inward;
- around the center, the pixel is written as the signed sum of the four triangles between the center and
  the pixel's edges. In a triangle the distance s from the center is graded as s = sigma**k, which turns the
  cusp into a smooth function of sigma, and the position along the edge as t = t0 + (d / L) sinh(tau), with d
  the distance of the edge from the center in the metric of the geometry, which undoes the flattening and
  the closeness of the edge.

The relative error of the first three for a local power law of slope g at the distance rho (in pixels, along
the direction of fastest change) is g (g+1) ... (g+k-1) / rho**k times the constant of the rule of order k,
which sets the radius inside which the next one takes over.

The plan is a flat list of sample positions with weights; values, derivatives and any profile on any geometry
use the same one. Its positions do not depend on the parameters as far as derivatives are concerned.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.geometry.base import Geometry
from engine.profiles.base import Profile
from engine.render.grid import Grid

MAX_ORDER = 6
EDGE_POINTS = 10


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
            sum_of_four -= 4 * part[..., 1:-1, 1:-1]
            means[..., bottom:top, left:right] += sum_of_four * self.laplacian
        means = means.flatten(-2)
        for cells, weights in self.groups:
            count = cells.numel() * weights.shape[-1]
            block = values[..., at : at + count].unflatten(-1, (cells.numel(), weights.shape[-1]))
            at += count
            means.index_copy_(-1, cells, block @ weights if weights.ndim == 1 else (block * weights).sum(-1))
        image: Tensor = means.unflatten(-1, (height, width))
        return image


@functools.cache
def _gauss(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of Gauss-Legendre on (0, 1)."""
    points, weights = np.polynomial.legendre.leggauss(order)
    return (points + 1) / 2, weights / 2


@functools.cache
def _square_rule(order: int) -> tuple[Tensor, Tensor, Tensor]:
    """Offsets (x, y) within a unit cell and weights of the product rule, flat."""
    points, weights = _gauss(order)
    x, y = np.meshgrid(points - 0.5, points - 0.5)
    return (
        torch.from_numpy(x.ravel().copy()),
        torch.from_numpy(y.ravel().copy()),
        torch.from_numpy(np.outer(weights, weights).ravel()),
    )


@functools.cache
def _error_constants() -> tuple[tuple[int, float], ...]:
    """(order of the derivative, error over it) for the center value, the Laplacian and each Gauss rule.

    Gauss-Legendre on a unit interval: Davis & Rabinowitz (1984), eq. 2.7.12. Laplacian: the fourth
    derivatives that the five-point formula adds, 1/288, less those of the mean, 1/1920.
    """
    gauss = [
        (2 * m, math.factorial(m) ** 4 / ((2 * m + 1) * math.factorial(2 * m) ** 3))
        for m in range(1, MAX_ORDER + 1)
    ]
    return (gauss[0], (4, 1 / 288 - 1 / 1920), *gauss[1:])


@functools.cache
def _radial_grid() -> tuple[Tensor, np.ndarray]:
    radii = np.geomspace(0.05, 3000, 56)
    return torch.from_numpy(radii), radii


def _ring_radii(
    profile: Profile, parameters: list[float], flattening: float, accuracy: Accuracy
) -> list[float]:
    """Radius inside which each rule is not good enough: center value, Laplacian, Gauss 2 .. MAX_ORDER.

    In units of the grid's step; not increasing.
    """
    radii, r = _radial_grid()
    f_tensor, slope_tensor, _ = profile.shape_gradient(radii, *parameters)
    f, slope = f_tensor.numpy(), slope_tensor.numpy()
    with np.errstate(all="ignore"):
        g = np.where(f > 0, -r * slope / f, 0.0).clip(0, 1e3)
        peak = np.interp(0.5 / flattening, r, f)
        allowed = np.maximum(accuracy.relative, accuracy.of_peak * peak / f)
        # A pixel reaches half a step nearer than its center.
        distance = np.maximum(flattening * r - 0.4, 0.05)
        rises = {0: np.ones_like(r)}
        for k in range(2, 2 * MAX_ORDER + 1, 2):
            rises[k] = rises[k - 2] * (g + k - 2) * (g + k - 1) / distance**2
        rings: list[float] = []
        for k, constant in _error_constants():
            bad = np.flatnonzero(constant * rises[k] > allowed)
            rings.append(float(r[min(bad[-1] + 1, len(r) - 1)]) if bad.size else 0.0)
    for index in range(len(rings) - 2, -1, -1):
        rings[index] = max(rings[index], rings[index + 1])
    return rings


def plan_samples(
    grid: Grid,
    center: tuple[float, float],
    profile: Profile,
    profile_parameters: list[float],
    geometry: Geometry,
    geometry_parameters: list[float],
    accuracy: Accuracy,
) -> Samples:
    """Return the samples for a component on ``grid``; lengths in pixels, angles in degrees.

    About one sample a pixel for large smooth objects, more near the center.
    """
    dx, dy = grid.padded(1, 1).offsets(*center)
    flattening = geometry.smallest_scale(*geometry_parameters)
    step = grid.step
    rings = [
        r * step
        for r in _ring_radii(profile, _in_steps(profile_parameters, profile, step), flattening, accuracy)
    ]
    # Inside, the local power law no longer describes the profile over a pixel.
    near = max(1.3 / flattening * step, rings[-1])
    outermost = max(rings[0], near) + step

    left, right, bottom, top = box = grid.box(*center, outermost, outermost)
    if left >= right or bottom >= top:
        return Samples(dx, dy, (), grid)
    bx = dx.unflatten(0, (grid.height + 2, grid.width + 2))[bottom + 1 : top + 1, left + 1 : right + 1]
    by = dy.unflatten(0, (grid.height + 2, grid.width + 2))[bottom + 1 : top + 1, left + 1 : right + 1]
    a, b, c = metric = geometry.metric(*geometry_parameters)
    square = a * bx * bx + (2 * b) * (bx * by) + c * by * by
    is_smooth = (square < rings[0] ** 2) & (square >= max(rings[1], near) ** 2)
    laplacian = is_smooth.to(torch.float64).div_(24.0)

    inner = (square < max(rings[1], near) ** 2) | ((bx.abs() <= 0.5 * step) & (by.abs() <= 0.5 * step))
    row, column = torch.nonzero(inner, as_tuple=True)
    cells = (row + bottom) * grid.width + (column + left)
    bx, by, square = bx[row, column], by[row, column], square[row, column]
    is_near = (square < near**2) | ((bx.abs() <= 0.5 * step) & (by.abs() <= 0.5 * step))
    parts_x, parts_y = [dx], [dy]
    groups: list[tuple[Tensor, Tensor]] = []
    for order in range(2, MAX_ORDER + 1):
        if rings[order - 1] <= max(near, rings[order]) and order < MAX_ORDER:
            continue
        chosen = torch.nonzero(
            (square < rings[order - 1] ** 2)
            & ((square >= rings[order] ** 2) | (order == MAX_ORDER))
            & ~is_near
        ).flatten()
        if chosen.numel() == 0:
            continue
        ox, oy, weights = (t.to(dx.device) for t in _square_rule(order))
        parts_x.append((bx[chosen, None] + ox * step).flatten())
        parts_y.append((by[chosen, None] + oy * step).flatten())
        groups.append((cells[chosen], weights))
    chosen = torch.nonzero(is_near).flatten()
    if chosen.numel():
        k = profile.grading(*profile_parameters)
        steep = _steepness(profile, profile_parameters, near + 1.5 * step / flattening) * k
        sx, sy, weights = _triangles(bx[chosen], by[chosen], step, metric, k, _radial_order(steep))
        parts_x.append(sx.flatten())
        parts_y.append(sy.flatten())
        groups.append((cells[chosen], weights))
    return Samples(torch.cat(parts_x), torch.cat(parts_y), tuple(groups), grid, box, laplacian)


def _in_steps(parameters: list[float], profile: Profile, step: float) -> list[float]:
    """The profile's parameters with lengths in units of ``step``."""
    if step == 1.0:
        return parameters
    return [
        value / step if spec.unit == "pixel" else value
        for value, spec in zip(parameters, profile.specs, strict=True)
    ]


def _steepness(profile: Profile, parameters: list[float], radius: float) -> float:
    """-d ln(shape) / d ln(radius) at one radius."""
    at = torch.tensor([radius], dtype=torch.float64)
    f, slope, _ = profile.shape_gradient(at, *parameters)
    value = float(f[0])
    return min(-radius * float(slope[0]) / value, 60.0) if value > 0 else 60.0


def _radial_order(steepness: float) -> int:
    """Points along the radius; Gauss-Legendre on exp(-c s) over (0, 1) needs about 5 + c / 2."""
    return int(min(6 + math.ceil(0.6 * steepness), 32))


def _triangles(
    bx: Tensor, by: Tensor, step: float, metric: tuple[float, float, float], k: float, radial_points: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Samples (x, y) and weights, each (cell, point), of the four signed triangles of each cell."""
    a, b, c = metric
    half = 0.5 * step
    device = bx.device
    corners_x = torch.tensor([-half, half, half, -half], dtype=torch.float64, device=device)
    corners_y = torch.tensor([-half, -half, half, half], dtype=torch.float64, device=device)
    ax, ay = bx[:, None] + corners_x, by[:, None] + corners_y  # (cell, edge): starting corner
    ex, ey = torch.roll(ax, -1, 1) - ax, torch.roll(ay, -1, 1) - ay
    length_square = a * ex * ex + 2 * b * ex * ey + c * ey * ey
    t0 = -(a * ax * ex + b * (ax * ey + ay * ex) + c * ay * ey) / length_square
    nx, ny = ax + t0 * ex, ay + t0 * ey
    ratio = torch.sqrt(
        ((a * nx * nx + 2 * b * nx * ny + c * ny * ny) / length_square).clamp_min(1e-12)
    )  # d / L
    tau0, tau1 = torch.asinh(-t0 / ratio), torch.asinh((1 - t0) / ratio)
    edge_points, edge_weights = (torch.from_numpy(v).to(device) for v in _gauss(EDGE_POINTS))
    tau = tau0[..., None] + (tau1 - tau0)[..., None] * edge_points  # (cell, edge, edge point)
    t = t0[..., None] + ratio[..., None] * torch.sinh(tau)
    cross = ax * ey - ay * ex
    along = (cross * (tau1 - tau0) * ratio)[..., None] * torch.cosh(tau) * edge_weights
    px, py = ax[..., None] + t * ex[..., None], ay[..., None] + t * ey[..., None]

    points, weights = _gauss(radial_points)
    sigma = torch.from_numpy(points**k).to(device)
    outward = torch.from_numpy(weights * k * points ** (2 * k - 1) / step**2).to(device)
    return (
        (px[..., None] * sigma).flatten(1),
        (py[..., None] * sigma).flatten(1),
        (along[..., None] * outward).flatten(1),
    )
