"""Where to sample a profile so that its mean over each pixel comes out right.

A profile on a geometry is smooth away from its center and cuspy at it. Three kinds of pixels follow:

- far out, the value at the center of the pixel is its mean;
- nearer, a Gauss-Legendre rule of m x m points, m growing inward. Its relative error for a local power law
  of slope g at the distance rho (in pixels, along the direction of fastest change) is
  g (g+1) ... (g+2m-1) / rho**2m times the constant of the rule, which sets the ring for each m;
- around the center, the pixel is written as the signed sum of the four triangles between the center and
  the pixel's edges. In a triangle the distance s from the center is graded as s = sigma**k, which turns the
  cusp into a smooth function of sigma, and the position along the edge as t = t0 + (d / L) sinh(tau), with d
  the distance of the edge from the center in the metric of the geometry, which undoes the flattening and
  the closeness of the edge.

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

    relative: float = 2e-4
    of_peak: float = 2e-6


@dataclass(frozen=True)
class Samples:
    """Sample positions of one component on a grid.

    Attributes:
        dx: Offsets from the center along x, flat (sample,): first one per cell, then each group's.
        dy: The same along y.
        groups: (cells (cell,), weights (point,) or (cell, point)); in the order of the samples.
        cells: Number of cells in the grid.
    """

    dx: Tensor
    dy: Tensor
    groups: tuple[tuple[Tensor, Tensor], ...]
    cells: int

    def average(self, values: Tensor) -> Tensor:
        """Return the means over cells, (..., cell), of values at the samples, (..., sample).

        The first ``cells`` entries of ``values`` are overwritten.
        """
        means = values[..., : self.cells]
        at = self.cells
        for cells, weights in self.groups:
            count = cells.numel() * weights.shape[-1]
            block = values[..., at : at + count].unflatten(-1, (cells.numel(), weights.shape[-1]))
            at += count
            mean = block @ weights if weights.ndim == 1 else (block * weights).sum(-1)
            if values.requires_grad:
                means = means.index_copy(-1, cells, mean)
            else:
                means.index_copy_(-1, cells, mean)
        return means


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
def _error_constant(order: int) -> float:
    """Error of the rule on a unit interval over the derivative of order 2m; Davis & Rabinowitz, 2.7.11."""
    return math.factorial(order) ** 4 / ((2 * order + 1) * math.factorial(2 * order) ** 3)


@functools.cache
def _radial_grid() -> tuple[Tensor, np.ndarray]:
    radii = np.geomspace(0.05, 3000, 56)
    return torch.from_numpy(radii), radii


def _ring_radii(
    profile: Profile, parameters: list[float], flattening: float, accuracy: Accuracy
) -> list[float]:
    """Radius inside which the rule of order m is not good enough, for m = 1 .. MAX_ORDER; not increasing.

    In units of the grid's step, like everything in this module.
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
        rings: list[float] = []
        rise = np.ones_like(r)
        for order in range(1, MAX_ORDER + 1):
            rise = rise * (g + 2 * order - 2) * (g + 2 * order - 1)
            error = _error_constant(order) * rise / distance ** (2 * order)
            bad = np.flatnonzero(error > allowed)
            rings.append(float(r[min(bad[-1] + 1, len(r) - 1)]) if bad.size else 0.0)
    for index in range(MAX_ORDER - 2, -1, -1):
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
    x, y = grid.centers
    dx, dy = x - center[0], y - center[1]
    flattening = geometry.smallest_scale(*geometry_parameters)
    unit = _in_steps(profile_parameters, profile, grid.step)
    rings = _ring_radii(profile, unit, flattening, accuracy)
    # Inside, the local power law no longer describes the profile over a pixel.
    near = max(1.3 / flattening, rings[-1]) * grid.step
    outermost = max(rings[0] * grid.step, near)

    left, right, bottom, top = grid.box(*center, outermost + grid.step, outermost + grid.step)
    if left >= right or bottom >= top:
        return Samples(dx, dy, (), grid.size)
    cells = (
        torch.arange(bottom, top, device=dx.device)[:, None] * grid.width
        + torch.arange(left, right, device=dx.device)
    ).flatten()
    bx, by = dx[cells], dy[cells]
    a, b, c = geometry.metric(*geometry_parameters)
    r = torch.sqrt(a * bx * bx + (2 * b) * (bx * by) + c * by * by)
    inside = (bx.abs() <= 0.5 * grid.step) & (by.abs() <= 0.5 * grid.step)
    is_near = (r < near) | inside

    parts_x, parts_y = [dx], [dy]
    groups: list[tuple[Tensor, Tensor]] = []
    for order in range(2, MAX_ORDER + 1):
        ring = r < rings[order - 2] * grid.step
        if order < MAX_ORDER:
            ring &= r >= rings[order - 1] * grid.step
        chosen = torch.nonzero(ring & ~is_near).flatten()
        if chosen.numel() == 0:
            continue
        ox, oy, weights = (t.to(dx.device) for t in _square_rule(order))
        parts_x.append((bx[chosen, None] + ox * grid.step).flatten())
        parts_y.append((by[chosen, None] + oy * grid.step).flatten())
        groups.append((cells[chosen], weights))
    chosen = torch.nonzero(is_near).flatten()
    if chosen.numel():
        k = profile.grading(*profile_parameters)
        steep = _steepness(profile, profile_parameters, near + 1.5 * grid.step / flattening) * k
        sx, sy, weights = _triangles(bx[chosen], by[chosen], grid.step, (a, b, c), k, _radial_order(steep))
        parts_x.append(sx.flatten())
        parts_y.append(sy.flatten())
        groups.append((cells[chosen], weights))
    return Samples(torch.cat(parts_x), torch.cat(parts_y), tuple(groups), grid.size)


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
