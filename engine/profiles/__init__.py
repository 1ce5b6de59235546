"""Radial profiles: pure functions of the radius."""

from engine.profiles.base import Break, Profile
from engine.profiles.core_sersic import CORE_SERSIC
from engine.profiles.de_vaucouleurs import DE_VAUCOULEURS
from engine.profiles.exponential import EXPONENTIAL
from engine.profiles.ferrer import FERRER
from engine.profiles.gaussian import GAUSSIAN
from engine.profiles.king import KING
from engine.profiles.moffat import MOFFAT
from engine.profiles.nuker import NUKER
from engine.profiles.sersic import SERSIC

__all__ = ["EXPONENTIAL", "PROFILES", "SERSIC", "Break", "Profile"]

PROFILES: tuple[Profile, ...] = (
    SERSIC,
    EXPONENTIAL,
    DE_VAUCOULEURS,
    GAUSSIAN,
    MOFFAT,
    KING,
    FERRER,
    NUKER,
    CORE_SERSIC,
)
