"""How numbers are written, on a screen and in a terminal."""

from __future__ import annotations

import math


def measured(value: float, uncertainty: float | None) -> tuple[str, str]:
    """A value to the digits its uncertainty leaves, and the uncertainty to two."""
    if uncertainty is None or not math.isfinite(uncertainty) or uncertainty <= 0:
        return f"{value:.6g}", ""
    decimals = max(0, 1 - math.floor(math.log10(uncertainty)))
    if decimals > 8:
        return f"{value:.8g}", f"{uncertainty:.2g}"
    return f"{value:.{decimals}f}", f"{uncertainty:.{decimals}f}"
