"""Sky coordinates: a broken WCS costs its figures, never the image."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.images.quiet import quiet
from engine.images.structure import CARD, Header

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from engine.images.image import Image

_LINEAR_KEYS = re.compile(
    r"(WCSAXES|(NAXIS|CTYPE|CRVAL|CRPIX|CDELT|CUNIT|CROTA)\d*|(CD|PC|PV|PS)\d+_\d+|LONPOLE|LATPOLE|RADESYS"
    r"|RADECSYS|EQUINOX|EPOCH|RESTFRQ|RESTFREQ|SPECSYS|WAT\d_\d+)"
)
_SIP_KEYS = re.compile(r"(A|B|AP|BP)_(ORDER|DMAX|\d_\d)")
_TABLE_KEYS = re.compile(r"(CPDIS|CQDIS|D2IM|D2IMDIS|DP|DQ|CPERR|D2IMERR)\d.*|D2IM\w*")
_LABELS = {"RA": ("RA", "Dec"), "GLON": ("l", "b"), "ELON": ("lambda", "beta"), "SLON": ("SGL", "SGB")}
_FRAMES = {"GLON": "Galactic", "ELON": "Ecliptic", "HLON": "Helioecliptic", "SLON": "Supergalactic"}


class SkyPosition(NamedTuple):
    """A position in degrees, the frame's name, and a text such as "RA 10:01:02.30 Dec +02:11:57.0"."""

    longitude: float
    latitude: float
    frame: str
    text: str


class Orientation(NamedTuple):
    """Where North is, degrees counter-clockwise from +y, and whether East is to its left."""

    north_angle: float
    east_is_left: bool


def celestial_wcs(
    header: Header, axes: tuple[int, ...], n_axes: int, shape: tuple[int, int], what: str
) -> tuple[WCS | None, list[str]]:
    """Return the celestial WCS of a 2-D image and notices; never raises because of the header.

    Args:
        header: of the image.
        axes: which numpy axes of the file's array the image has.
        n_axes: how many axes the file's array has.
        shape: (rows, columns) of the image.
        what: the image's name for sentences.
    """
    if not any(key.startswith("CTYPE") for key in header.values):
        return None, []
    notices = []
    if any(_TABLE_KEYS.fullmatch(key) for key in header.values):
        notices.append(
            f"The WCS of {what} refers to distortion tables, which are not read; sky positions lack that "
            "correction."
        )
    fits_axes = sorted(n_axes - axis for axis in axes)
    for with_distortion in (True, False):
        try:
            wcs = _build(header, fits_axes, with_distortion)
        except Exception:
            # wcslib and astropy raise many types here, and the next try or pixels alone are the answer.
            continue
        if wcs is None:
            return None, [f"The WCS of {what} has no two sky axes, so there are only pixel coordinates."]
        matrix = _matrix_at(wcs, (shape[1] - 1) / 2, (shape[0] - 1) / 2)
        if matrix is None:
            break
        if not with_distortion:
            notices.append(f"The distortion in the WCS of {what} cannot be used; its linear part is.")
        return wcs, notices + _wcs_doubts(header, matrix, what)
    return None, [
        f"The WCS of {what} cannot be used (projection, keywords or a degenerate matrix), so there are only "
        "pixel coordinates."
    ]


def sky_position(image: Image, x: float, y: float) -> SkyPosition | None:
    """Return the sky position of a pixel position (0-based, full image), or None where there is none."""
    if image.wcs is None:
        return None
    longitude, latitude = _world(image.wcs, x - image.origin[0], y - image.origin[1])
    if not (math.isfinite(longitude) and math.isfinite(latitude)):
        return None
    kind = str(image.wcs.wcs.lngtyp).strip()
    first, second = _LABELS.get(kind, ("lon", "lat"))
    if kind == "RA":
        text = f"{first} {_sexagesimal(longitude / 15, 2, '')} {second} {_sexagesimal(latitude, 1, '+')}"
    else:
        text = f"{first} {longitude:.5f} {second} {latitude:+.5f}"
    return SkyPosition(longitude, latitude, _frame(image.wcs), text)


def pixel_scale(image: Image, x: float | None = None, y: float | None = None) -> tuple[float, float] | None:
    """Return the lengths of a pixel's sides on the sky, arcsec along x and along y, or None.

    Measured at (x, y) (0-based, full image), by default in the middle of the image.
    """
    matrix = local_matrix(image, x, y)
    if matrix is None:
        return None
    return float(np.hypot(*matrix[:, 0])), float(np.hypot(*matrix[:, 1]))


def north_angle(image: Image, x: float | None = None, y: float | None = None) -> Orientation | None:
    """Return where North points at (x, y) (0-based, full image; by default the middle), or None."""
    matrix = local_matrix(image, x, y)
    if matrix is None:
        return None
    step_x, step_y = np.linalg.solve(matrix, [0.0, 1.0])
    angle = math.degrees(math.atan2(-step_x, step_y))
    return Orientation(angle + 0.0, bool(np.linalg.det(matrix) < 0))


def angle_east_of_north(
    image: Image, position_angle: float, x: float | None = None, y: float | None = None
) -> float | None:
    """Return a position angle on the sky, degrees East of North in [0, 180), or None.

    Args:
        image: whose WCS is used.
        position_angle: degrees counter-clockwise from +y.
        x: column (0-based, full image) where it is measured, by default the middle.
        y: row, likewise.
    """
    matrix = local_matrix(image, x, y)
    if matrix is None:
        return None
    angle = math.radians(position_angle)
    east, north = matrix @ np.array([-math.sin(angle), math.cos(angle)])
    return math.degrees(math.atan2(east, north)) % 180


