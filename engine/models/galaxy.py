"""A profile on a geometry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from torch import Tensor

from engine.geometry.base import Geometry
from engine.linalg import dot
from engine.models.base import Compilable, Frozen, Model, Pull, PullMany
from engine.parameters.box import Box
from engine.parameters.spec import CENTER
from engine.profiles.base import Profile
from engine.profiles.by_autograd import ByAutograd
from engine.render.freeze import freeze_samples
from engine.render.grid import Grid
from engine.render.integrate import plan_samples
from engine.render.samples import Samples
from engine.render.scratch import scratch
from engine.render.setting import Setting


@final
class Galaxy(Model):
    """Brightness = amplitude x shape(radius); parameters: center, geometry's, amplitude, profile's."""

    def __init__(self, profile: Profile, geometry: Geometry) -> None:
        self.profile = profile
        self.geometry = geometry
        self.key = profile.name
        self.title = profile.title
        self.summary = profile.summary
        self.formula = f"{profile.formula}, {geometry.formula}"
        self.source = profile.source
        self.specs = (*CENTER, *geometry.specs, *profile.specs, profile.amplitude)
        self.amplitude = len(self.specs) - 1
        self._shape_starts = len(CENTER) + len(geometry.specs)

    def _split(self, values: Sequence[float]) -> tuple[tuple[float, float], list[float], list[float]]:
        at = self._shape_starts
        return (values[0], values[1]), list(values[2:at]), list(values[at:-1])

    def brightness(self, grid: Grid, values: Tensor, setting: Setting) -> Tensor:
        """Return the mean brightness over each cell, (row, column); differentiable in ``values``."""
        center, geometry, profile = self._split([float(v) for v in values.detach()])
        with torch.no_grad():
            samples = plan_samples(
                grid, center, self.profile, profile, self.geometry, geometry, setting.accuracy
            )
        at = self._shape_starts
        radius = self.geometry.radius(
            samples.dx - (values[0] - center[0]), samples.dy - (values[1] - center[1]), *values[2:at]
        )
        shape = self.profile.shape(radius, *values[at:-1])
        return values[-1] * samples.average(shape)

    def gradient(self, grid: Grid, values: Sequence[float], setting: Setting) -> Tensor:
        """Return d brightness / d parameter, (parameter, row, column), by the chain rule."""
        samples, shape, slope, by_geometry, by_profile = self._columns(grid, values, setting)
        amplitude = values[-1]
        rows = scratch("rows", len(self.specs), samples.dx.numel(), grid.device, grid.dtype)
        for index, column in enumerate(by_geometry):
            torch.mul(slope, column, out=rows[index])
        for index, column in enumerate(by_profile, start=self._shape_starts):
            torch.mul(column, amplitude, out=rows[index])
        rows[-1] = shape
        return samples.average(rows)

    def pullback(self, grid: Grid, values: Sequence[float], setting: Setting) -> tuple[Tensor, Pull]:
        """Return the brightness and its pullback, which spreads the scores over the samples first."""
        samples, shape, slope, by_geometry, by_profile = self._columns(grid, values, setting)
        amplitude = values[-1]

        def pull(score: Tensor) -> Tensor:
            at_samples = samples.spread(score)
            by_slope = at_samples * slope
            return torch.stack(
                [
                    *(dot(by_slope, column) for column in by_geometry),
                    *(dot(at_samples, column) * amplitude for column in by_profile),
                    dot(at_samples, shape),
                ]
            )

        return samples.average(shape) * amplitude, pull

    def _columns(
        self, grid: Grid, values: Sequence[float], setting: Setting
    ) -> tuple[Samples, Tensor, Tensor, list[Tensor], list[Tensor]]:
        """At the samples: shape, amplitude x d shape / d radius / radius, and the columns that these multiply."""
        center, geometry, profile = self._split(values)
        samples = plan_samples(grid, center, self.profile, profile, self.geometry, geometry, setting.accuracy)
        radius, by_geometry = self.geometry.half_square_gradient(samples.dx, samples.dy, *geometry)
        shape, by_radius, by_profile = self.profile.shape_gradient(radius, *profile)
        return samples, shape, by_radius.mul_(values[-1]).div_(radius), by_geometry, by_profile

    def freeze(self, grid: Grid, box: Box, setting: Setting) -> Frozen | None:
        """Return what renders many sets of parameters from the same samples; see :mod:`engine.render.frozen`."""
        metric_gradient, at = self.geometry.metric_gradient, self._shape_starts
        if metric_gradient is None or self.profile.break_at is not None:
            return None
        samples = freeze_samples(grid, box[:, :-1], self.profile, self.geometry, setting.accuracy)
        if samples is None:
            return None

        by_autograd = ByAutograd(self.profile.shape)
        shapes_of = self.profile.of_squares or by_autograd

        def brightness(many: np.ndarray) -> tuple[Tensor, PullMany]:
            metric, by_geometry = metric_gradient(many[..., 2:at])
            placed = samples.place(many[..., :2], metric)
            shapes = shapes_of(placed.squares, many[..., at:-1], samples.arrays)
            image, along = placed.average(shapes.values, many[..., -1] * shapes.scale)

            def pull(scores: Tensor) -> np.ndarray:
                at_samples, by_area = placed.spread(samples.arrays.of_tensor(scores), along)
                by = shapes.pull(at_samples)
                slopes = placed.slopes(by.squares) * by.factor[..., None]
                columns = np.empty_like(many)
                columns[..., :2] = slopes[..., :2] + by_area * shapes.scale[..., None]
                columns[..., 2:at] = (slopes[..., None, 2:] @ by_geometry)[..., 0, :]
                columns[..., at:-1] = by.parameters
                columns *= many[..., -1:]
                columns[..., -1] = by.total
                return columns

            return samples.arrays.tensor(image), pull

        compilable = None
        if self.profile.of_squares is None:
            components, each = len(box.middle), samples.samples // len(box.middle)
            parameters, device = len(self.profile.specs), grid.device

            def compile_for(count: int) -> None:
                by_autograd.compile((count, components, each), parameters, torch.device(device))

            compilable = Compilable(self.title, samples.samples, compile_for)
        return Frozen(brightness, tuple(range(self.amplitude)), samples.numbers, compilable)

    def flux(self, values: Sequence[float]) -> float:
        """Return the total flux over the plane."""
        _, geometry, profile = self._split(values)
        return values[-1] * self.profile.flux(*profile) * self.geometry.smallest_scale(*geometry)

    def starts(self, radius_e: float) -> dict[str, float]:
        """Return starting values for an object of that half-light radius, in pixels."""
        return {"radius_e": radius_e, **self.profile.starts(radius_e)}

    def reach(self, values: Sequence[float], level: float) -> float:
        """Return the radius outside which the brightness stays below ``level``, by bisection in log radius."""
        _, _, profile = self._split(values)
        amplitude = abs(values[-1])
        low, high = -3.0, 6.0
        if amplitude == 0:
            return 10**low
        for _ in range(24):
            middle = (low + high) / 2
            at = torch.tensor([10**middle], dtype=torch.float64)
            above = amplitude * float(self.profile.shape_gradient(at, *profile)[0][0]) > level
            low, high = (middle, high) if above else (low, middle)
        return math.inf if high > 5.9 else 10**high
