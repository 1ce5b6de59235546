"""Component models: profiles on geometries, skies, point sources; their sum is a scene."""

from engine.models.base import Model
from engine.models.registry import model, registry

__all__ = ["Model", "model", "registry"]
