"""Colour maps of the image viewer, as lists of hexadecimal colours, and the one color of each fitter.

The browser warps a palette by the stretch (asinh, log, ...) instead of asking the server for new pixels, so what
travels is 256 colours for each map, once a page.
"""

from __future__ import annotations

import numpy as np
from bokeh import palettes as bokeh_palettes

from engine.colors import FITTER_COLORS, OTHER_FITTER, fitter_color

__all__ = [
    "FITTER_COLORS",
    "IMAGE_PALETTES",
    "OTHER_FITTER",
    "RESIDUAL_PALETTES",
    "fitter_color",
    "stretched",
]

N_COLORS = 256


def _interpolate(anchors: tuple[str, ...], n: int = N_COLORS) -> list[str]:
    """``n`` colours on straight lines through the anchors in sRGB."""
    rgb = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in anchors], dtype=float)
    at = np.linspace(0, len(anchors) - 1, n)
    channels = [np.interp(at, np.arange(len(anchors)), rgb[:, k]) for k in range(3)]
    return ["#" + "".join(f"{round(c):02x}" for c in color) for color in zip(*channels, strict=True)]


GRAY = _interpolate(("#000000", "#ffffff"))

IMAGE_PALETTES: dict[str, list[str]] = {
    "viridis": list(bokeh_palettes.Viridis256),
    "cividis": list(bokeh_palettes.Cividis256),
    "magma": list(bokeh_palettes.Magma256),
    "inferno": list(bokeh_palettes.Inferno256),
    "gray": GRAY,
    "inverted gray": GRAY[::-1],
}

# Both ends of each differ in lightness direction from the middle alone, so the sign is carried by hue: blue against
# red or orange, the pair that all common forms of colour blindness tell apart.
RESIDUAL_PALETTES: dict[str, list[str]] = {
    "blue-red": _interpolate(tuple(bokeh_palettes.RdBu[11])),
    "purple-orange": _interpolate(tuple(bokeh_palettes.PuOr[11])),
    "blue-red on black": _interpolate(
        ("#9ecbff", "#3f8fe0", "#17508f", "#0b1f38", "#000000", "#3d0f0b", "#94281b", "#e0653f", "#ffc3a1")
    ),
    "gray": GRAY,
}


def stretched(palette: list[str], soft: float = 0.03, size: int = 1024) -> list[str]:
    """The palette for asinh of the values, as a longer one on the linear scale that color mappers have.

    ``soft`` is the part of the range below which the stretch is about linear.
    """
    place = np.arcsinh(np.linspace(0, 1, size) / soft) / np.arcsinh(1 / soft)
    return [palette[at] for at in np.rint(place * (len(palette) - 1)).astype(int)]
