"""What a component model supplies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from engine.parameters.spec import Spec
from engine.render.grid import Grid
from engine.render.setting import Setting

# From d cost / d brightness, (row, column), to d cost / d parameter, (parameter,).
Pull = Callable[[Tensor], Tensor]


class Model(ABC):
    """A kind of light source.

    Attributes:
        key: Name in files and lists.
        title: Name for a screen.
        summary: One sentence.
        formula: Brightness in symbols.
        source: Where the formula comes from.
        specs: Declared parameters, in order.
        amplitude: Index of the parameter that says how bright it is; the brightness is linear in it.
        convolved: False where the PSF leaves it as it is (a sky) or is built in (a point source).
    """

    key: str
    title: str
    summary: str
    formula: str
    source: str
    specs: tuple[Spec, ...]
    amplitude: int
    convolved: bool = True

    @property
    def linear(self) -> tuple[int, ...]:
        """Parameters whose values, times their rows of :meth:`gradient`, add up to the brightness."""
        return (self.amplitude,)

    @property
    def centered(self) -> bool:
        """True where the model has a center."""
        return any(spec.name == "center.x" for spec in self.specs)

    @abstractmethod
    def brightness(self, grid: Grid, values: Tensor, setting: Setting) -> Tensor:
        """Return the mean brightness over each cell, (row, column); differentiable in ``values`` (parameter,)."""

    @abstractmethod
    def gradient(self, grid: Grid, values: Sequence[float], setting: Setting) -> Tensor:
        """Return d brightness / d parameter, (parameter, row, column), closed form.

        The brightness itself is the sum over :attr:`linear` of value times row.
        """

    def pullback(self, grid: Grid, values: Sequence[float], setting: Setting) -> tuple[Tensor, Pull]:
        """Return the brightness, (row, column), and the map from scores to slopes.

        The map takes d cost / d brightness, (row, column), to d cost / d parameter, (parameter,): reverse-mode
        differentiation, which costs one image whatever the number of parameters.
        """
        rows = self.gradient(grid, values, setting)
        image = torch.zeros(rows.shape[1:], dtype=torch.float64, device=rows.device)
        for index in self.linear:
            image.add_(rows[index], alpha=float(values[index]))
        return image, lambda score: rows.flatten(1) @ score.flatten()

    def flux(self, values: Sequence[float]) -> float:
        """Return the total flux over the plane; inf or nan where there is none."""
        return float("nan")

    def reach(self, values: Sequence[float], level: float) -> float:
        """Return the radius, in pixels, outside which the brightness stays below ``level``; inf if nowhere."""
        return float("inf")

    def starts(self, radius_e: float) -> dict[str, float]:
        """Return starting values for an object of that half-light radius, in pixels."""
        return {}
