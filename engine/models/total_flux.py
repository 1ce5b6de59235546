"""Total flux or magnitude in place of a surface brightness.

The model itself stays linear in its amplitude; the amplitude follows the flux (or magnitude) and the shape, so
that every fitter works in the parameter that a person chose.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from engine.errors import ParameterError
from engine.models.base import Model
from engine.parameters import Spec

FLUX = Spec(
    name="flux", unit="flux", lower=0.0, default=1.0, help="Total flux, to infinity.", label="total flux"
)
MAGNITUDE = Spec(
    name="magnitude",
    unit="mag",
    default=20.0,
    help="Total magnitude, to infinity: zero_point - 2.5 log10(flux).",
)
ALTERNATIVES = {spec.name: spec for spec in (FLUX, MAGNITUDE)}


def offers_flux(model: Model) -> bool:
    """True where a total flux can stand in for the amplitude."""
    return model.centered and not any(spec.name in ALTERNATIVES for spec in model.specs)


@dataclass(frozen=True)
class AmplitudeOfTotal:
    """A link of a component's amplitude to its total flux or magnitude.

    Attributes:
        component: Name of the component.
        model: Its model.
        total: ``flux`` or ``magnitude``.
        zero_point: Magnitude of flux 1; used for magnitudes.
    """

    component: str
    model: Model
    total: str
    zero_point: float = 0.0

    @property
    def text(self) -> str:
        """What it says on a screen."""
        return f"{self.component}.{self.total}"

    @property
    def references(self) -> tuple[str, ...]:
        """The parameters it follows: the total, then the shape."""
        return (self.text, *(f"{self.component}.{name}" for name in self._shape))

    @property
    def _shape(self) -> list[str]:
        amplitude = self.model.specs[self.model.amplitude].name
        return [s.name for s in self.model.specs if s.name != amplitude and not s.name.startswith("center.")]

    def _unit_flux(self, shape: Mapping[str, float]) -> float:
        values = [shape.get(spec.name, 0.0) for spec in self.model.specs]
        values[self.model.amplitude] = 1.0
        flux = self.model.flux(values)
        if not (math.isfinite(flux) and flux > 0):
            raise ParameterError(
                f"{self.component} has no finite total flux at these values, so its {self.total} cannot be a "
                "parameter. Give its surface brightness instead."
            )
        return flux

    def flux(self, total: float) -> float:
        """Return the flux that the total (a flux or a magnitude) stands for."""
        return 10 ** (-0.4 * (total - self.zero_point)) if self.total == "magnitude" else total

    def total_of(self, shape: Mapping[str, float], amplitude: float) -> float:
        """Return the total for an amplitude; 30 mag below the zero point for an amplitude of zero."""
        flux = amplitude * self._unit_flux(shape)
        if self.total == "flux":
            return flux
        return self.zero_point - 2.5 * math.log10(max(flux, 1e-12))

    def evaluate(self, values: Mapping[str, float]) -> tuple[float, dict[str, float]]:
        """Return the amplitude and its derivative with respect to each reference."""
        shape = {name: values[f"{self.component}.{name}"] for name in self._shape}
        flux, unit = self.flux(values[self.text]), self._unit_flux(shape)
        amplitude = flux / unit
        slope = {self.text: -0.4 * math.log(10) * amplitude if self.total == "magnitude" else 1 / unit}
        for name, value in shape.items():
            # The unit flux is smooth and cheap: central differences, good to 1e-9 of it.
            step = 1e-5 * max(abs(value), 1e-3)
            above, below = (self._unit_flux({**shape, name: value + sign * step}) for sign in (1, -1))
            slope[f"{self.component}.{name}"] = -amplitude * (above - below) / (2 * step * unit)
        return amplitude, slope
