"""A scene: named components whose brightness adds up, rendered on a tile of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.images import Image
from engine.models.base import Model
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

    def _paint(
        self, component: Component, grid: Grid, values: Sequence[float] | Tensor, gradient: bool
    ) -> Tensor:
        model = component.model
        fine = grid.oversampled(self._oversampling)
        blur = model.convolved and self._psf is not None
        if blur:
            convolver = self._convolver(fine)
            canvas = fine.padded(convolver.pad_columns, convolver.pad_rows)
        else:
            canvas = grid if not self._needs_fine(model) else fine
        if gradient:
            image = model.gradient(canvas, values, self._setting)  # type: ignore[arg-type]  # floats here
        else:
            image = model.brightness(canvas, values, self._setting)  # type: ignore[arg-type]  # a tensor here
        if blur:
            image = convolver(image)
        if canvas is not grid and self._oversampling > 1:
            k = self._oversampling
            image = image.unflatten(-1, (-1, k)).mean(-1).unflatten(-2, (-1, k)).mean(-2)
        return image

    def _needs_fine(self, model: Model) -> bool:
        return self._oversampling > 1 and model.centered

    def brightness(self, component: Component, grid: Grid, values: Tensor) -> Tensor:
        """Return the component's image, (row, column); differentiable in ``values`` (parameter,)."""
        return self._paint(component, grid, values, gradient=False)

    def gradient(self, component: Component, grid: Grid, values: Sequence[float]) -> Tensor:
        """Return d image / d parameter, (parameter, row, column)."""
        return self._paint(component, grid, values, gradient=True)

    def image(self, component: Component, grid: Grid, values: Sequence[float]) -> Tensor:
        """Return the component's image, (row, column), without derivatives."""
        with torch.no_grad():
            tensor = torch.tensor(list(values), dtype=torch.float64, device=self._device)
            return self._paint(component, grid, tensor, gradient=False)
