"""What the drawer of profiles shows of a problem, measured on a thread."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

import engine
from engine.radial import RadialProfiles, profiles_around
from engine.residuals import whiteness


@dataclass(frozen=True)
class Around:
    """What is around a component.

    Attributes:
        profiles: In its rings.
        pull: Residual over sigma of all pixels, nan where ignored.
        place: Its center (x, y) in pixels of the full image.
        pixel_scale: Arcsec a pixel, or None.
        words: The plots in words.
    """

    profiles: RadialProfiles
    pull: np.ndarray
    place: tuple[float, float]
    pixel_scale: float | None
    words: str


def around(problem: engine.Problem, selected: str) -> Around:
    """Measure around the selected component, or the brightest one where none with a center is selected."""
    image = problem.image
    profiles = profiles_around(problem, selected)
    place = _place(image, profiles)
    scale = engine.pixel_scale(image, *place)
    try:
        noise = whiteness(image.data, problem.render(), image.weight)
        pull, said = noise.pull, noise.message
    except ValueError as error:  # too few pixels are used
        pull, said = np.full(image.shape, np.nan), str(error)
    return Around(
        profiles,
        pull,
        place,
        math.sqrt(scale[0] * scale[1]) if scale else None,
        f"{_rings_in_words(profiles)} {said}",
    )


def _place(image: engine.Image, profiles: RadialProfiles) -> tuple[float, float]:
    x, y = profiles.rings.center
    return x + image.origin[0], y + image.origin[1]


def _rings_in_words(profiles: RadialProfiles) -> str:
    rings = profiles.rings
    where = f"Around {rings.component}" if rings.component else "Around the middle of the image"
    if not profiles.radius.size:
        return f"{where}: no pixel is used here."
    off = (profiles.data - profiles.model) / profiles.error
    worst = int(np.abs(off).argmax())
    return (
        f"{where}: {len(off)} rings, data and model differ the most at {profiles.radius[worst]:.1f} pixels, by "
        f"{off[worst]:+.1f} σ of the ring's mean."
    )
