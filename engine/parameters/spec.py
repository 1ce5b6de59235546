"""The declaration of a parameter: everything that forms, files, transforms and docs need to know."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One declared parameter of a model.

    ``lower`` and ``upper`` are the hard limits inside which the mathematics holds; a fit description may
    narrow them. ``period`` is set for angles, which wrap instead of having bounds.
    """

    name: str
    unit: str
    help: str
    lower: float = -math.inf
    upper: float = math.inf
    default: float = 0.0
    period: float | None = None
    label: str = ""

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", self.name.replace("_", " "))


CENTER = (
    Spec(
        name="center.x",
        unit="pixel",
        label="center x",
        help="Column of the center; 0 is the center of the first pixel.",
    ),
    Spec(
        name="center.y",
        unit="pixel",
        label="center y",
        help="Row of the center; 0 is the center of the first pixel.",
    ),
)
