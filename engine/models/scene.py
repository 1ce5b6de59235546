"""A scene: named components whose brightness adds up, rendered on a tile of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.images import Image
from engine.models.base import Model, Pull
from engine.render import Accuracy, Convolver, Grid, PsfSpline, Setting


@dataclass(frozen=True)
class Component:
    """A model under a name; ``first`` is the index of its first parameter in the scene's vector."""

    name: str
    model: Model
    first: int

    @property
    def keys(self) -> list[str]:
        """Full names of its parameters."""
        return [f"{self.name}.{spec.name}" for spec in self.model.specs]

    @property
    def columns(self) -> slice:
        """Its parameters in the scene's vector."""
        return slice(self.first, self.first + len(self.model.specs))


class Painter:
    """Renders components on grids of one image: oversampling, padding and PSF in one place.

    Args:
        psf: (row, column), sum 1, or None.
        oversampling: PSF cells per image pixel.
        accuracy: Of the integration over pixels.
        device: Where to work.
        reference: Center of the image, (x, y), for the models that refer to it.
    """

    def __init__(
        self,
        psf: np.ndarray | None,
        oversampling: int,
        accuracy: Accuracy,
        device: str = "cpu",
        reference: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self._psf = psf
        self._oversampling = oversampling if psf is not None else 1
        self._setting = Setting(accuracy, None if psf is None else PsfSpline(psf, device), reference)
        self._device = device
        self._convolvers: dict[tuple[int, int], Convolver] = {}
        pad = 0 if psf is None else max(psf.shape) // 2 // self._oversampling + 1
        self.halo = pad

    @classmethod
    def of(cls, image: Image, accuracy: Accuracy, device: str = "cpu") -> Painter:
        """Return the painter of an image, with its PSF and its center."""
        (left, bottom), (height, width) = image.origin, image.shape
        middle = (left + (width - 1) / 2, bottom + (height - 1) / 2)
        return cls(image.psf, image.psf_oversampling, accuracy, device, middle)

    def _convolver(self, grid: Grid) -> Convolver:
        assert self._psf is not None
        key = (grid.height, grid.width)
        if key not in self._convolvers:
            self._convolvers[key] = Convolver(self._psf, grid.height, grid.width, self._device)
        return self._convolvers[key]

    def _stage(self, model: Model, grid: Grid) -> tuple[Grid, Convolver | None, int]:
        """The grid to render a model on, what to convolve it with, and how many cells make a pixel on each side."""
        factor = self._oversampling if model.centered else 1
        fine = grid.oversampled(factor)
        if not model.convolved or self._psf is None:
            return fine, None, factor
        convolver = self._convolver(fine)
        return fine.padded(convolver.pad_columns, convolver.pad_rows), convolver, factor

    @staticmethod
    def _finish(image: Tensor, convolver: Convolver | None, factor: int) -> Tensor:
        """Blur and bin (..., row, column)."""
        if convolver is not None:
            image = convolver(image)
        if factor > 1:
            image = image.unflatten(-1, (-1, factor)).mean(-1).unflatten(-2, (-1, factor)).mean(-2)
        return image

    def brightness(self, component: Component, grid: Grid, values: Tensor) -> Tensor:
        """Return the component's image, (row, column); differentiable in ``values`` (parameter,)."""
        canvas, convolver, factor = self._stage(component.model, grid)
        return self._finish(component.model.brightness(canvas, values, self._setting), convolver, factor)

    def gradient(self, component: Component, grid: Grid, values: Sequence[float]) -> Tensor:
        """Return d image / d parameter, (parameter, row, column)."""
        canvas, convolver, factor = self._stage(component.model, grid)
        return self._finish(component.model.gradient(canvas, values, self._setting), convolver, factor)

    def pullback(self, component: Component, grid: Grid, values: Sequence[float]) -> tuple[Tensor, Pull]:
        """Return the component's image and its pullback; see :meth:`Model.pullback`."""
        canvas, convolver, factor = self._stage(component.model, grid)
        image, pull = component.model.pullback(canvas, values, self._setting)

        def pull_through(score: Tensor) -> Tensor:
            if factor > 1:
                score = score.repeat_interleave(factor, 0).repeat_interleave(factor, 1) / factor**2
            return pull(score if convolver is None else convolver.adjoint(score))

        return self._finish(image, convolver, factor), pull_through

    def image(self, component: Component, grid: Grid, values: Sequence[float]) -> Tensor:
        """Return the component's image, (row, column), without derivatives."""
        with torch.no_grad():
            return self.pullback(component, grid, values)[0]
