"""What a component model supplies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.linalg import dot
from engine.parameters.box import Box
from engine.parameters.spec import Spec
from engine.render.grid import Grid
from engine.render.setting import Setting

# From d cost / d brightness, (row, column), to d cost / d parameter, (parameter,).
Pull = Callable[[Tensor], Tensor]


# The same for many sets of parameters at once: from (chain, row, column) to (chain, component, parameter).
PullMany = Callable[[Tensor], np.ndarray]


@dataclass(frozen=True)
class Compilable:
    """What of a frozen component can be compiled.

    Attributes:
        name: In words.
        samples: Numbers that pass through it for one set of parameters.
        compile: Compiles it for so many sets at once; raises where that is impossible.
    """

    name: str
    samples: int
    compile: Callable[[int], None]


@dataclass(frozen=True)
class Frozen:
    """Components of one model on one grid, for many sets of parameters near one place.

    Attributes:
        brightness: ``(values (chain, component, parameter)) -> (images (chain, row, column), pullback)``; the
            images are sums over components. A pullback is valid until the next call.
        within: Numbers of the parameters that must stay within the box it was made for.
        numbers: How many numbers it keeps: a measure of its memory.
        compilable: What of it can be compiled; None where nothing is, or closed forms are as fast.
    """

    brightness: Callable[[np.ndarray], tuple[Tensor, PullMany]]
    within: tuple[int, ...] = ()
    numbers: int = 0
    compilable: Compilable | None = None


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
        image = torch.zeros(rows.shape[1:], dtype=rows.dtype, device=rows.device)
        for index in self.linear:
            image.add_(rows[index], alpha=float(values[index]))
        return image, lambda score: dot(rows.flatten(1), score.flatten())

    def freeze(self, grid: Grid, box: Box, setting: Setting) -> Frozen | None:
        """Return what renders many sets of parameters within ``box``, (component, parameter).

        None where there is no better way than one after the other.
        """
        if len(self.linear) < len(self.specs):
            return None
        rows = self.gradient(grid, box.middle[0].tolist(), setting).flatten(1).clone()

        def brightness(many: np.ndarray) -> tuple[Tensor, PullMany]:
            images = torch.from_numpy(many.sum(1)).to(rows.device) @ rows

            def pull(scores: Tensor) -> np.ndarray:
                slopes = (scores.flatten(1) @ rows.T).cpu().numpy()
                return np.broadcast_to(slopes[:, None], many.shape)

            return images.view(-1, grid.height, grid.width), pull

        return Frozen(brightness, numbers=rows.numel())

    def in_turn(self, grid: Grid, setting: Setting) -> Frozen:
        """Return what renders many sets of parameters, wherever they are, one after the other."""

        def brightness(many: np.ndarray) -> tuple[Tensor, PullMany]:
            done = [
                [self.pullback(grid, values, setting) for values in components]
                for components in many.tolist()
            ]
            images = torch.stack([torch.stack([image for image, _ in one]).sum(0) for one in done])

            def pull(scores: Tensor) -> np.ndarray:
                return np.array(
                    [
                        [pull(score).cpu().numpy() for _, pull in one]
                        for one, score in zip(done, scores, strict=True)
                    ]
                )

            return images, pull

        return Frozen(brightness)

    def flux(self, values: Sequence[float]) -> float:
        """Return the total flux over the plane; inf or nan where there is none."""
        return float("nan")

    def reach(self, values: Sequence[float], level: float) -> float:
        """Return the radius, in pixels, outside which the brightness stays below ``level``; inf if nowhere."""
        return float("inf")

    def starts(self, radius_e: float) -> dict[str, float]:
        """Return starting values for an object of that half-light radius, in pixels."""
        return {}
