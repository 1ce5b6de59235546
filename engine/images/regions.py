"""Regions: shapes drawn on an image or read from a DS9 region file, and the mask they make.

Shapes count pixels from 0 with centers on integers, like everything here; DS9 counts from 1, and only
:func:`parse_regions` and :func:`regions_text` know that.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ImageError, did_you_mean
from engine.images.text import clean, counted, listed

if TYPE_CHECKING:
    from astropy.wcs import WCS

MAX_LETTERS = 1_000_000
MAX_SHAPES = 2_000
MAX_VERTICES = 4_000

#: Kind to the numbers of numbers it may have. With more numbers an ellipse or a box is a ring of its kind.
KINDS: dict[str, tuple[int, ...]] = {
    "circle": (3,),
    "ellipse": (5, 7),
    "box": (5, 7),
    "polygon": tuple(range(6, 2 * MAX_VERTICES + 1, 2)),
    "annulus": (4,),
}
_SYSTEMS = ("image", "fk5", "j2000", "fk4", "b1950", "icrs", "galactic", "ecliptic")
_OTHER_SYSTEMS = ("physical", "linear", "amplifier", "detector", "wcs", "wcsa", "tile")
_NO_AREA = ("point", "text", "line", "vector", "projection", "segment", "ruler", "compass", "cross")
_WORD = re.compile(r"\s*(?P<sign>[-+]?)\s*(?P<word>[A-Za-z]\w*)")


@dataclass(frozen=True)
class Shape:
    """One shape on an image. ``ignored``: whether pixels in it are ignored (or used again, where false).

    ``numbers`` are those of a DS9 line, in pixels counted from 0 and degrees counter-clockwise from +x:
    circle (x, y, radius); annulus (x, y, inner radius, outer radius); box (x, y, width, height, angle);
    ellipse (x, y, semi-axis, semi-axis, angle); polygon (x1, y1, x2, y2, ...). A ring of ellipses or boxes
    has the two sizes of the inner one before those of the outer one.

    Raises:
        ImageError: for an unknown kind, or numbers that don't make a shape of it.
    """

    kind: str
    numbers: tuple[float, ...]
    ignored: bool = True

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ImageError(f"There is no shape {clean(self.kind, 40)!r}. {did_you_mean(self.kind, KINDS)}")
        if len(self.numbers) not in KINDS[self.kind]:
            known = KINDS[self.kind]
            wanted = (
                " or ".join(map(str, known)) if len(known) < 5 else f"an even number from 6 to {known[-1]}"
            )
            raise ImageError(
                f"This {self.kind} has {counted(len(self.numbers), 'number')}, but needs {wanted}."
            )
        if not all(math.isfinite(number) and abs(number) < 1e9 for number in self.numbers):
            raise ImageError(f"This {self.kind} has a number that is infinite or beyond 1e9 pixels.")
        sizes = () if self.kind == "polygon" else self._sizes
        if not all(size > 0 for size in sizes):
            raise ImageError(f"This {self.kind} has a size that is not positive: {listed(_texts(sizes))}.")
        half = len(sizes) // 2
        if (self.kind == "annulus" or len(self.numbers) == 7) and not all(
            inner < outer for inner, outer in zip(sizes[:half], sizes[half:], strict=True)
        ):
            raise ImageError(f"The inner size of this {self.kind} ring must be smaller than the outer one.")

    @property
    def _sizes(self) -> tuple[float, ...]:
        return self.numbers[2:] if self.kind in ("circle", "annulus") else self.numbers[2:-1]


def mask_of_shapes(
    shapes: Iterable[Shape], shape: tuple[int, int], base: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Return where pixels are ignored: those with their center in a shape, one shape after another.

    Args:
        shapes: the later ones decide where they overlap earlier ones.
        shape: (rows, columns) of the image.
        base: (rows, columns), where pixels are ignored before the first shape; nowhere where None.
    """
    mask = np.zeros(shape, dtype=bool) if base is None else base.copy()
    for one in shapes:
        rows, columns = _reach(one, shape)
        y, x = np.mgrid[rows, columns].astype(np.float64)
        mask[rows, columns][_inside(one, x, y)] = one.ignored
    return mask


