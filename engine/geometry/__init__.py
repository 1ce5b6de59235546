"""Geometries: from offsets in the plane to the radius at which a profile is read."""

from engine.geometry.base import Geometry
from engine.geometry.ellipse import ELLIPSE

__all__ = ["ELLIPSE", "Geometry"]
