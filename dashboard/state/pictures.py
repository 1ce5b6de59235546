"""Arrays for the viewer, computed off the event loop: what of an opened description changes on screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import engine
from dashboard.figures.image import image_columns
from dashboard.figures.limits import display_limits, reduction
from dashboard.figures.overlays import compass_columns, sky_grid


@dataclass(frozen=True)
class ImagePictures:
    """What depends on the image alone."""

    columns: dict[str, Any]
    limits: dict[str, list[float]]
    extent: dict[str, float]
    sky: dict[str, Any]
    compass: dict[str, list[Any]]
    note: str
    words: str


@dataclass(frozen=True)
class ModelPictures:
    """What depends on the parameter values."""

    model: dict[str, Any]
    residual: dict[str, Any]
    chi2_dof: float


def image_pictures(image: engine.Image) -> ImagePictures:
    """Pixels, display limits, edges, sky and compass of an image."""
    ny, nx = image.shape
    x0, y0 = image.origin
    block = reduction(image.shape)
    note = f"Shown in blocks of {block} × {block} pixels; the fit uses all of them." if block > 1 else ""
    return ImagePictures(
        columns=image_columns(image.data, image.origin),
        limits={name: list(pair) for name, pair in display_limits(image.data, image.mask).items()},
        extent={"x0": x0 - 0.5, "x1": x0 + nx - 0.5, "y0": y0 - 0.5, "y1": y0 + ny - 0.5},
        sky=_sky(image),
        compass=_compass(image),
        note=note,
        words=f"Data, {nx} by {ny} pixels, values from {image.data.min():.4g} to {image.data.max():.4g}",
    )


def model_pictures(problem: engine.Problem) -> ModelPictures:
    """Model and residual / sigma at the described values; ignored pixels of the residual are NaN."""
    image = problem.image
    model = problem.render()
    pull = (image.data - model) * np.sqrt(image.weight)
    chi2 = float((pull**2).sum())
    pull[image.weight == 0] = np.nan
    return ModelPictures(
        image_columns(model, image.origin),
        image_columns(pull, image.origin),
        chi2 / problem.dof if problem.dof > 0 else np.nan,
    )


def _sky(image: engine.Image) -> dict[str, Any]:
    ny, nx = image.shape
    center = engine.sky_position(image, image.origin[0] + nx / 2, image.origin[1] + ny / 2)
    if center is None:
        return {}

    def position(x: float, y: float) -> tuple[float, float] | None:
        found = engine.sky_position(image, x, y)
        return None if found is None else (found.longitude, found.latitude)

    grid = sky_grid(position, image.shape, image.origin)
    if grid is None:
        return {}
    words = center.text.split()
    return {**grid, "frame": center.frame, "labels": [words[0], words[2]], "sexagesimal": words[0] == "RA"}


def _compass(image: engine.Image) -> dict[str, list[Any]]:
    found = engine.north_angle(image)
    if found is None:
        return {key: [] for key in ("xs", "ys", "label_x", "label_y", "label")}
    return compass_columns(image.shape, found[0], found[1], image.origin)
