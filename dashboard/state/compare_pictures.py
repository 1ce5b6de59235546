"""What the page that compares runs paints, computed on a thread."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.figures.limits import display_limits, for_display, reduction
from dashboard.state.compare import Compared

# Of an image on the page; the fits use all pixels.
MOST_SIDE = 1024


def pictures(compared: Compared, scatter: np.ndarray | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The data with the disagreement, and model and residual by run: flat float32, large images in blocks."""
    image = compared.problem.image
    block = reduction(image.shape, MOST_SIDE)
    pixels = for_display(image.data, block)
    data: dict[str, Any] = {
        "array": pixels.ravel(),
        "shape": list(pixels.shape),
        "origin": list(image.origin),
        "block": block,
        "limits": list(display_limits(image.data, image.mask)["99.5 %"]),
    }
    if scatter is not None:
        known = scatter[np.isfinite(scatter)]
        top = float(np.percentile(known, 99.9)) if known.size else 1.0
        row, column = np.unravel_index(int(np.nanargmax(np.nan_to_num(scatter, nan=-1.0))), scatter.shape)
        data["map"] = for_display(scatter, block).ravel()
        data["map_limits"] = [0.0, max(top, 1e-3)]
        data["map_words"] = (
            f"Disagreement: the models scatter most at x {column + image.origin[0]}, y {row + image.origin[1]}, by "
            f"{float(np.nanmax(scatter)):.3g} of the noise."
        )
    images = {}
    for one, label in zip(compared.found, compared.labels, strict=True):
        model, own = compared.models[label], one.problem.image
        pull = np.where(own.weight > 0, (own.data - model) * np.sqrt(own.weight), np.nan)
        images[one.run.id] = {
            "model": for_display(model, block).ravel(),
            "residual": for_display(pull, block).ravel(),
        }
    return data, images
