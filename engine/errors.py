"""The errors a user of the engine can meet.

    EngineError (a ValueError)
    ├── ImageError         a FITS file or array that cannot be used
    ├── DescriptionError   a fit description (YAML, JSON or dict) that cannot be read
    ├── ParameterError     a parameter's value, bounds or link
    ├── ModelError         an unknown or misused component model
    ├── FitterError        a fitter that cannot run on this problem
    ├── DeviceError        a device or precision that is not there, or has too little memory
    └── OptionError        an option of a fitter that is unknown or out of range

Each message names the thing, the value, the allowed range and the way out.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EngineError(ValueError):
    """Base of all errors raised for bad input; its text is meant to be shown to a person."""


class ImageError(EngineError):
    """A FITS file or array that cannot be used."""


class DescriptionError(EngineError):
    """A fit description that cannot be read."""


class ParameterError(EngineError):
    """A parameter's value, bounds or link."""


class ModelError(EngineError):
    """An unknown or misused component model."""


class FitterError(EngineError):
    """A fitter that cannot run on this problem."""


class DeviceError(EngineError):
    """A device or precision that is not there, or a device with too little memory."""


class OptionError(EngineError):
    """An option of a fitter that is unknown or out of range."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a sentence that names the nearest known word, or lists all of them.

    >>> did_you_mean("sersicc", ["sersic", "flat sky"])
    'Did you mean sersic?'
    """
    names = [str(name) for name in known]
    near = difflib.get_close_matches(str(word), names, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]}?"
    return f"Known are: {', '.join(names)}." if names else "Nothing is known under any name."