def inverted(shapes: Sequence[Shape], shape: tuple[int, int]) -> tuple[Shape, ...]:
    """Return the shapes that ignore exactly the pixels that these leave in use."""
    ny, nx = shape
    everything = Shape("box", ((nx - 1) / 2, (ny - 1) / 2, nx + 1.0, ny + 1.0, 0.0))
    flipped = tuple(replace(one, ignored=not one.ignored) for one in shapes)
    if shapes and shapes[0] == everything:
        return flipped[1:]
    return (everything, *flipped)


def parse_regions(text: str, wcs: WCS | None = None) -> tuple[tuple[Shape, ...], list[str]]:
    """Return the shapes of a DS9 region file, and sentences on what was left out.

    Circles, ellipses, boxes, polygons and annuli are read, in image coordinates or (with a WCS) on the sky;
    a line that begins with ``-`` brings pixels back into use. Shapes on the sky become shapes of pixels with
    the scale and orientation at their center, as in DS9.

    Args:
        text: of the file.
        wcs: celestial WCS of the full image.

    Raises:
        ImageError: naming the line, for what cannot be understood.
    """
    if len(text) > MAX_LETTERS:
        raise ImageError(f"The region file is longer than {MAX_LETTERS} letters, which is the limit.")
    system, shapes, left_out = "image", [], []
    for number, command in _commands(text):
        found = _WORD.match(command)
        word = found["word"].lower() if found else ""
        where = f"Line {number} of the regions, {clean(command.strip(), 50)!r},"
        if word == "global" or re.match(r"(tile|composite)\b", word):
            continue
        if word in _SYSTEMS and found and not command[found.end() :].strip():
            system = word
        elif word in _OTHER_SYSTEMS:
            raise ImageError(
                f"{where} counts in {word} coordinates. Save the regions in image or fk5 coordinates in DS9."
            )
        elif word in _NO_AREA:
            left_out.append(f"{word} in line {number}")
        elif word in KINDS and found:
            shapes += _parsed(command, found["sign"] == "-", system, wcs, where)
        else:
            raise ImageError(f"{where} is not understood. {did_you_mean(word, [*KINDS, *_SYSTEMS])}")
        if len(shapes) > MAX_SHAPES:
            raise ImageError(f"There are more than {MAX_SHAPES} regions, which is the limit.")
    notices = [f"Left out, since it covers no pixels: {listed(left_out)}."] if left_out else []
    return tuple(shapes), notices


def regions_text(shapes: Iterable[Shape]) -> str:
    """Return the shapes as a DS9 region file in image coordinates, which reads back to the same shapes."""
    lines = ["# Region file format: DS9", "image"]
    for one in shapes:
        # DS9 counts from 1: its positions are ours plus 1.
        places = len(one.numbers) if one.kind == "polygon" else 2
        numbers = [value + 1 if index < places else value for index, value in enumerate(one.numbers)]
        lines.append(f"{'' if one.ignored else '-'}{one.kind}({','.join(_texts(numbers))})")
    return "\n".join(lines) + "\n"


# --- text


def _commands(text: str) -> Iterator[tuple[int, str]]:
    """(line number, command) of what is neither empty nor a comment; ``;`` separates commands like a new line."""
    for number, line in enumerate(text.splitlines(), start=1):
        for command in re.sub(r"#.*", "", line).split(";"):
            if command.strip():
                yield number, command


def _parsed(command: str, minus: bool, system: str, wcs: WCS | None, where: str) -> list[Shape]:
    """The shapes of one command; DS9 writes several rings around one center as one."""
    from regions import Regions

    if system != "image" and wcs is None:
        raise ImageError(
            f"{where} is on the sky ({system}), but this image has no celestial WCS. Save the regions in image "
            "coordinates."
        )
    try:
        with warnings.catch_warnings():
            # What the package cannot read it skips with a warning; here that is an error with a line.
            warnings.simplefilter("error")
            found = Regions.parse(f"{system}\n{command.strip()}", format="ds9")
            pixel = [one if system == "image" else one.to_pixel(wcs) for one in found]
            numbers = [_numbers(one) for one in pixel]
            if not numbers:
                raise ValueError("nothing was read")
            return [Shape(kind, values, not minus) for kind, values in numbers]
    except ImageError as error:
        raise ImageError(f"{where} cannot be used. {error}") from error
    except Exception as error:
        # The package raises many types for malformed numbers, and wcslib more for positions off the sky.
        raise ImageError(
            f"{where} cannot be read. A circle is written circle(x, y, radius), an ellipse ellipse(x, y, a, b, "
            "angle), a box box(x, y, width, height, angle)."
        ) from error


