"""Display limits of an image, and the smaller copy of a big one that a browser is given."""

from __future__ import annotations

import numpy as np
from astropy.visualization import ZScaleInterval

MAX_SIDE = 2048
SAMPLE = 250_000
PERCENTILES = (99.0, 99.5, 99.9)


def display_limits(data: np.ndarray, mask: np.ndarray | None = None) -> dict[str, tuple[float, float]]:
    """Lower and upper limit for each preset: "zscale", "99 %", "99.5 %", "99.9 %" and "min-max".

    ``data`` is (ny, nx); masked and non-finite pixels do not count. Percentiles are central: "99 %" leaves half a
    percent out at each end. Big images are judged on a regular sample of about 250 000 pixels, except "min-max".
    """
    good = np.isfinite(data) if mask is None else np.isfinite(data) & ~mask
    values = data[good]
    if values.size == 0:
        return dict.fromkeys(("zscale", *(f"{p:g} %" for p in PERCENTILES), "min-max"), (0.0, 1.0))
    lowest, highest = float(values.min()), float(values.max())
    sample = values[:: max(1, values.size // SAMPLE)]
    limits = {"zscale": tuple(float(v) for v in ZScaleInterval().get_limits(sample))}
    for percent in PERCENTILES:
        tail = (100 - percent) / 2
        low, high = np.percentile(sample, [tail, 100 - tail])
        limits[f"{percent:g} %"] = (float(low), float(high))
    limits["min-max"] = (lowest, highest)
    return {name: _apart(*pair) for name, pair in limits.items()}


def _apart(low: float, high: float) -> tuple[float, float]:
    """The same limits, moved apart where a constant image would give a scale of no length."""
    if high > low:
        return low, high
    margin = max(abs(low) * 1e-6, 1e-12)
    return low - margin, high + margin


def reduction(shape: tuple[int, int], max_side: int = MAX_SIDE) -> int:
    """Side of the blocks that are averaged so that an image of ``shape`` fits into ``max_side`` pixels."""
    return max(1, -(-max(shape) // max_side))


def for_display(data: np.ndarray, block: int = 1) -> np.ndarray:
    """``data`` as native float32, averaged over blocks of ``block`` x ``block`` pixels (rest at the edge dropped).

    float32 in native byte order is what Bokeh sends as binary; other kinds would travel as text.
    """
    if block > 1:
        ny, nx = (side - side % block for side in data.shape)
        data = data[:ny, :nx].reshape(ny // block, block, nx // block, block).mean(axis=(1, 3))
    return np.ascontiguousarray(data, dtype=np.float32)
