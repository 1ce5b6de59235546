"""Drawn masks: a FITS file with the mask, and in it the shapes and the other mask that it was made from.

The first extension is the mask (1 where a pixel is ignored), which any program can use; UNDER is the mask
below the shapes, where there was one; REGIONS has the shapes as lines of a DS9 region file.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import ImageError
from engine.images.fits import open_fits, split_extension
from engine.images.mask import mask_of
from engine.images.read import read_image
from engine.images.regions import Shape, mask_of_shapes, parse_regions, regions_text
from engine.images.unpack import Limits

UNDER = "UNDER"
REGIONS = "REGIONS"


@dataclass(frozen=True, eq=False)
class DrawnMask:
    """Shapes over a mask from elsewhere.

    Attributes:
        shape: (rows, columns) of the full image.
        shapes: the later ones decide where they overlap earlier ones.
        under: (rows, columns) bool, true where a pixel is ignored below the shapes; None where nowhere.
        source: what the mask below was read from, as its user names it; "" where there is none.
    """

    shape: tuple[int, int]
    shapes: tuple[Shape, ...] = ()
    under: NDArray[np.bool_] | None = None
    source: str = ""

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(rows, columns), true where a pixel is ignored."""
        return mask_of_shapes(self.shapes, self.shape, self.under)


def drawn_mask_file(drawn: DrawnMask) -> bytes:
    """Return the FITS file of a drawn mask, compressed with gzip; the same mask gives the same bytes."""
    from astropy.io import fits

    lines = regions_text(drawn.shapes).splitlines()
    header = fits.Header({"EXTNAME": "MASK"})
    header["SOURCE"] = drawn.source[:60]
    hdus = [fits.PrimaryHDU(drawn.mask.astype(np.uint8), header)]
    if drawn.under is not None:
        hdus.append(fits.ImageHDU(drawn.under.astype(np.uint8), name=UNDER))
    column = fits.Column(name="LINE", format=f"{max(map(len, lines))}A", array=np.array(lines))
    hdus.append(fits.BinTableHDU.from_columns([column], name=REGIONS))
    content = io.BytesIO()
    fits.HDUList(hdus).writeto(content)
    return gzip.compress(content.getvalue(), compresslevel=4, mtime=0)


def read_drawn_mask(path: str | Path, *, limits: Limits | None = None) -> DrawnMask | None:
    """Return the drawn mask of a file, or None where the file is a mask of another kind.

    Raises:
        ImageError: if the file cannot be read.
    """
    from astropy.io import fits

    file_path, _ = split_extension(path)
    with open_fits(file_path, limits=limits) as file:
        names = [hdu.name for hdu in file.hdus]
        if REGIONS not in names or names[0] != "MASK":
            return None
        plane = file.read("mask", "0")
        shape = (plane.data.shape[0], plane.data.shape[1])
        under = file.read("mask", UNDER).data != 0 if UNDER in names else None
        content = file.bytes_of(file.hdus[names.index(REGIONS)])
        source = plane.header.text("SOURCE", 80)
    with fits.open(io.BytesIO(fits.PrimaryHDU().header.tostring().encode() + content)) as table:
        lines = [str(line) for line in table[1].data["LINE"]]
    shapes, _ = parse_regions("\n".join(lines))
    return DrawnMask(shape, shapes, under, source)


def begin_mask(
    data: str | Path, mask: str | Path | None = None, *, source: str = "", invert: bool = False
) -> DrawnMask:
    """Return the drawn mask to go on from: that of the mask's file, or a new one above the mask there is.

    Args:
        data: the image, whose shape the mask gets.
        mask: the mask in use, or None.
        source: what that mask is called, to find it again.
        invert: true if non-zero means good in it.

    Raises:
        ImageError: if a file cannot be read or the shapes do not match.
    """
    # A constant variance spares measuring the noise, which the shape does not need.
    shape = read_image(data, variance=1.0).shape
    if mask is None:
        return DrawnMask(shape)
    found = read_drawn_mask(mask)
    if found is not None and found.shape == shape and not invert:
        return found
    path, spec = split_extension(mask)
    with open_fits(path) as file:
        values = file.read("mask", spec).data
    under, _ = mask_of(values, "the mask", shape, invert=invert)
    return DrawnMask(shape, under=under, source=source)


def with_shapes(drawn: DrawnMask, shapes: Sequence[Shape]) -> DrawnMask:
    """Return the mask with these shapes in place of its own.

    Raises:
        ImageError: if no pixel would be left in use.
    """
    changed = DrawnMask(drawn.shape, tuple(shapes), drawn.under, drawn.source)
    if changed.mask.all():
        raise ImageError("This would ignore every pixel of the image, so there would be nothing to fit.")
    return changed
