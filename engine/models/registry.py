"""The models by name."""

from __future__ import annotations

import functools

from engine.errors import ModelError, did_you_mean
from engine.geometry import ELLIPSE
from engine.models.base import Model
from engine.models.galaxy import Galaxy
from engine.models.point_source import PointSource
from engine.models.sky import FlatSky, PlaneSky
from engine.profiles import PROFILES


@functools.cache
def registry() -> dict[str, Model]:
    """Return every model, by key, in the order of lists."""
    models: list[Model] = [Galaxy(profile, ELLIPSE) for profile in PROFILES]
    models += [PointSource(), FlatSky(), PlaneSky()]
    return {model.key: model for model in models}


def model(key: str) -> Model:
    """Return the model named ``key``.

    Raises :class:`ModelError` for an unknown name.
    """
    models = registry()
    if key not in models:
        raise ModelError(f"There is no model '{key}'. {did_you_mean(key, models)}")
    return models[key]
