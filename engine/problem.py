"""A problem: all that a fitter sees of an image, a scene and a likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.errors import FitterError, ImageError
from engine.images import Image
from engine.likelihoods import LIKELIHOODS
from engine.models.scene import Component, Painter
from engine.parameters import Parameter, ParameterSpace
from engine.render import Accuracy, Grid

Values = Mapping[str, float] | Sequence[float] | np.ndarray | None

# An image up to this many pixels is worked on whole; a larger one in square tiles, so that memory stays flat.
_WHOLE = 400_000
_TILE = 256
# A component is left out of tiles where it is fainter than this fraction of the noise of the mean pixel.
_NEGLIGIBLE = 0.05


@dataclass(frozen=True)
class Tile:
    """A rectangle of the image: its grid in image coordinates, its place in the array, data and weight."""

    grid: Grid
    rows: slice
    columns: slice
    data: Tensor
    weight: Tensor


@dataclass(frozen=True)
class NormalEquations:
    """A quadratic model of the cost around x: cost + ... in the free parameters.

    Attributes:
        cost: -2 ln posterior up to a constant; chi2 for Gaussian noise without priors.
        chi2: Sum of weight * residual**2.
        gradient: -(1/2) d cost / d x, (free,): J^T W (data - model) for the Gaussian.
        hessian: (1/2) d2 cost / d x2 in the Gauss-Newton approximation, (free, free): J^T W J.
    """

    cost: float
    chi2: float
    gradient: np.ndarray
    hessian: np.ndarray

    @property
    def finite(self) -> bool:
        """True where every number is finite."""
        return bool(math.isfinite(self.cost) and np.isfinite(self.gradient).all() and np.isfinite(self.hessian).all())


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
        device: torch device.
    """

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
        device: str = "cpu",
    ) -> None:
        self.image = image
        self.images = (image,)
        self.components = tuple(components)
        self.space = ParameterSpace(parameters)
        self.likelihood = likelihood
        self.accuracy = accuracy or Accuracy()
        self.notices = tuple(image.notices) + tuple(notices)
        self.fitters = tuple(fitters)
        self.seed = seed
        self.device = device
        self.image_entry: dict[str, object] = {}
        self._terms = LIKELIHOODS[likelihood].terms
        self._gain = float(getattr(image, "gain", None) or 1.0)
        self._painter = Painter(image.psf, image.psf_oversampling, self.accuracy, device)
        self._tiles = self._cut()
        self.n_used = int((image.weight > 0).sum())
        if self.n_used == 0:
            raise ImageError(f"Image '{image.name}' has no usable pixel: all are masked or without weight.")
        self._priors = [
            (i, p.prior) for i, p in enumerate(self.space.parameters) if p.prior is not None and not p.fixed
        ]
        weight = image.weight[image.weight > 0]
        self._noise = 1 / math.sqrt(float(np.median(weight)))

    def _cut(self) -> list[Tile]:
        height, width = self.image.shape
        left, bottom = self.image.origin
        size = max(height, width) if height * width <= _WHOLE else _TILE
        data = torch.tensor(self.image.data, device=self.device)
        weight = torch.tensor(self.image.weight, device=self.device)
        tiles = []
        for row in range(0, height, size):
            for column in range(0, width, size):
                rows, columns = slice(row, min(row + size, height)), slice(column, min(column + size, width))
                grid = Grid(
                    left + column,
                    bottom + row,
                    columns.stop - columns.start,
                    rows.stop - rows.start,
                    device=self.device,
                )
                tiles.append(Tile(grid, rows, columns, data[rows, columns], weight[rows, columns]))
        return tiles

    # What is in it

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

    def render(self, values: Values = None) -> np.ndarray:
        """Return the model image, (row, column), at ``values`` (the rest as described)."""
        images = self.render_components(values)
        return np.asarray(sum(images.values(), np.zeros(self.image.shape)))

    def render_components(self, values: Values = None) -> dict[str, np.ndarray]:
        """Return the image of each component, convolved with the PSF, by name."""
        theta, _ = self.space.expand(self.space.vector(values))
        images = {component.name: np.zeros(self.image.shape) for component in self.components}
        for tile in self._tiles:
            for component in self.components:
                image = self._painter.image(component, tile.grid, theta[component.columns])
                images[component.name][tile.rows, tile.columns] = image.cpu().numpy()
        return images

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
        from engine.description import describe

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
        for tile in self._tiles:
            for component in self.components:
                gradient = self._painter.gradient(component, tile.grid, theta[component.columns].tolist())
                rows[component.columns, tile.rows, tile.columns] = gradient.cpu().numpy()
        return np.asarray(rows[:, self.image.weight > 0].T @ slope)

    def model_tensor(self, theta: Tensor) -> Tensor:
        """Return the model image from all parameters, differentiable by autograd; for tests and samplers."""
        images = []
        for tile in self._tiles:
            total = torch.zeros((tile.grid.height, tile.grid.width), dtype=torch.float64, device=self.device)
            for component in self.components:
                total = total + self._painter.brightness(component, tile.grid, theta[component.columns])
            images.append(total)
        if len(images) == 1:
            return images[0]
        image = torch.zeros(self.image.shape, dtype=torch.float64, device=self.device)
        for tile, part in zip(self._tiles, images, strict=True):
            image[tile.rows, tile.columns] = part
        return image

    def normal_equations(self, x: np.ndarray) -> NormalEquations:
        """Return cost, gradient and Gauss-Newton Hessian, summed over tiles.

        Memory is O(tile x parameters of the components in reach + parameters**2).
        """
        theta, slope = self.space.expand(x)
        size = len(theta)
        if not self.space.allowed(theta):
            empty = np.zeros(len(x))
            return NormalEquations(math.inf, math.inf, empty, np.zeros((len(x), len(x))))
        gradient = np.zeros(size)
        hessian = np.zeros((size, size))
        cost = chi2 = 0.0
        with torch.inference_mode():
            for tile, active in self._active(theta):
                parts = [
                    self._painter.gradient(c, tile.grid, theta[c.columns].tolist()).flatten(1) for c in active
                ]
                jacobian = torch.cat(parts) if parts else torch.zeros((0, tile.data.numel()), dtype=torch.float64)
                model = torch.zeros(tile.data.numel(), dtype=torch.float64, device=self.device)
                for component, part in zip(active, parts, strict=True):
                    amplitude = component.model.amplitude
                    model.add_(part[amplitude], alpha=float(theta[component.first + amplitude]))
                weight = tile.weight.flatten()
                residual = tile.data.flatten() - model
                terms, score, curvature = self._terms(tile.data.flatten(), model, weight, self._gain)
                cost += float(terms.sum())
                chi2 += float((weight * residual).dot(residual))
                where = np.concatenate([np.arange(c.first, c.columns.stop) for c in active] or [np.zeros(0, int)])
                gradient[where] += (jacobian @ score).cpu().numpy()
                hessian[np.ix_(where, where)] += ((jacobian * curvature) @ jacobian.T).cpu().numpy()
        gradient, hessian = self._add_priors(theta, gradient, hessian)
        return NormalEquations(
            cost + self._prior_cost(theta), chi2, slope.T @ gradient, slope.T @ hessian @ slope
        )

    def _active(self, theta: np.ndarray) -> list[tuple[Tile, list[Component]]]:
        """The components that matter in each tile."""
        if len(self._tiles) == 1:
            return [(self._tiles[0], list(self.components))]
        level = _NEGLIGIBLE * self._noise / math.sqrt(self.n_used)
        reaches = {c.name: c.model.reach(theta[c.columns].tolist(), level) for c in self.components}
        chosen = []
        for tile in self._tiles:
            grid, halo = tile.grid, self._painter.halo
            active = []
            for component in self.components:
                if component.model.centered:
                    x, y = theta[component.first], theta[component.first + 1]
                    reach = reaches[component.name] + halo
                    if not (
                        grid.x0 - reach <= x <= grid.x0 + grid.width + reach
                        and grid.y0 - reach <= y <= grid.y0 + grid.height + reach
                    ):
                        continue
                active.append(component)
            chosen.append((tile, active))
        return chosen

    def _prior_cost(self, theta: np.ndarray) -> float:
        return -2 * sum(prior.log_density(float(theta[i]))[0] for i, prior in self._priors)

    def _add_priors(
        self, theta: np.ndarray, gradient: np.ndarray, hessian: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        for i, prior in self._priors:
            _, slope, curvature = prior.log_density(float(theta[i]))
            gradient[i] += slope
            hessian[i, i] += curvature
        return gradient, hessian

    def require_degrees_of_freedom(self) -> None:
        """Raise :class:`FitterError` where there is nothing to fit or too little to fit it to."""
        if not self.space.free:
            raise FitterError("Every parameter is fixed or linked; free at least one.")
        if self.dof < 1:
            raise FitterError(
                f"{self.n_used} used pixels are too few for {len(self.space.free)} free parameters. Use a larger "
                "image, unmask pixels, or fix parameters."
            )