def local_matrix(image: Image, x: float | None = None, y: float | None = None) -> NDArray[np.float64] | None:
    """Return [[dE/dx, dE/dy], [dN/dx, dN/dy]] in arcsec per pixel, or None.

    East and North are measured in the plane that touches the sphere at (x, y), so this holds at the poles
    and across RA = 0 too. Distortion is included.
    """
    if image.wcs is None:
        return None
    column = (image.shape[1] - 1) / 2 if x is None else x - image.origin[0]
    row = (image.shape[0] - 1) / 2 if y is None else y - image.origin[1]
    return _matrix_at(image.wcs, column, row)


def _matrix_at(wcs: WCS, x: float, y: float) -> NDArray[np.float64] | None:
    longitude, latitude = (math.radians(angle) for angle in _world(wcs, x, y))
    east = np.array([-math.sin(longitude), math.cos(longitude), 0.0])
    north = np.array(
        [
            -math.sin(latitude) * math.cos(longitude),
            -math.sin(latitude) * math.sin(longitude),
            math.cos(latitude),
        ]
    )
    columns = []
    for dx, dy in ((0.5, 0.0), (0.0, 0.5)):
        step = _vector(wcs, x + dx, y + dy) - _vector(wcs, x - dx, y - dy)
        columns.append([float(step @ east), float(step @ north)])
    matrix = np.degrees(np.array(columns).T) * 3600
    if not np.isfinite(matrix).all():
        return None
    area = float(np.hypot(*matrix[:, 0]) * np.hypot(*matrix[:, 1]))
    return matrix if abs(float(np.linalg.det(matrix))) > 1e-6 * area else None


def _vector(wcs: WCS, x: float, y: float) -> NDArray[np.float64]:
    longitude, latitude = (math.radians(angle) for angle in _world(wcs, x, y))
    return np.array(
        [
            math.cos(latitude) * math.cos(longitude),
            math.cos(latitude) * math.sin(longitude),
            math.sin(latitude),
        ]
    )


def _world(wcs: WCS, x: float, y: float) -> tuple[float, float]:
    """Return (longitude in [0, 360), latitude) in degrees of a 0-based array pixel; nan off the sky."""
    try:
        world = wcs.all_pix2world([[x, y]], 0)[0]
    except Exception:
        # Outside of a projection wcslib may raise instead of giving nan.
        return math.nan, math.nan
    return float(world[wcs.wcs.lng]) % 360, float(world[wcs.wcs.lat])


def _build(header: Header, fits_axes: list[int], with_distortion: bool) -> WCS | None:
    from astropy.io import fits
    from astropy.wcs import WCS

    cards = []
    has_sip = with_distortion and any(_SIP_KEYS.fullmatch(key) for key in header.values)
    for card in header.cards:
        key = card[:8].rstrip()
        if card[8:10] != "= " or len(card) != CARD:
            continue
        if _LINEAR_KEYS.fullmatch(key) or (has_sip and _SIP_KEYS.fullmatch(key)):
            cards.append(card)
    with quiet():
        wcs_header = fits.Header.fromstring("".join(cards) + "END".ljust(CARD))
        for axis in fits_axes:
            ctype = str(wcs_header.get(f"CTYPE{axis}", ""))
            if has_sip and len(ctype) == 8 and ctype[4] == "-":
                # Many writers leave out the suffix; the coefficients are meant all the same.
                wcs_header[f"CTYPE{axis}"] = f"{ctype}-SIP"
            elif not with_distortion and ctype.endswith("-SIP"):
                wcs_header[f"CTYPE{axis}"] = ctype[:-4]
            elif not with_distortion and ctype.endswith(("-TPV", "-TNX", "-ZPX")):
                wcs_header[f"CTYPE{axis}"] = f"{ctype[:-4]}-TAN"
        wcs = WCS(wcs_header)
        if wcs.naxis > 2:
            wcs = wcs.sub(fits_axes)
        if wcs.naxis != 2 or not wcs.has_celestial:
            return None
        wcs.all_pix2world([[0, 0]], 0)
        return wcs


def _wcs_doubts(header: Header, matrix: NDArray[np.float64], what: str) -> list[str]:
    notices = []
    has_scale = any(header.number(key) for key in header.values if re.fullmatch(r"CD\d_\d|CDELT\d", key))
    if not has_scale or not any(key.startswith("CRVAL") for key in header.values):
        notices.append(
            f"The WCS of {what} names sky axes but lacks CRVAL, CDELT or CD; sky positions and pixel scale "
            "are not to be trusted."
        )
    sides = np.hypot(matrix[0], matrix[1])
    if max(sides) > 1.01 * min(sides):
        notices.append(
            f"Pixels of {what} are not square on the sky ({sides[0]:.4g} x {sides[1]:.4g} arcsec): axis "
            "ratio and position angle hold in pixels and differ on the sky."
        )
    return notices


def _frame(wcs: WCS) -> str:
    kind = str(wcs.wcs.lngtyp).strip()
    if kind != "RA":
        return _FRAMES.get(kind, kind)
    system = str(wcs.wcs.radesys).strip().upper()
    if system:
        return system
    # The FITS standard: without RADESYS an equinox decides, and without that it is ICRS.
    equinox = float(wcs.wcs.equinox)
    if math.isnan(equinox):
        return "ICRS"
    return "FK4" if equinox < 1984 else "FK5"


def _sexagesimal(value: float, decimals: int, sign: str) -> str:
    unit = 10**decimals
    ticks = round(abs(value) * 3600 * unit)
    if not sign:
        ticks %= 24 * 3600 * unit
    seconds, fraction = divmod(ticks, unit)
    head = "" if not sign else ("-" if value < 0 else "+")
    return f"{head}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{fraction:0{decimals}d}"
