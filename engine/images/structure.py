"""The structure of a FITS file: which extensions it has, where they lie and whether they are complete.

Only header bytes are read here, and every size is checked with Python integers against the length of the
file, so that a damaged or hostile header can neither make us allocate memory nor wait.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import BinaryIO

from engine.errors import ImageError
from engine.images.text import clean

BLOCK = 2880
CARD = 80
_BITPIX = (8, 16, 32, 64, -32, -64)
_PRINTABLE = bytes(byte if 32 <= byte < 127 else ord("?") for byte in range(256))
_STRING = re.compile(r"\s*'((?:[^']|'')*)'")
_INTEGER = re.compile(r"\s*([+-]?\d{1,19})\s*(?:/|$)")
_LOGICAL = re.compile(r"\s*([TF])\s*(?:/|$)")


class HeaderError(ValueError):
    """A header that cannot be used; the text is the end of a sentence about it."""


@dataclass(frozen=True)
class Header:
    """The cards of one FITS header, bytes outside printable ASCII replaced by '?'."""

    cards: tuple[str, ...]
    unprintable: int = 0
    values: dict[str, list[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        values: dict[str, list[str]] = {}
        for card in self.cards:
            if card[8:10] == "= ":
                values.setdefault(card[:8].rstrip(), []).append(card[10:])
        object.__setattr__(self, "values", values)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def integer(self, key: str, default: int | None = None) -> int:
        """Return an integer card; raise HeaderError where it is missing (without default) or no integer."""
        if key not in self.values:
            if default is None:
                raise HeaderError(f"the keyword {key} is missing")
            return default
        match = _INTEGER.match(self.values[key][0])
        if match is None:
            raise HeaderError(f"the keyword {key} is not an integer")
        return int(match[1])

    def logical(self, key: str) -> bool | None:
        """Return a T or F card, or None where it is missing or something else."""
        match = _LOGICAL.match(self.values[key][0]) if key in self.values else None
        return None if match is None else match[1] == "T"

    def text(self, key: str, limit: int = 68) -> str:
        """Return a string card made harmless and cut to `limit` characters; '' where there is none."""
        match = _STRING.match(self.values[key][0]) if key in self.values else None
        return clean(match[1].replace("''", "'").rstrip(), limit) if match else ""

    def number(self, key: str) -> float | None:
        """Return a finite number, also one written as a string; None where there is none to be read."""
        if key not in self.values:
            return None
        text = self.text(key) or self.values[key][0].split("/")[0]
        try:
            number = float(text.strip().replace("D", "E").replace("d", "e"))
        except ValueError:
            return None
        return number if math.isfinite(number) else None


@dataclass(frozen=True)
class Hdu:
    """One header and data unit.

    `kind` is "image", "table", "groups", "empty" or "other". `shape` is in numpy's order with the axes as
    written (a tile-compressed image has the shape of the unpacked image). `start`, `data_start` and
    `data_size` are bytes in the unpacked file; `complete` says whether all data bytes are there.
    """

    index: int
    header: Header
    kind: str
    shape: tuple[int, ...]
    start: int
    data_start: int
    data_size: int
    complete: bool
    compressed: bool = False

    @property
    def name(self) -> str:
        """EXTNAME made harmless, '' where the extension has none."""
        return self.header.text("EXTNAME", 40)

    @property
    def version(self) -> int:
        """EXTVER, 1 where the extension has none."""
        try:
            return self.header.integer("EXTVER", 1)
        except HeaderError:
            return 1

    @property
    def pixels(self) -> int:
        """Number of pixels the header promises."""
        return math.prod(self.shape) if self.shape else 0

    @property
    def plane_shape(self) -> tuple[int, ...]:
        """The shape without its axes of length 1, as far as two axes are left."""
        return tuple(self.shape[axis] for axis in kept_axes(self.shape))


def kept_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return which numpy axes stay when axes of length 1 are dropped, outermost first, down to two.

    >>> kept_axes((1, 1, 48, 64)), kept_axes((1, 64)), kept_axes((3, 1, 64))
    ((2, 3), (0, 1), (0, 2))
    """
    axes = list(range(len(shape)))
    for axis in range(len(shape)):
        if len(axes) > 2 and shape[axis] == 1:
            axes.remove(axis)
    return tuple(axes)


