"""Priors by name: normal, lognormal, uniform, truncated normal, half-normal.

A prior is written ``lognormal(3, 0.5)``. Densities are in the parameter's own units.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from engine.errors import ParameterError, did_you_mean

_LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class PriorKind:
    """A family of priors: its arguments, in order, and an explanation."""

    name: str
    arguments: tuple[str, ...]
    help: str


KINDS = {
    kind.name: kind
    for kind in (
        PriorKind("normal", ("mean", "sigma"), "Gaussian."),
        PriorKind("lognormal", ("mu", "sigma"), "The natural logarithm is Gaussian with mean mu."),
        PriorKind("uniform", ("low", "high"), "Flat between two limits."),
        PriorKind("truncated-normal", ("mean", "sigma", "low", "high"), "Gaussian cut at two limits."),
        PriorKind("half-normal", ("sigma",), "Positive half of a Gaussian around zero."),
    )
}


@dataclass(frozen=True)
class Prior:
    """A parsed prior."""

    kind: str
    arguments: tuple[float, ...]

    def __str__(self) -> str:
        # Every digit, so that a saved prior is the same prior.
        numbers = (repr(value).removesuffix(".0") for value in self.arguments)
        return f"{self.kind}({', '.join(numbers)})"

    @property
    def support(self) -> tuple[float, float]:
        """Interval outside which the density is zero."""
        match self.kind:
            case "uniform":
                return self.arguments[0], self.arguments[1]
            case "truncated-normal":
                return self.arguments[2], self.arguments[3]
            case "lognormal" | "half-normal":
                return 0.0, math.inf
        return -math.inf, math.inf

    def log_density(self, value: float) -> tuple[float, float, float]:
        """Return ln p, its derivative, and a non-negative curvature for Gauss-Newton, at ``value``.

        Normalized, so that evidences and information criteria can use it; -inf outside the support.
        """
        low, high = self.support
        # So near to zero, squares underflow.
        if not low <= value <= high or (self.kind == "lognormal" and value < 1e-150):
            return -math.inf, 0.0, 0.0
        if self.kind == "uniform":
            return -math.log(high - low), 0.0, 0.0
        if self.kind == "lognormal":
            mu, sigma = self.arguments
            z = (math.log(value) - mu) / sigma
            log_p = -0.5 * z * z - math.log(sigma * value) - 0.5 * _LOG_2PI
            return log_p, -(z / sigma + 1) / value, 1 / (sigma * value) ** 2
        mean, sigma = (0.0, self.arguments[0]) if self.kind == "half-normal" else self.arguments[:2]
        z = (value - mean) / sigma
        log_p = -0.5 * z * z - math.log(sigma) - 0.5 * _LOG_2PI - math.log(self._kept_mass(mean, sigma))
        return log_p, -z / sigma, 1 / sigma**2

    def draw(self, rng: np.random.Generator) -> float:
        """Return a random value."""
        match self.kind:
            case "uniform":
                return float(rng.uniform(self.arguments[0], self.arguments[1]))
            case "lognormal":
                return float(rng.lognormal(self.arguments[0], self.arguments[1]))
            case "half-normal":
                return abs(float(rng.normal(0.0, self.arguments[0])))
        mean, sigma = self.arguments[:2]
        if self.kind == "normal":
            return float(rng.normal(mean, sigma))
        from scipy.stats import truncnorm  # takes limits far out in a tail, where rejection would never end

        low, high = self.support
        value = truncnorm.rvs((low - mean) / sigma, (high - mean) / sigma, mean, sigma, random_state=rng)
        return min(max(float(value), low), high)

    def _kept_mass(self, mean: float, sigma: float) -> float:
        low, high = ((limit - mean) / (sigma * math.sqrt(2)) for limit in self.support)
        if low > 0:  # by symmetry: in the upper tail the difference from 1 would lose all digits
            low, high = -high, -low
        return max(0.5 * (math.erfc(-high) - math.erfc(-low)), 1e-300)


def parse_prior(text: str, key: str) -> Prior:
    """Parse ``name(number, ...)``.

    Raises :class:`ParameterError` for an unknown name, a wrong number of arguments, or a scale that is not
    positive; ``key`` names the parameter in the message.
    """
    match = re.fullmatch(r"\s*([a-z][a-z _-]*?)\s*\(([^()]*)\)\s*", text.lower())
    if match is None:
        raise ParameterError(f"The prior of {key}, '{text}', is not of the form normal(0, 1).")
    name = match.group(1).replace(" ", "-").replace("_", "-")
    if name not in KINDS:
        raise ParameterError(f"The prior of {key}, '{name}', is unknown. {did_you_mean(name, KINDS)}")
    kind = KINDS[name]
    try:
        arguments = tuple(float(part) for part in match.group(2).split(","))
    except ValueError as error:
        raise ParameterError(
            f"The prior of {key}, '{text}', has an argument that is not a number."
        ) from error
    if len(arguments) != len(kind.arguments) or not all(math.isfinite(a) for a in arguments):
        raise ParameterError(
            f"The prior of {key} must read {name}({', '.join(kind.arguments)}), in finite numbers."
        )
    named = dict(zip(kind.arguments, arguments, strict=True))
    if named.get("sigma", 1.0) <= 0:
        raise ParameterError(f"The prior of {key} has sigma {named['sigma']:g}; it must be above 0.")
    if "low" in named and named["low"] >= named["high"]:
        raise ParameterError(
            f"The prior of {key} needs low < high, not {named['low']:g} and {named['high']:g}."
        )
    return Prior(name, arguments)
