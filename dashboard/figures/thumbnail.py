"""Small PNG pictures of images, for the list of projects."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image as Picture

from dashboard.figures.limits import display_limits, for_display, reduction
from dashboard.figures.palettes import IMAGE_PALETTES

SIDE = 320


def thumbnail(
    data: np.ndarray, mask: np.ndarray | None = None, *, palette: str = "viridis", side: int = SIDE
) -> bytes:
    """A PNG of ``data`` (ny, nx), at most ``side`` pixels wide and high, asinh stretch, row 0 at the bottom."""
    low, high = display_limits(data, mask)["99.5 %"]
    small = for_display(np.nan_to_num(data, nan=low, posinf=high, neginf=low), reduction(data.shape, side))
    scaled = np.clip((small - low) / (high - low), 0, 1)
    stretched = np.arcsinh(scaled / 0.05) / np.arcsinh(1 / 0.05)
    colors = np.array(
        [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in IMAGE_PALETTES[palette]], dtype=np.uint8
    )
    picture = Picture.fromarray(colors[(stretched[::-1] * 255).round().astype(int)])
    if max(picture.size) < side:  # small cut-outs keep sharp pixels
        factor = side // max(picture.size)
        picture = picture.resize(
            (picture.width * factor, picture.height * factor), Picture.Resampling.NEAREST
        )
    stream = io.BytesIO()
    picture.save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def data_url(png: bytes) -> str:
    """The picture as text that an <img> element shows without another request."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
