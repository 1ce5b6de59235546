"""Quantities that follow from the fitted ones, with uncertainties by linear propagation of the covariance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.images import angle_east_of_north, pixel_scale, sky_position
from engine.models.scene import Component
from engine.problem import Problem
from engine.results import FitResult


@dataclass(frozen=True)
class Derived:
    """One derived quantity: ``component.name``, its value, one-sigma uncertainty (nan where unknown) and unit."""

    component: str
    name: str
    value: float
    uncertainty: float
    unit: str
    help: str

    @property
    def key(self) -> str:
        """Full name."""
        return f"{self.component}.{self.name}"


# Name: (unit, explanation).
_QUANTITIES = {
    "total_flux": ("flux", "Total flux, to infinity."),
    "total_magnitude": ("mag", "zero_point - 2.5 log10(total_flux)."),
    "flux_fraction": ("", "Share of the flux of all components but the sky; bulge-to-total for a bulge."),
    "mean_intensity_e": (
        "flux/pixel",
        "Mean surface brightness within radius_e: half of the flux over its area.",
    ),
    "mean_surface_brightness_e": ("mag/arcsec^2", "The same as a magnitude per square arcsecond."),
    "radius_e_arcsec": ("arcsec", "radius_e on the sky, at the mean pixel scale."),
    "longitude": ("deg", "Right ascension (or longitude, as the image's frame says) of the center."),
    "latitude": ("deg", "Declination (or latitude) of the center."),
    "angle_east_of_north": ("deg", "Position angle on the sky, from North through East."),
}
# Angles, whose difference is to be taken around the circle.
_CIRCULAR = {"longitude": 360.0, "angle_east_of_north": 180.0}


def derived(problem: Problem, result: FitResult) -> list[Derived]:
    """Return the derived quantities of every component that has any.

    Which ones depends on the image: magnitudes need a zero point, sky quantities a WCS.
    """
    x, sigma = result.values, result.uncertainties
    at_best = _quantities(problem, x)
    known = np.flatnonzero(np.isfinite(sigma) & (sigma > 0))
    slopes = {key: np.zeros(len(known)) for key in at_best}
    for column, i in enumerate(known):
        step = 0.01 * sigma[i]
        shifted = []
        for sign in (1, -1):
            there = x.copy()
            there[i] = np.clip(x[i] + sign * step, problem.space.lower[i], problem.space.upper[i])
            shifted.append((there[i], _quantities(problem, there)))
        (high, above), (low, below) = shifted
        for key in at_best:
            change = above[key] - below[key]
            period = _CIRCULAR.get(key[1])
            if period is not None:
                change = (change + period / 2) % period - period / 2
            slopes[key][column] = change / (high - low)
    covariance = result.covariance[np.ix_(known, known)]
    return [
        Derived(
            component=component,
            name=name,
            value=value,
            uncertainty=_sigma(slopes[component, name], covariance),
            unit=_QUANTITIES[name][0],
            help=_QUANTITIES[name][1],
        )
        for (component, name), value in at_best.items()
    ]


def _sigma(slope: np.ndarray, covariance: np.ndarray) -> float:
    variance = float(slope @ covariance @ slope) if slope.size else math.nan
    return math.sqrt(variance) if variance > 0 else math.nan


def _quantities(problem: Problem, x: np.ndarray) -> dict[tuple[str, str], float]:
    values = problem.all_values(x)
    quantities: dict[tuple[str, str], float] = {}
    fluxes = {}
    for component in problem.components:
        own = [values[key] for key in component.keys]
        flux = component.model.flux(own)
        if math.isfinite(flux):
            fluxes[component.name] = flux
    total = sum(fluxes.values())
    for component in problem.components:
        flux = fluxes.get(component.name, math.nan)
        for name, value in _of_component(problem, component, values, flux).items():
            quantities[component.name, name] = value
        if len(fluxes) > 1 and component.name in fluxes and total > 0:
            quantities[component.name, "flux_fraction"] = flux / total
    return {key: value for key, value in quantities.items() if math.isfinite(value)}


def _of_component(
    problem: Problem, component: Component, values: Mapping[str, float], flux: float
) -> dict[str, float]:
    image, found = problem.image, {}
    names = [spec.name for spec in component.model.specs]
    own = {name: values[f"{component.name}.{name}"] for name in names}
    scale = pixel_scale(image) if image.wcs is not None else None
    if math.isfinite(flux) and "flux" not in own:
        found["total_flux"] = flux
    if image.zero_point is not None and flux > 0:
        found["total_magnitude"] = image.zero_point - 2.5 * math.log10(flux)
    if "radius_e" in own and "axis_ratio" in own:
        found["mean_intensity_e"] = 0.5 * flux / (math.pi * own["axis_ratio"] * own["radius_e"] ** 2)
        if scale is not None:
            found["radius_e_arcsec"] = own["radius_e"] * math.sqrt(scale[0] * scale[1])
            if image.zero_point is not None and found["mean_intensity_e"] > 0:
                per_area = found["mean_intensity_e"] / (scale[0] * scale[1])
                found["mean_surface_brightness_e"] = image.zero_point - 2.5 * math.log10(per_area)
    if "center.x" in own:
        position = sky_position(image, own["center.x"], own["center.y"])
        if position is not None:
            found["longitude"], found["latitude"] = position.longitude, position.latitude
            if "position_angle" in own:
                angle = angle_east_of_north(image, own["position_angle"], own["center.x"], own["center.y"])
                if angle is not None:
                    found["angle_east_of_north"] = angle
    return found
