"""A box of parameters: a place, and how far each of them may move from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Box:
    """Places between ``low`` and ``high``, around ``middle``; all of one shape, (..., parameter)."""

    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def around(cls, middle: np.ndarray, half_widths: np.ndarray) -> Box:
        """Return the box that reaches equally far on both sides."""
        return cls(middle, middle - half_widths, middle + half_widths)

    def __getitem__(self, index: Any) -> Box:
        """Return the box of some of the parameters."""
        return Box(self.middle[index], self.low[index], self.high[index])

    def shrunk(self, share: float) -> Box:
        """Return the box with that share of each width."""
        return Box(
            self.middle,
            self.middle + share * (self.low - self.middle),
            self.middle + share * (self.high - self.middle),
        )

    def through(self, middle: np.ndarray, slope: np.ndarray) -> Box:
        """Return the box around ``middle``, (out,), that a linear map with this slope, (out, in), makes of it."""
        up, down = np.maximum(slope, 0), np.maximum(-slope, 0)
        above, below = self.high - self.middle, self.middle - self.low
        return Box(middle, middle - up @ below - down @ above, middle + up @ above + down @ below)

    def holds(self, places: np.ndarray) -> np.ndarray:
        """Return which places, (chain, parameter), lie inside, (chain,)."""
        return np.asarray(((places >= self.low) & (places <= self.high)).all(-1))
