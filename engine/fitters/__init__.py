"""The fitters, by name."""

from __future__ import annotations

from engine.fitters.base import Fitter
from engine.fitters.lm import LevenbergMarquardt
from engine.fitters.run import fit, steps

__all__ = ["Fitter", "fit", "registry", "steps"]

_FITTERS: tuple[type[Fitter], ...] = (LevenbergMarquardt,)


def registry() -> dict[str, type[Fitter]]:
    """Return every fitter class, by key, in the order of lists."""
    return {fitter.key: fitter for fitter in _FITTERS}