def _numbers(one: Any) -> tuple[str, tuple[float, ...]]:
    """Kind and numbers of a region of the package, which counts pixels from 0 as we do."""
    import regions

    if isinstance(one, regions.PolygonPixelRegion):
        pairs = zip(np.atleast_1d(one.vertices.x), np.atleast_1d(one.vertices.y), strict=True)
        return "polygon", tuple(float(value) for pair in pairs for value in pair)
    place = (float(one.center.x), float(one.center.y))
    if isinstance(one, regions.CirclePixelRegion):
        return "circle", (*place, float(one.radius))
    if isinstance(one, regions.CircleAnnulusPixelRegion):
        return "annulus", (*place, float(one.inner_radius), float(one.outer_radius))
    angle = float(one.angle.to_value("deg"))
    ring = (regions.EllipseAnnulusPixelRegion, regions.RectangleAnnulusPixelRegion)
    sizes = (
        (one.inner_width, one.inner_height, one.outer_width, one.outer_height)
        if isinstance(one, ring)
        else (one.width, one.height)
    )
    ellipse = isinstance(one, regions.EllipsePixelRegion | regions.EllipseAnnulusPixelRegion)
    factor = 0.5 if ellipse else 1.0
    return "ellipse" if ellipse else "box", (*place, *(factor * float(size) for size in sizes), angle)


def _texts(numbers: Iterable[float]) -> list[str]:
    # repr has all digits, so that a center of a pixel never changes sides.
    return [repr(float(number)).removesuffix(".0") for number in numbers]


# --- pixels


def _reach(one: Shape, shape: tuple[int, int]) -> tuple[slice, slice]:
    """The rows and columns of the image that a shape can touch."""
    if one.kind == "polygon":
        x, y = np.array(one.numbers[0::2]), np.array(one.numbers[1::2])
        edges = (float(x.min()), float(x.max()), float(y.min()), float(y.max()))
    else:
        # No point of an ellipse or a box is farther from its center than its sizes together.
        far = sum(one._sizes)
        edges = (one.numbers[0] - far, one.numbers[0] + far, one.numbers[1] - far, one.numbers[1] + far)
    return _span(*edges[2:], shape[0]), _span(*edges[:2], shape[1])


def _span(low: float, high: float, n: int) -> slice:
    """The pixels of n from the one before ``low`` to the one after ``high``."""
    return slice(math.floor(min(max(low, 0.0), n)), math.ceil(min(max(high + 1, 0.0), n)))


def _inside(one: Shape, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether positions lie in a shape, its edge included."""
    if one.kind == "polygon":
        return _in_polygon(one.numbers, x, y)
    dx, dy = x - one.numbers[0], y - one.numbers[1]
    if one.kind == "circle":
        return np.hypot(dx, dy) <= one.numbers[2]
    if one.kind == "annulus":
        radius = np.hypot(dx, dy)
        return (radius >= one.numbers[2]) & (radius <= one.numbers[3])
    angle = math.radians(one.numbers[-1])
    along = dx * math.cos(angle) + dy * math.sin(angle)
    across = dy * math.cos(angle) - dx * math.sin(angle)
    sizes = one._sizes

    def within(width: float, height: float) -> NDArray[np.bool_]:
        if one.kind == "ellipse":
            return (along / width) ** 2 + (across / height) ** 2 <= 1
        return (np.abs(along) <= width / 2) & (np.abs(across) <= height / 2)

    if len(sizes) == 2:
        return within(*sizes)
    return within(*sizes[2:]) & ~within(*sizes[:2])


def _in_polygon(
    numbers: Sequence[float], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether a ray from each position towards +x crosses an odd number of edges."""
    odd = np.zeros(x.shape, dtype=bool)
    xs, ys = np.array(numbers[0::2]), np.array(numbers[1::2])
    for x1, y1, x2, y2 in zip(xs, ys, np.roll(xs, -1), np.roll(ys, -1), strict=True):
        if y1 == y2:
            continue
        spans = (y1 > y) != (y2 > y)
        odd ^= spans & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
    return odd
