"""Residua's engine: parametric models of galaxies, stars and sky, fitted to images."""

from __future__ import annotations

from engine.bootstrap import Bootstrap, bootstrap
from engine.compare.comparison import Comparison, compare
from engine.derived import Derived, derived
from engine.description import load
from engine.errors import (
    DescriptionError,
    DeviceError,
    EngineError,
    FitterError,
    ImageError,
    ModelError,
    OptionError,
    ParameterError,
)
from engine.examples import example, examples, true_values, write_example
from engine.fitters import fit, steps
from engine.images import (
    ExtensionInfo,
    FitsContents,
    Image,
    inspect_fits,
    north_angle,
    pixel_scale,
    read_image,
    sky_position,
)
from engine.models.start import detect, start_values
from engine.outputs import write_run
from engine.problem import Problem
from engine.results import FitResult, Status, Step
from engine.samplers.posterior_images import (
    PosteriorImages,
    PredictiveCheck,
    posterior_images,
    predictive_check,
)
from engine.saved import read_run
from engine.simulate import simulate

__all__ = [
    "Bootstrap",
    "Comparison",
    "Derived",
    "DescriptionError",
    "DeviceError",
    "EngineError",
    "ExtensionInfo",
    "FitResult",
    "FitsContents",
    "FitterError",
    "Image",
    "ImageError",
    "ModelError",
    "OptionError",
    "ParameterError",
    "PosteriorImages",
    "PredictiveCheck",
    "Problem",
    "Status",
    "Step",
    "bootstrap",
    "compare",
    "derived",
    "detect",
    "example",
    "examples",
    "fit",
    "inspect_fits",
    "load",
    "north_angle",
    "pixel_scale",
    "posterior_images",
    "predictive_check",
    "read_image",
    "read_run",
    "simulate",
    "sky_position",
    "start_values",
    "steps",
    "true_values",
    "write_example",
    "write_run",
]
