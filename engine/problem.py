"""A problem: all that a fitter sees of an image, a scene and a likelihood."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from engine.device import Computer
from engine.errors import FitterError, ImageError, ParameterError
from engine.images import Image
from engine.likelihoods import LIKELIHOODS
from engine.linalg import gram
from engine.memory import in_smaller_tiles, no_shortage, release
from engine.models.scene import Component, FrozenScene, Painter
from engine.normal_equations import NormalEquations
from engine.parameters import Parameter, ParameterSpace
from engine.parameters.box import Box
from engine.render import Accuracy, Grid
from engine.render.scratch import scratch
from engine.tiles import Tile, cut

Values = Mapping[str, float] | Sequence[float] | np.ndarray | None
# Tile, parameter numbers, Jacobian, cost terms, score, curvature, chi2.
PixelTerms = tuple[Tile, np.ndarray, Tensor, Tensor, Tensor, Tensor, Tensor]

# A component is left out of tiles where it is fainter than this fraction of the noise of the mean pixel.
_NEGLIGIBLE = 0.05
# Smaller tiles than this are mostly the margin that the PSF asks for.
_SMALLEST_TILE = 32


class Problem:
    """Images, a scene and a likelihood, as functions of the vector x of free parameters.

    A problem is never changed by a fit. Vectors ``x`` hold the free parameters in physical units, in the
    order of ``names``. Images are (row, column), flux per pixel.

    Args:
        image: Data, weight, mask and PSF.
        components: The scene.
        parameters: Of all components, in order.
        likelihood: gaussian, poisson or student-t.
        accuracy: Of the integration over pixels.
        notices: What was guessed while the problem was set up.
        device: cpu, cuda, cuda:1, ... or auto: a GPU where there is one. cpu by default.
        precision: float64, or float32 for brightnesses and their derivatives; see :mod:`engine.device`.
        tile: Side in pixels of the tiles that are worked on one after another: smaller ones take less memory.
    """

    tiles: list[Tile]
    n_used: int
    _backgrounds: dict[Grid, Tensor]

    def __init__(
        self,
        image: Image,
        components: Sequence[Component],
        parameters: Sequence[Parameter],
        *,
        likelihood: str = "gaussian",
        accuracy: Accuracy | None = None,
        notices: Sequence[str] = (),
        fitters: Sequence[tuple[str, dict[str, object]]] = (),
        seed: int | None = None,
        device: str | None = None,
        precision: str | None = None,
        tile: int | None = None,
    ) -> None:
        self.components = tuple(components)
        self.space = ParameterSpace(parameters)
        self.likelihood = likelihood
        self.accuracy = accuracy or Accuracy()
        self.notices = tuple(image.notices) + tuple(notices)
        self.fitters = tuple(fitters)
        self.seed = seed
        self.computer = Computer.of(device, precision)
        self._tile = tile
        self.image_entry: dict[str, object] = {}
        self.stated_device: object = None
        self._terms = LIKELIHOODS[likelihood].terms
        self._gain = image.gain or 1.0
        self._painter = Painter.of(image, self.accuracy, self.device)
        self._take(image)
        self._prepare()

    def divide(self) -> None:
        """Work in tiles of half the side from now on; DeviceError where they are as small as they get."""
        self._tile = side = max(self.tiles[0].grid.height, self.tiles[0].grid.width) // 2
        # What was computed for the larger ones goes first.
        self._painter, self._backgrounds = Painter.of(self.image, self.accuracy, self.device), {}
        self.tiles = []
        release(self.device)
        with no_shortage(self.device, self.n_used, len(self.parameters)):
            if side < _SMALLEST_TILE:
                raise MemoryError
            self.tiles = cut(self.image, self.device, side, self.computer.dtype)

    def restricted(self, keep: Sequence[int], x: np.ndarray) -> Problem:
        """Return the problem in which only the free parameters numbered ``keep`` are free, the others at ``x``.

        What does not depend on them is rendered once.
        """
        part = copy.copy(self)
        part.space = self.space.restricted(keep, x)
        part._prepare()
        return part

    def started(self, values: Mapping[str, float]) -> Problem:
        """Return the problem with other values, by name, of free or fixed parameters."""
        other = copy.copy(self)
        other.space = self.space.with_values(values)
        other._prepare()
        return other

    def in_float64(self) -> Problem:
        """Return the problem in double precision."""
        other = copy.copy(self)
        other.computer = replace(self.computer, precision="float64")
        other._take(self.image)
        other._prepare()
        return other

    def with_pixels(self, *, data: np.ndarray | None = None, weight: np.ndarray | None = None) -> Problem:
        """Return the problem with other data or weights, each (row, column); the scene stays."""
        other = copy.copy(self)
        # Copies, because an image's arrays become read-only.
        weight = np.array(self.image.weight if weight is None else weight, dtype=np.float64)
        data = np.array(self.image.data if data is None else data, dtype=np.float64)
        other._take(replace(self.image, data=data, weight=weight, mask=~(weight > 0)))
        other._prepare()
        return other

    def _take(self, image: Image) -> None:
        """Work on the pixels of this image."""
        self.image = image
        self.tiles = cut(image, self.device, self._tile, self.computer.dtype)
        self.n_used = int((image.weight > 0).sum())
        if self.n_used == 0:
            raise ImageError(f"Image '{image.name}' has no usable pixel: all are masked or without weight.")
        self._noise = 1 / math.sqrt(float(np.median(image.weight[image.weight > 0])))

    def _prepare(self) -> None:
        """Sort out which components can change; the others become a background, rendered on first use."""
        self._moving = self.space.moving()
        self._live = [c for c in self.components if self._moving[c.columns].any()]
        self._still = [c for c in self.components if not self._moving[c.columns].any()]
        self._backgrounds = {}
        self._priors = [(i, p) for i, p in enumerate(self.parameters) if p.prior is not None and not p.fixed]

    # What is in it

    @property
    def device(self) -> str:
        """Name of the device that it is computed on: cpu, cuda:0, ..."""
        return self.computer.device

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter: free, fixed and linked."""
        return self.space.parameters

    @property
    def names(self) -> list[str]:
        """Names of the free parameters."""
        return list(self.space.names)

    @property
    def values(self) -> np.ndarray:
        """Start values of the free parameters, (free,)."""
        return self.space.start.copy()

    @property
    def dof(self) -> int:
        """Degrees of freedom: used pixels minus free parameters."""
        return self.n_used - len(self.space.free)

    # What a person asks

    @in_smaller_tiles
    def render(self, values: Values = None) -> np.ndarray:
        """Return the model image, (row, column), at ``values`` (the rest as described)."""
        total = np.zeros(self.image.shape)
        for _, tile, image in self._painted(values):
            total[tile.rows, tile.columns] += image
        return total

    @in_smaller_tiles
    def render_components(self, values: Values = None) -> dict[str, np.ndarray]:
        """Return the image of each component, convolved with the PSF, by name."""
        # Tiles out of a component's reach are never written, so that they take no memory.
        images = {component.name: np.zeros(self.image.shape) for component in self.components}
        for component, tile, image in self._painted(values):
            images[component.name][tile.rows, tile.columns] = image
        return images

    def _painted(self, values: Values) -> Iterator[tuple[Component, Tile, np.ndarray]]:
        """The image of each component on each tile in its reach."""
        theta, _ = self.space.expand(self.space.vector(values))
        for tile, active in self._active(self.components, theta):
            for component in active:
                image = self._painter.image(component, tile.grid, theta[component.columns].tolist())
                yield component, tile, image.cpu().numpy()

    def residual_image(self, values: Values = None) -> np.ndarray:
        """Return data - model, (row, column); zero where pixels are ignored."""
        residual = self.image.data - self.render(values)
        return np.where(self.image.weight > 0, residual, 0.0)

    def chi2(self, values: Values = None) -> float:
        """Return the sum of weight * residual**2 over used pixels."""
        return float((self.image.weight * self.residual_image(values) ** 2).sum())

    def all_values(self, x: np.ndarray) -> dict[str, float]:
        """Return every parameter's value, links and fixed ones included."""
        theta, _ = self.space.expand(x)
        return {p.key: float(v) for p, v in zip(self.parameters, theta, strict=True)}

    def describe(self, values: Values = None) -> dict[str, object]:
        """Return the fit description with every parameter written out, at ``values``."""
        from engine.describe import describe

        return describe(self, self.space.vector(values))

    # What a fitter asks

    def residual(self, x: np.ndarray) -> np.ndarray:
        """Return data - model over used pixels, (pixel,)."""
        return np.asarray((self.image.data - self.render(x))[self.image.weight > 0])

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """Return d model / d x over used pixels, (pixel, free), closed form.

        As large as pixels x parameters: for tests and small images. Fitters use :meth:`normal_equations`.
        """
        theta, slope = self.space.expand(x)
        rows = np.zeros((len(theta), *self.image.shape))
        for tile in self.tiles:
            for component in self.components:
                gradient = self._painter.gradient(component, tile.grid, theta[component.columns].tolist())
                rows[component.columns, tile.rows, tile.columns] = gradient.cpu().numpy()
        return np.asarray(rows[:, self.image.weight > 0].T @ slope)

    def model_tensor(self, theta: Tensor) -> Tensor:
        """Return the model image from all parameters, differentiable by autograd; for tests and samplers."""
        images = []
        for tile in self.tiles:
            total = torch.zeros((tile.grid.height, tile.grid.width), dtype=torch.float64, device=self.device)
            for component in self.components:
                total = total + self._painter.brightness(component, tile.grid, theta[component.columns])
            images.append(total)
        if len(images) == 1:
            return images[0]
        image = torch.zeros(self.image.shape, dtype=torch.float64, device=self.device)
        for tile, part in zip(self.tiles, images, strict=True):
            image[tile.rows, tile.columns] = part
        return image

    @in_smaller_tiles
    def normal_equations(self, x: np.ndarray) -> NormalEquations:
        """Return cost, gradient and Gauss-Newton Hessian, tile by tile: memory is O(tile x parameters in reach)."""
        place = self._place(x)
        if place is None:
            return NormalEquations.nowhere(len(x))
        theta, slope = place
        size = len(theta)
        gradient, curvature = np.zeros(size), np.zeros((size, size))
        cost = chi2 = 0.0
        for _, where, jacobian, terms, score, bend, residual_square in self._pixel_terms(theta):
            cost += float(terms.sum())
            chi2 += float(residual_square)
            gradient[where] += (jacobian @ score).cpu().numpy()
            weighted = scratch("weighted", len(jacobian), score.numel(), self.device)
            curvature[np.ix_(where, where)] += gram(torch.mul(jacobian, bend.sqrt(), out=weighted))
        cost += self.add_priors(theta, gradient, curvature)
        return NormalEquations(cost, chi2, slope.T @ gradient, slope.T @ curvature @ slope)

    @in_smaller_tiles
    def cost_gradient(self, x: np.ndarray) -> NormalEquations:
        """Return the same without the Hessian, which is left zero: for methods that use slopes alone.

        By reverse-mode differentiation in closed form: one image a component, whatever its parameters.
        """
        place = self._place(x)
        if place is None:
            return NormalEquations.nowhere(len(x))
        theta, slope = place
        gradient = np.zeros(len(theta))
        cost = chi2 = 0.0
        with torch.no_grad():
            for tile, active in self._active(self._live, theta):
                model = self.background(tile).view(tile.data.shape).clone()
                pulls = []
                for component in active:
                    image, pull = self._painter.pullback(
                        component, tile.grid, theta[component.columns].tolist()
                    )
                    model += image
                    pulls.append(pull)
                terms, score, _ = self._terms(tile.data, model, tile.weight, self._gain)
                residual = (tile.data - model).flatten()
                cost += float(terms.sum())
                chi2 += float((tile.weight.flatten() * residual).dot(residual))
                for component, pull in zip(active, pulls, strict=True):
                    gradient[component.columns] += pull(score).cpu().numpy()
        cost += self.add_priors(theta, gradient, None)
        return NormalEquations(cost, chi2, slope.T @ gradient, np.zeros((len(x), len(x))))

    def _place(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """All values and their slopes; None where a linked parameter has no value or has left its bounds."""
        try:
            theta, slope = self.space.expand(x)
        except ParameterError:
            return None
        return (theta, slope) if self.space.allowed(theta) else None

    def add_priors(self, theta: np.ndarray, gradient: np.ndarray, curvature: np.ndarray | None) -> float:
        """Add the priors' slopes and curvatures; return their cost."""
        cost = 0.0
        for i, parameter in self._priors:
            log_density, prior_slope, prior_curvature = parameter.log_prior(float(theta[i]))
            cost -= 2 * log_density
            gradient[i] += prior_slope
            if curvature is not None:
                curvature[i, i] += prior_curvature
        return cost

    def freeze(self, box: Box) -> FrozenScene:
        """Return what renders the moving components for many theta in ``box``; see :mod:`engine.frozen`."""
        # R^2 as an expanded quadratic form loses too many digits in float32.
        grid = replace(self.tiles[0].grid, dtype=torch.float64)
        return self._painter.freeze(self._live, grid, box)

    @in_smaller_tiles
    def cost(self, x: np.ndarray) -> tuple[float, float]:
        """Return cost and chi2 without derivatives."""
        place = self._place(x)
        if place is None:
            return math.inf, math.inf
        theta, _ = place
        cost = chi2 = 0.0
        with torch.no_grad():
            for tile, active in self._active(self._live, theta):
                model = self.background(tile).clone()
                for component in active:
                    model += self._painter.image(
                        component, tile.grid, theta[component.columns].tolist()
                    ).flatten()
                data, weight = tile.data.flatten(), tile.weight.flatten()
                cost += float(self._terms(data, model, weight, self._gain)[0].sum())
                chi2 += float((weight * (data - model)).dot(data - model))
        cost -= 2 * sum(parameter.log_prior(float(theta[i]))[0] for i, parameter in self._priors)
        return cost, chi2

    @in_smaller_tiles
    def score_covariance(self, x: np.ndarray, block: int = 5) -> np.ndarray:
        """Return the sum over square blocks of pixels of the outer product of their scores, (free, free).

        The middle of the sandwich: it measures how the residuals scatter, correlated within a block, instead
        of trusting the weights. White (1982), eq. 3.2, clustered.
        """
        theta, slope = self.space.expand(x)
        total = np.zeros((len(theta), len(theta)))
        for tile, where, jacobian, _, score, _, _ in self._pixel_terms(theta):
            scores = (jacobian * score).unflatten(1, (tile.grid.height, tile.grid.width))[None]
            pooled = torch.nn.functional.avg_pool2d(scores, block, ceil_mode=True, divisor_override=1)
            sums = pooled[0].flatten(1)
            total[np.ix_(where, where)] += (sums @ sums.T).cpu().numpy()
        return np.asarray(slope.T @ total @ slope)

    def _pixel_terms(self, theta: np.ndarray) -> Iterator[PixelTerms]:
        """For each tile: its moving parameters' numbers and Jacobian, and the likelihood's terms, all flat."""
        with torch.no_grad():
            for tile, active in self._active(self._live, theta):
                parts, rows = [], [np.zeros(0, dtype=int)]
                model = self.background(tile).clone()
                for component in active:
                    part = self._painter.gradient(
                        component, tile.grid, theta[component.columns].tolist()
                    ).flatten(1)
                    for index in component.model.linear:
                        model.add_(part[index], alpha=float(theta[component.first + index]))
                    moves = self._moving[component.columns]
                    parts.append(part if moves.all() else part[torch.from_numpy(np.flatnonzero(moves))])
                    rows.append(component.first + np.flatnonzero(moves))
                jacobian = scratch("jacobian", sum(map(len, parts)), model.numel(), self.device)
                if parts:
                    torch.cat(parts, out=jacobian)
                data, weight = tile.data.flatten(), tile.weight.flatten()
                residual = data - model
                terms, score, bend = self._terms(data, model, weight, self._gain)
                yield (
                    tile,
                    np.concatenate(rows),
                    jacobian,
                    terms,
                    score,
                    bend,
                    (weight * residual).dot(residual),
                )

    def background(self, tile: Tile) -> Tensor:
        """The light of the components that do not change, on a tile, flat."""
        if tile.grid not in self._backgrounds:
            theta, _ = self.space.expand(self.space.start)
            for one, active in self._active(self._still, theta):
                total = torch.zeros(one.data.numel(), dtype=torch.float64, device=self.device)
                for component in active:
                    total += self._painter.image(
                        component, one.grid, theta[component.columns].tolist()
                    ).flatten()
                self._backgrounds[one.grid] = total
        return self._backgrounds[tile.grid]

    def _active(
        self, components: Sequence[Component], theta: np.ndarray
    ) -> list[tuple[Tile, list[Component]]]:
        """The components that matter in each tile."""
        if len(self.tiles) == 1:
            return [(self.tiles[0], list(components))]
        level = _NEGLIGIBLE * self._noise / math.sqrt(self.n_used)
        reach = {
            c.name: c.model.reach(theta[c.columns].tolist(), level) + self._painter.halo for c in components
        }
        return [
            (
                tile,
                [
                    c
                    for c in components
                    if not c.model.centered or tile.touches(theta[c.first], theta[c.first + 1], reach[c.name])
                ],
            )
            for tile in self.tiles
        ]

    def require_degrees_of_freedom(self) -> None:
        """Raise :class:`FitterError` where there is nothing to fit or too little to fit it to."""
        if not self.space.free:
            raise FitterError("Every parameter is fixed or linked; free at least one.")
        if self.dof < 1:
            raise FitterError(
                f"{self.n_used} used pixels are too few for {len(self.space.free)} free parameters. Use a larger "
                "image, unmask pixels, or fix parameters."
            )
