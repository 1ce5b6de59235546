"""What is drawn over an image: half-light ellipses of components, North and East arrows, the sky under the cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

N_VERTICES = 73
GRID = 25


@dataclass(frozen=True)
class Marker:
    """One component on the image: its centre, and its half-light ellipse where it has one."""

    name: str
    x: float
    y: float
    color: str
    radius: float | None = None
    axis_ratio: float = 1.0
    position_angle: float = 0.0
    selected: bool = False


def ellipse(
    x: float, y: float, radius: float, axis_ratio: float, position_angle: float
) -> tuple[np.ndarray, np.ndarray]:
    """Outline of an ellipse: ``radius`` is its semi-major axis, ``position_angle`` degrees from +y towards -x."""
    phase = np.linspace(0, 2 * np.pi, N_VERTICES)
    along, across = radius * np.cos(phase), radius * axis_ratio * np.sin(phase)
    angle = np.deg2rad(position_angle)
    return x - along * np.sin(angle) + across * np.cos(angle), y + along * np.cos(angle) + across * np.sin(
        angle
    )


def marker_columns(markers: Sequence[Marker]) -> dict[str, list[Any]]:
    """Columns of the viewer's ellipse source, one row a component."""
    columns: dict[str, list[Any]] = {key: [] for key in ("xs", "ys", "x", "y", "name", "color", "width")}
    for marker in markers:
        if marker.radius:
            xs, ys = ellipse(marker.x, marker.y, marker.radius, marker.axis_ratio, marker.position_angle)
        else:
            xs, ys = np.array([np.nan]), np.array([np.nan])
        row = (xs, ys, marker.x, marker.y, marker.name, marker.color, 5.0 if marker.selected else 3.0)
        for key, value in zip(columns, row, strict=True):
            columns[key].append(value)
    return columns


def compass_columns(
    shape: tuple[int, int], north: float, east_is_left: bool, origin: tuple[int, int] = (0, 0)
) -> dict[str, list[Any]]:
    """North and East arrows in the lower left corner of an image of ``shape``.

    ``north`` is the angle of North in degrees counter-clockwise from +y; East is 90 degrees further when
    ``east_is_left`` (the usual view of the sky), 90 degrees back otherwise.
    """
    length = 0.09 * min(shape)
    columns: dict[str, list[Any]] = {key: [] for key in ("xs", "ys", "label_x", "label_y", "label")}
    angles = {"N": north, "E": north + (90 if east_is_left else -90)}
    directions = {name: (-np.sin(np.deg2rad(a)), np.cos(np.deg2rad(a))) for name, a in angles.items()}
    reach = 1.75 * length
    corner = [
        origin[axis] - 0.5 + 0.35 * length + max(0.0, *(-reach * d[axis] for d in directions.values()))
        for axis in (0, 1)
    ]
    for name, (dx, dy) in directions.items():
        tip = (corner[0] + length * dx, corner[1] + length * dy)
        barb = 0.25 * length
        wings = [
            (tip[0] - barb * (dx * c - dy * s), tip[1] - barb * (dx * s + dy * c))
            for c, s in ((np.cos(0.5), np.sin(0.5)), (np.cos(0.5), -np.sin(0.5)))
        ]
        path = [corner, tip, wings[0], tip, wings[1]]
        columns["xs"].append([p[0] for p in path])
        columns["ys"].append([p[1] for p in path])
        columns["label_x"].append(corner[0] + 1.4 * length * dx)
        columns["label_y"].append(corner[1] + 1.4 * length * dy)
        columns["label"].append(name)
    return columns


def sky_grid(
    position: Callable[[float, float], tuple[float, float] | None],
    shape: tuple[int, int],
    origin: tuple[int, int] = (0, 0),
) -> dict[str, Any] | None:
    """Unit vectors towards the sky on a coarse grid of pixels, for the browser to interpolate under the cursor.

    ``position`` gives longitude and latitude in degrees of a pixel, or None where there is none. Interpolating unit
    vectors works for every projection and across the poles; over a degree of sky the error stays below 0.05 arcsec.
    """
    ny, nx = shape
    xs = np.linspace(origin[0] - 0.5, origin[0] + nx - 0.5, GRID)
    ys = np.linspace(origin[1] - 0.5, origin[1] + ny - 0.5, GRID)
    vectors = np.empty((GRID, GRID, 3))
    for row, y in enumerate(ys):
        for column, x in enumerate(xs):
            found = position(float(x), float(y))
            if found is None:
                return None
            longitude, latitude = np.deg2rad(found)
            vectors[row, column] = (
                np.cos(latitude) * np.cos(longitude),
                np.cos(latitude) * np.sin(longitude),
                np.sin(latitude),
            )
    return {
        "n": GRID,
        "x0": float(xs[0]),
        "x1": float(xs[-1]),
        "y0": float(ys[0]),
        "y1": float(ys[-1]),
        "vectors": [round(float(v), 12) for v in vectors.ravel()],
    }
