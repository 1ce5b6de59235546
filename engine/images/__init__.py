"""Images: FITS files in, with noise, masks, PSFs and sky coordinates."""

from engine.images.fits import ExtensionInfo, FitsContents, inspect_fits
from engine.images.image import Image
from engine.images.noise import measured_noise
from engine.images.read import read_image
from engine.images.unpack import Limits
from engine.images.wcs import (
    Orientation,
    SkyPosition,
    angle_east_of_north,
    north_angle,
    pixel_scale,
    sky_position,
)

__all__ = [
    "ExtensionInfo",
    "FitsContents",
    "Image",
    "Limits",
    "Orientation",
    "SkyPosition",
    "angle_east_of_north",
    "inspect_fits",
    "measured_noise",
    "north_angle",
    "pixel_scale",
    "read_image",
    "sky_position",
]
