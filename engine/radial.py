"""Brightness around a component: the data in elliptical rings against the model and each of its components."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.problem import Problem, Values
from engine.residuals import radial_profile

# Rings reach so many effective radii, and at least so many pixels: farther out other objects are measured.
_REACH = 12.0
_LEAST = 30.0


@dataclass(frozen=True)
class Rings:
    """Concentric ellipses.

    Attributes:
        component: Whose they are; "" where no component has a center, and they lie around the image's middle.
        center: (x, y) in pixels of the image's array.
        axis_ratio: Minor over major axis.
        position_angle: Of the major axis, degrees counter-clockwise from +y.
        reach: Largest semi-major axis, in pixels.
    """

    component: str
    center: tuple[float, float]
    axis_ratio: float
    position_angle: float
    reach: float


@dataclass(frozen=True)
class RadialProfiles:
    """Means in the rings of a component, flux per pixel, each (ring,).

    Attributes:
        rings: The ellipses.
        radius: Mean semi-major axis of the used pixels, in pixels.
        data: Weighted mean of the data.
        error: Standard error of that mean.
        model: Mean of the whole model, weighted likewise.
        components: Mean of each component that reaches here, by name.
    """

    rings: Rings
    radius: np.ndarray
    data: np.ndarray
    error: np.ndarray
    model: np.ndarray
    components: dict[str, np.ndarray]


def rings_around(problem: Problem, values: Mapping[str, float], component: str = "") -> Rings:
    """Return the rings of a component, or of the brightest one where none is named or it has no center.

    Args:
        problem: Whose components are looked at.
        values: Of all parameters, by key.
        component: Its name.
    """
    image = problem.image
    centered = [one for one in problem.components if f"{one.name}.center.x" in values]
    named = [one.name for one in centered if one.name == component]
    if not named:
        fluxes = {one.name: one.model.flux([values[key] for key in one.keys]) for one in centered}
        named = sorted((n for n in fluxes if math.isfinite(fluxes[n])), key=lambda n: -fluxes[n])
    if not named:
        ny, nx = image.shape
        return Rings("", ((nx - 1) / 2, (ny - 1) / 2), 1.0, 0.0, math.hypot(nx, ny) / 2)
    name = named[0]
    x, y = (values[f"{name}.center.{axis}"] - image.origin[k] for k, axis in enumerate("xy"))
    radius = values.get(f"{name}.radius_e", values.get(f"{name}.scale_length", 0.0))
    ratio, angle = values.get(f"{name}.axis_ratio", 1.0), values.get(f"{name}.position_angle", 0.0)
    return Rings(name, (x, y), ratio, angle, max(_LEAST, _REACH * radius))


def profiles_around(problem: Problem, component: str = "", values: Values = None) -> RadialProfiles:
    """Return the profiles of data, model and components around a component.

    Args:
        problem: Image and scene.
        component: Name of the one around whose center the rings lie; the brightest by default.
        values: Free parameters, by name or in order; as described by default.
    """
    every = problem.all_values(problem.space.vector(values))
    rings = rings_around(problem, every, component)
    ny, nx = problem.image.shape
    (x, y), reach = rings.center, math.ceil(rings.reach)
    # Of a big image only the part in reach is looked at; centers outside of it see its nearest part.
    left, bottom = (min(max(math.floor(v) - reach, 0), side - 2) for v, side in ((x, nx), (y, ny)))
    right, top = (
        max(min(math.ceil(v) + reach, side - 1), low + 1) for v, side, low in ((x, nx, left), (y, ny, bottom))
    )
    window = np.s_[bottom : top + 1, left : right + 1]
    weight = problem.image.weight[window]

    def profile(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        found = radial_profile(image, weight, (x - left, y - bottom), rings.axis_ratio, rings.position_angle)
        kept = found.radius <= rings.reach
        return found.radius[kept], found.mean[kept], found.error[kept]

    parts = {name: image[window] for name, image in problem.render_components(values).items()}
    radius, data, error = profile(problem.image.data[window])
    means = {name: profile(image)[1] for name, image in parts.items() if image.any()}
    model = np.sum(list(means.values()), axis=0) if means else np.zeros_like(data)
    return RadialProfiles(rings, radius, data, error, model, means)


def surface_brightness(flux: np.ndarray, zero_point: float, pixel_scale: float) -> np.ndarray:
    """Return magnitudes per square arcsec; nan where the flux is not positive.

    Args:
        flux: Per pixel.
        zero_point: Magnitude of one unit of flux.
        pixel_scale: Side of a pixel, arcsec.
    """
    positive = np.where(flux > 0, flux, np.nan)
    return np.asarray(zero_point - 2.5 * np.log10(positive / pixel_scale**2))
