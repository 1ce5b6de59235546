"""Arrays for the viewer, computed off the event loop: what of an opened description changes on screen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

import engine
from dashboard.figures.image import image_columns, placed
from dashboard.figures.limits import display_limits, for_display, reduction
from dashboard.figures.overlays import compass_columns, sky_grid


@dataclass(frozen=True)
class ImagePictures:
    """What depends on the image alone."""

    columns: dict[str, Any]
    sigma: dict[str, Any]
    psf: dict[str, Any] | None
    pixel_scale: float | None
    limits: dict[str, list[float]]
    extent: dict[str, float]
    sky: dict[str, Any]
    compass: dict[str, list[Any]]
    note: str
    words: dict[str, str]


@dataclass(frozen=True)
class ModelPictures:
    """What depends on the parameter values."""

    model: dict[str, Any]
    chi2_dof: float


def image_pictures(image: engine.Image) -> ImagePictures:
    """Pixels, display limits, edges, sky and compass of an image."""
    ny, nx = image.shape
    x0, y0 = image.origin
    block = reduction(image.shape)
    scale = engine.pixel_scale(image)
    note = f"Shown in blocks of {block} × {block} pixels; the fit uses all of them." if block > 1 else ""
    return ImagePictures(
        columns=image_columns(image.data, image.origin),
        sigma=image_columns(_sigma(image), image.origin),
        psf=None if image.psf is None else _psf_columns(image.psf, image.psf_oversampling),
        pixel_scale=math.sqrt(scale[0] * scale[1]) if scale else None,
        limits={name: list(pair) for name, pair in display_limits(image.data, image.mask).items()},
        extent={"x0": x0 - 0.5, "x1": x0 + nx - 0.5, "y0": y0 - 0.5, "y1": y0 + ny - 0.5},
        sky=_sky(image),
        compass=_compass(image),
        note=note,
        words=_words(image),
    )


def model_pictures(problem: engine.Problem) -> ModelPictures:
    """The model at the described values; the browser makes the residuals of it."""
    image = problem.image
    model = problem.render()
    chi2 = float((image.weight * (image.data - model) ** 2).sum())
    return ModelPictures(
        image_columns(model, image.origin), chi2 / problem.dof if problem.dof > 0 else math.nan
    )


def brightest_columns(problem: engine.Problem) -> dict[str, Any]:
    """Number of the component that is the brightest at each pixel shown, ties to the earlier one."""
    image = problem.image
    block = reduction(image.shape)
    numbers, highest = np.zeros((1, 1), dtype=np.uint8), None
    for number, part in enumerate(problem.render_components().values()):
        bright = np.abs(for_display(part, block))
        if highest is None:
            highest, numbers = bright, np.zeros(bright.shape, dtype=np.uint8)
        else:
            better = bright > highest
            highest[better] = bright[better]
            numbers[better] = min(number, 255)
    return placed(numbers, image.origin, block)


def _words(image: engine.Image) -> dict[str, str]:
    """What each picture shows, by kind."""
    ny, nx = image.shape
    words = {
        "data": f"Data, {nx} by {ny} pixels, values from {image.data.min():.4g} to {image.data.max():.4g}",
        "mask": f"Mask, {int(image.mask.sum())} of {image.mask.size} pixels are ignored",
    }
    used = image.weight[image.weight > 0]
    if used.size:
        words["sigma"] = f"Sigma of the pixels, from {used.max() ** -0.5:.4g} to {used.min() ** -0.5:.4g}"
    if image.psf is not None:
        words["psf"] = (
            f"PSF, {image.psf.shape[1]} by {image.psf.shape[0]} pixels, {image.psf_oversampling} a pixel"
        )
    return words


def _sigma(image: engine.Image) -> np.ndarray:
    """Standard deviation of each pixel, nan where ignored."""
    with np.errstate(divide="ignore"):
        return np.where(image.weight > 0, 1 / np.sqrt(image.weight), np.nan)


def _psf_columns(psf: np.ndarray, oversampling: int) -> dict[str, Any]:
    """The PSF in pixels of the image, its origin at (0, 0)."""
    columns = image_columns(psf)
    ny, nx = psf.shape
    return {
        **columns,
        "x": [(-0.5 - nx // 2) / oversampling],
        "y": [(-0.5 - ny // 2) / oversampling],
        "dw": [nx / oversampling],
        "dh": [ny / oversampling],
    }


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