def scan(
    stream: BinaryIO, size: int, label: str, *, max_header_bytes: int, max_extensions: int
) -> tuple[tuple[Hdu, ...], tuple[str, ...]]:
    """Return the extensions of a FITS file and notices about damage that does not hinder reading it.

    Raises:
        ImageError: if the first header is not a usable FITS header.
    """
    hdus: list[Hdu] = []
    notices: list[str] = []
    position = 0
    while position < size:
        if len(hdus) >= max_extensions:
            notices.append(f"{label} has more than {max_extensions} extensions; the rest was not looked at.")
            break
        stream.seek(position)
        if hdus and stream.read(9) != b"XTENSION=":
            notices.append(f"{label} ends with {size - position} bytes that are no FITS extension; ignored.")
            break
        try:
            header, data_start = _read_header(stream, position, max_header_bytes)
            hdu = _unit(header, len(hdus), position, data_start, size)
        except HeaderError as error:
            if not hdus:
                raise ImageError(
                    f"{label} is not a usable FITS file: its header is corrupt or truncated ({error}). Get "
                    "a fresh copy of the file."
                ) from None
            notices.append(
                f"Extension {len(hdus)} of {label} cannot be read ({error}); it and what follows is ignored."
            )
            break
        hdus.append(hdu)
        position = data_start + -(-hdu.data_size // BLOCK) * BLOCK
    return tuple(hdus), tuple(notices)


def _read_header(stream: BinaryIO, start: int, max_header_bytes: int) -> tuple[Header, int]:
    stream.seek(start)
    cards: list[bytes] = []
    read = 0
    while True:
        block = stream.read(BLOCK)
        read += len(block)
        for at in range(0, len(block), CARD):
            card = block[at : at + CARD]
            if card.rstrip() == b"END":
                raw = b"".join(cards)
                text = raw.translate(_PRINTABLE)
                header = Header(
                    tuple(text[i : i + CARD].decode("ascii") for i in range(0, len(text), CARD)),
                    # A '?' that was one already is equal in both, so only replaced bytes count.
                    sum(a != b for a, b in zip(raw, text, strict=True)) if raw != text else 0,
                )
                return header, start + -(-read // BLOCK) * BLOCK
            cards.append(card)
        if len(block) < BLOCK:
            raise HeaderError("it has no END card")
        if read > max_header_bytes:
            raise HeaderError(f"no END card in the first {max_header_bytes} bytes, which is the limit")


def _unit(header: Header, index: int, start: int, data_start: int, size: int) -> Hdu:
    if index == 0 and header.logical("SIMPLE") is not True:
        raise HeaderError("the keyword SIMPLE is not T")
    bitpix = header.integer("BITPIX")
    if bitpix not in _BITPIX:
        raise HeaderError(f"BITPIX is {bitpix}, but must be one of 8, 16, 32, 64, -32, -64")
    n_axes = header.integer("NAXIS")
    if not 0 <= n_axes <= 999:
        raise HeaderError(f"NAXIS is {n_axes}, but must lie in 0..999")
    axes = [header.integer(f"NAXIS{i + 1}") for i in range(n_axes)]
    parameters, groups = header.integer("PCOUNT", 0), header.integer("GCOUNT", 1)
    if min([*axes, parameters, groups]) < 0:
        raise HeaderError("an axis length, PCOUNT or GCOUNT is negative")
    extension = header.text("XTENSION") if index else "IMAGE"
    is_groups = index == 0 and bool(axes) and axes[0] == 0 and header.logical("GROUPS") is True
    elements = math.prod(axes[1:] if is_groups else axes) if axes else 0
    data_size = abs(bitpix) // 8 * groups * (parameters + elements) if axes else 0
    shape, compressed = tuple(reversed(axes)), False
    if is_groups:
        kind = "groups"
    elif extension in ("BINTABLE", "A3DTABLE") and header.logical("ZIMAGE") is True:
        kind, compressed = "image", True
        shape = _unpacked_shape(header, axes)
    elif extension in ("BINTABLE", "A3DTABLE", "TABLE"):
        kind = "table"
    elif extension in ("IMAGE", "IUEIMAGE"):
        kind = "image" if elements else "empty"
    else:
        kind = "other"
    complete = data_start + data_size <= size
    return Hdu(index, header, kind, shape, start, data_start, data_size, complete, compressed)


def _unpacked_shape(header: Header, axes: list[int]) -> tuple[int, ...]:
    n_axes = header.integer("ZNAXIS")
    if not 1 <= n_axes <= 9:
        raise HeaderError(f"ZNAXIS is {n_axes}, but must lie in 1..9")
    lengths = [header.integer(f"ZNAXIS{i + 1}") for i in range(n_axes)]
    tiles = [header.integer(f"ZTILE{i + 1}", lengths[i] if i == 0 else 1) for i in range(n_axes)]
    if min([*lengths, *tiles]) < 1:
        raise HeaderError("a ZNAXIS or ZTILE keyword is not positive")
    if header.integer("ZBITPIX") not in _BITPIX:
        raise HeaderError("ZBITPIX is not a FITS pixel type")
    return tuple(reversed(lengths))


def tile_problem(hdu: Hdu) -> str:
    """Return what contradicts itself in the header of a tile-compressed image, '' where nothing does.

    One row of the table holds one tile; a file with fewer rows than tiles would make us allocate pixels
    that it does not hold.
    """
    lengths = tuple(reversed(hdu.shape))
    tiles = [hdu.header.integer(f"ZTILE{i + 1}", n if i == 0 else 1) for i, n in enumerate(lengths)]
    expected = math.prod(-(-n // tile) for n, tile in zip(lengths, tiles, strict=True))
    rows = hdu.header.integer("NAXIS2", 0)
    return "" if rows == expected else f"its table has {rows} rows for {expected} tiles"
