"""A scene: named components whose brightness adds up, rendered on a tile of an image."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.images import Image
from engine.models.base import Frozen, Model, Pull, PullMany
from engine.parameters.box import Box
from engine.render import Accuracy, Convolver, Grid, PsfSpline, Setting

# Shares of a box that are tried: where the whole of it would take too many samples, its middle will do.
_SHARES = (1.0, 0.6, 0.35)


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


@dataclass(frozen=True)
class FrozenPart:
    """Components of one model, the numbers of their parameters in the scene's vector, and their box.

    ``columns`` and ``box`` are (component, parameter).
    """

    columns: np.ndarray
    frozen: Frozen
    box: Box


@dataclass(frozen=True)
class FrozenStage:
    """What is rendered on one canvas, and then blurred and binned together."""

    convolver: Convolver | None
    factor: int
    parts: list[FrozenPart]


class FrozenScene:
    """Components for many parameter vectors near one place; see :meth:`Painter.freeze`."""

    def __init__(self, grid: Grid, stages: Sequence[FrozenStage]) -> None:
        self._grid, self._stages = grid, stages
        parts = [part for stage in stages for part in stage.parts]
        self.numbers = sum(part.frozen.numbers for part in parts)
        self.compilable = [part.frozen.compilable for part in parts if part.frozen.compilable is not None]
        held = [(part, list(part.frozen.within)) for part in parts]
        self._columns = np.concatenate([np.zeros(0, int), *(p.columns[:, i].ravel() for p, i in held)])
        self._low, self._high = (
            np.concatenate([np.zeros(0), *(getattr(part.box, side)[:, i].ravel() for part, i in held)])
            for side in ("low", "high")
        )

    def covers(self, theta: np.ndarray) -> np.ndarray:
        """Return which of ``theta``, (chain, parameter), it can render, (chain,)."""
        values = theta[:, self._columns]
        return np.asarray(((values >= self._low) & (values <= self._high)).all(-1))

    def brightness(self, theta: np.ndarray) -> tuple[Tensor, PullMany]:
        """Return the images, (chain, row, column), at ``theta``, (chain, parameter), and their pullback."""
        images, pulls = [], []
        for stage in self._stages:
            done = [(part.columns, *part.frozen.brightness(theta[:, part.columns])) for part in stage.parts]
            own = functools.reduce(torch.add, [image for _, image, _ in done])
            images.append(Painter.finish(own, stage.convolver, stage.factor))
            pulls.append((stage, [(columns, pull) for columns, _, pull in done]))
        if not images:
            shape = (len(theta), self._grid.height, self._grid.width)
            images.append(torch.zeros(shape, dtype=torch.float64, device=self._grid.device))
        total = functools.reduce(torch.add, images)

        def pull_all(scores: Tensor) -> np.ndarray:
            slopes = np.zeros_like(theta)
            for stage, own in pulls:
                through = Painter.unfinish(scores, stage.convolver, stage.factor)
                for columns, pull in own:
                    slopes[:, columns] = pull(through)
            return slopes

        return total, pull_all


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
        self._convolvers: dict[tuple[int, int, torch.dtype], Convolver] = {}
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
        key = (grid.height, grid.width, grid.dtype)
        if key not in self._convolvers:
            self._convolvers[key] = Convolver(self._psf, *key[:2], self._device, grid.dtype)
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
    def finish(image: Tensor, convolver: Convolver | None, factor: int) -> Tensor:
        """Blur and bin (..., row, column)."""
        if convolver is not None:
            image = convolver(image)
        if factor > 1:
            image = image.unflatten(-1, (-1, factor)).mean(-1).unflatten(-2, (-1, factor)).mean(-2)
        return image

    @staticmethod
    def unfinish(score: Tensor, convolver: Convolver | None, factor: int) -> Tensor:
        """Return the adjoint of :meth:`finish`, (..., row, column)."""
        if factor > 1:
            score = score.repeat_interleave(factor, -2).repeat_interleave(factor, -1) / factor**2
        return score if convolver is None else convolver.adjoint(score)

    def brightness(self, component: Component, grid: Grid, values: Tensor) -> Tensor:
        """Return the component's image, (row, column); differentiable in ``values`` (parameter,)."""
        canvas, convolver, factor = self._stage(component.model, grid)
        return self.finish(component.model.brightness(canvas, values, self._setting), convolver, factor)

    def gradient(self, component: Component, grid: Grid, values: Sequence[float]) -> Tensor:
        """Return d image / d parameter, (parameter, row, column)."""
        canvas, convolver, factor = self._stage(component.model, grid)
        return self.finish(component.model.gradient(canvas, values, self._setting), convolver, factor)

    def pullback(self, component: Component, grid: Grid, values: Sequence[float]) -> tuple[Tensor, Pull]:
        """Return the component's image and its pullback; see :meth:`Model.pullback`."""
        canvas, convolver, factor = self._stage(component.model, grid)
        image, pull = component.model.pullback(canvas, values, self._setting)

        return self.finish(image, convolver, factor), lambda score: pull(
            self.unfinish(score.to(grid.dtype), convolver, factor)
        )

    def freeze(self, components: Sequence[Component], grid: Grid, box: Box) -> FrozenScene:
        """Return what renders the sum of ``components`` for many parameter vectors in ``box``, (parameter,)."""
        groups: dict[str, list[Component]] = {}
        for component in components:
            groups.setdefault(component.model.key, []).append(component)
        stages: dict[tuple[bool, int], FrozenStage] = {}
        for members in groups.values():
            canvas, convolver, factor = self._stage(members[0].model, grid)
            stage = stages.setdefault((convolver is not None, factor), FrozenStage(convolver, factor, []))
            stage.parts.extend(self._freeze_alike(members, canvas, box))
        return FrozenScene(grid, list(stages.values()))

    def _freeze_alike(self, members: Sequence[Component], canvas: Grid, box: Box) -> Iterator[FrozenPart]:
        """Components of one model: frozen together, or else each alone, or else rendered in turn."""
        model = members[0].model
        columns = np.array([np.arange(one.columns.start, one.columns.stop) for one in members])
        for share in _SHARES:
            own = box[columns].shrunk(share)
            frozen = model.freeze(canvas, own, self._setting)
            if frozen is not None:
                yield FrozenPart(columns, frozen, own)
                return
        if len(members) == 1:
            yield FrozenPart(columns, model.in_turn(canvas, self._setting), box[columns])
            return
        for one in members:
            yield from self._freeze_alike([one], canvas, box)

    def image(self, component: Component, grid: Grid, values: Sequence[float]) -> Tensor:
        """Return the component's image, (row, column), without derivatives."""
        with torch.no_grad():
            return self.pullback(component, grid, values)[0]
