"""A parameter of a component in a scene: its declaration bound to a value, bounds and a role in the fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from engine.errors import ParameterError
from engine.parameters.links import Follows
from engine.parameters.priors import Prior
from engine.parameters.spec import Spec


@dataclass(frozen=True)
class Parameter:
    """A value with its declaration; free unless ``fixed`` or linked.

    Raises :class:`ParameterError` where the bounds are empty or reach outside the declared limits, or the
    value lies outside the bounds.
    """

    component: str
    spec: Spec
    value: float
    lower: float
    upper: float
    fixed: bool = False
    link: Follows | None = None
    prior: Prior | None = None

    def __post_init__(self) -> None:
        if not (self.lower <= self.upper):
            raise ParameterError(
                f"{self.key} has bounds [{self.lower:g}, {self.upper:g}]: the lower one must not be above "
                "the upper one."
            )
        if self.lower < self.spec.lower or self.upper > self.spec.upper:
            raise ParameterError(
                f"{self.key} has bounds [{self.lower:g}, {self.upper:g}], but they must lie within "
                f"[{self.spec.lower:g}, {self.spec.upper:g}]. Narrow them."
            )
        if self.link is None and not math.isfinite(self.value):
            raise ParameterError(f"{self.key} is {self.value}; give a finite number.")
        if self.link is None and not (self.lower <= self.value <= self.upper):
            raise ParameterError(self._outside())

    def _outside(self) -> str:
        text = f"{self.key} is {self.value:.6g}, but must lie in [{self.lower:.6g}, {self.upper:.6g}]."
        if self.spec.name == "axis_ratio" and self.value > 1:
            return text + (
                f" The same ellipse has axis_ratio={1 / self.value:.4g} with position_angle turned by 90 degrees."
            )
        return text + " Change the value or the bounds."

    @property
    def key(self) -> str:
        """Full name, ``component.parameter``."""
        return f"{self.component}.{self.spec.name}"

    @property
    def name(self) -> str:
        """Name within the component, such as ``radius_e`` or ``center.x``."""
        return self.spec.name

    @property
    def unit(self) -> str:
        """Unit, as declared."""
        return self.spec.unit

    @property
    def period(self) -> float | None:
        """Period of an angle, else None."""
        return self.spec.period

    @property
    def help(self) -> str:
        """One sentence of explanation."""
        return self.spec.help

    @property
    def label(self) -> str:
        """Short name for a screen."""
        return self.spec.label

    @property
    def free(self) -> bool:
        """True where the fit may change the value."""
        return not self.fixed and self.link is None

    @property
    def bounded(self) -> bool:
        """True where either bound is finite."""
        return math.isfinite(self.lower) or math.isfinite(self.upper)

    def log_prior(self, value: float) -> tuple[float, float, float]:
        """Return ln prior, its derivative and its curvature at ``value``; see :meth:`Prior.log_density`.

        Zeros without a prior. An angle is the same after a turn, so its Gaussian prior is taken at the turn
        nearest to its mean.
        """
        if self.prior is None:
            return 0.0, 0.0, 0.0
        if self.period is not None and self.prior.kind == "normal":
            mean, half = self.prior.arguments[0], self.period / 2
            value = mean + (value - mean + half) % self.period - half
        return self.prior.log_density(value)

    def at(self, value: float) -> Parameter:
        """Return the same parameter with another value."""
        return replace(self, value=value)
