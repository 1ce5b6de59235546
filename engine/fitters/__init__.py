"""The fitters, by name."""

from __future__ import annotations

from typing import Any

from engine.errors import FitterError, OptionError, did_you_mean
from engine.fitters.base import Fitter
from engine.fitters.bootstrap import BootstrapFits
from engine.fitters.chain import Chain
from engine.fitters.gradient import GradientDescent
from engine.fitters.iterative import IterativeModels, IterativeParameters
from engine.fitters.lm import LevenbergMarquardt
from engine.fitters.multistart import Multistart
from engine.fitters.run import fit, steps, watched
from engine.fitters.scipy_methods import DifferentialEvolution, ScipyMinimize
from engine.samplers.elliptical import Elliptical
from engine.samplers.ensemble import EnsembleHmc
from engine.samplers.hamiltonian import Hmc, Nuts
from engine.samplers.laplace import Laplace
from engine.samplers.metropolis import Metropolis
from engine.samplers.svi import Svi

__all__ = ["Fitter", "configured", "fit", "registry", "steps", "watched"]

_FITTERS: tuple[type[Fitter], ...] = (
    LevenbergMarquardt,
    IterativeModels,
    IterativeParameters,
    GradientDescent,
    ScipyMinimize,
    DifferentialEvolution,
    Multistart,
    Nuts,
    Hmc,
    EnsembleHmc,
    Metropolis,
    Elliptical,
    Laplace,
    Svi,
    BootstrapFits,
)


def registry() -> dict[str, type[Fitter]]:
    """Return every fitter class, by key, in the order of lists."""
    return {fitter.key: fitter for fitter in _FITTERS}


def configured(name: str, options: dict[str, Any]) -> Fitter:
    """Return the fitter called ``name`` with ``options``; names joined by + make a chain.

    A chain's options are those of its members, by their names: ``{"gradient": {"max_steps": 200}}``.

    Raises:
        FitterError: for an unknown name.
        OptionError: for an unknown option or a value out of range.
    """
    known = registry()
    parts = [part.strip() for part in name.split("+")]
    for part in parts:
        if part not in known:
            raise FitterError(f"There is no fitter '{part}'. {did_you_mean(part, known)}")
    if len(parts) == 1:
        return known[name].configured(options)
    for key, value in options.items():
        if key not in parts or not isinstance(value, dict):
            raise OptionError(
                f"The chain {name} takes its options by member, such as {parts[0]}={{'max_steps': 100}}; "
                f"'{key}' does not do."
            )
    return Chain([known[part].configured(options.get(part, {})) for part in parts])
