"""Radial profiles: pure functions of the radius."""

from engine.profiles.base import Profile
from engine.profiles.exponential import EXPONENTIAL
from engine.profiles.sersic import SERSIC

__all__ = ["EXPONENTIAL", "PROFILES", "SERSIC", "Profile"]

PROFILES: tuple[Profile, ...] = (SERSIC, EXPONENTIAL)
