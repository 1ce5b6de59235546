"""`read_image`: from files or arrays to one `Image`."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ImageError
from engine.images.checks import source_notices, value_notices
from engine.images.fits import FitsFile, Plane, open_fits, shown_header, split_extension
from engine.images.image import MIN_SIDE, MIN_USED, Image
from engine.images.mask import check_shape, mask_of
from engine.images.noise import (
    Noise,
    constant_weights,
    estimated_weights,
    weights_from_gain,
    weights_from_map,
)
from engine.images.psf import MAX_OVERSAMPLING, psf_of, sampling_notice
from engine.images.text import clean, counted, size_text
from engine.images.unpack import Limits
from engine.images.wcs import celestial_wcs

#: A path, optionally with [extension], or an array.
Source = str | Path | NDArray[Any]


@dataclass
class _Reader:
    """Opens each file once; remembers where everything came from."""

    stack: ExitStack
    base: Path | None
    labels: Mapping[str, str]
    limits: Limits
    files: dict[Path, FitsFile] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    def label(self, role: str, source: object) -> str:
        """Return the name for people of what is read as `role`."""
        if role in self.labels:
            return clean(self.labels[role]) or role
        return clean(Path(source).name) or role if isinstance(source, (str, Path)) else f"The {role} array"

    def values(self, role: str, source: Source) -> tuple[NDArray[np.float64], str, Plane | None]:
        """Return the array of a role, its name for sentences, and what else its file said."""
        label = self.label(role, source)
        if isinstance(source, (str, Path)):
            return self._from_file(role, source, label)
        return self._from_array(role, source, label), label, None

    def _from_file(self, role: str, source: str | Path, label: str) -> tuple[NDArray[np.float64], str, Plane]:
        if not str(source):
            raise ImageError(f"The path of {role} is empty. Give a FITS file.")
        path, spec = split_extension(source, self.base)
        file = self.files.get(path)
        if file is None:
            shown = self.label(role, path)
            file = self.stack.enter_context(open_fits(path, label=shown, limits=self.limits))
            self.files[path] = file
        plane = file.read("image" if role == "data" else role, spec)
        self.notices += [notice for notice in plane.notices if notice not in self.notices]
        self.hashes[role] = file.sha256()
        chosen = f"[{plane.index}]" if plane.n_images > 1 else ""
        self.sources[role] = f"{path.absolute()}{chosen}"
        return plane.data, label, plane

    def _from_array(self, role: str, source: NDArray[Any], label: str) -> NDArray[np.float64]:
        try:
            array = np.asarray(source)
        except ValueError:
            raise ImageError(f"{label} is not a regular array. Give a path or a 2-D array.") from None
        if array.dtype.kind not in "buif":
            raise ImageError(f"{label} has the type {array.dtype}, but must hold real numbers.")
        if array.ndim != 2:
            raise ImageError(
                f"{label} has {counted(array.ndim, 'dimension')} ({size_text(array.shape)}), but a 2-D "
                "array is needed."
            )
        if array.size > self.limits.max_pixels:
            raise ImageError(
                f"{label} is too large: {array.size} pixels, the limit is {self.limits.max_pixels}. Give a "
                "cut-out."
            )
        self.hashes[role] = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
        self.sources[role] = "array"
        values: NDArray[np.float64] = np.array(array, dtype=np.float64)
        if isinstance(source, np.ma.MaskedArray):
            values[np.ma.getmaskarray(source)] = np.nan
        return values


def read_image(
    data: Source,
    *,
    name: str = "image",
    sigma: Source | float | None = None,
    variance: Source | float | None = None,
    weight: Source | float | None = None,
    gain: float | None = None,
    read_noise: float | None = None,
    mask: Source | None = None,
    psf: Source | None = None,
    psf_oversampling: int = 1,
    zero_point: float | None = None,
    window: Sequence[int] | None = None,
    base: str | Path | None = None,
    invert_mask: bool = False,
    labels: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> Image:
    """Read an image with everything that belongs to it.

    Each file argument is a path, optionally with an extension in brackets by number, EXTNAME or
    EXTNAME,EXTVER ("g.fits[1]", "g.fits[SCI]", "g.fits[SCI,2]"), or an array (rows, columns). Without
    brackets the extension whose name suits the role is read, otherwise the first image. gzip, bzip2 and tile
    compression are recognized by content.

    Args:
        data: the image. NaN and infinite pixels are masked.
        name: its name in the fit description.
        sigma: standard deviation of each pixel in the image's units, a map of the image's shape or one
            number. At most one of sigma, variance, weight and gain may be given. Pixels where it is not
            positive and finite are masked.
        variance: square of sigma, likewise.
        weight: 1 / variance, likewise.
        gain: electrons per ADU, with variance = max(data, 0) / gain + (read_noise / gain)**2.
        read_noise: electrons per pixel, used with gain only.
        mask: non-zero or NaN means that the pixel is ignored.
        psf: divided by its sum; its origin is pixel n // 2 of each axis.
        psf_oversampling: PSF pixels per image pixel, a positive integer.
        zero_point: magnitude of one unit of flux.
        window: [x0, x1, y0, y1], half-open, 0-based: only this part is used. Parameters keep counting in the
            full image.
        base: folder that relative paths start from.
        invert_mask: true if non-zero means good in the mask.
        labels: names to show instead of file names, per role ("data", "sigma", "mask", "psf", ...).
        limits: what a file may cost.

    Raises:
        ImageError: if something cannot be read, does not fit together or leaves no usable pixel.
    """
    noise_given = {"sigma": sigma, "variance": variance, "weight": weight, "gain": gain}
    _check_options(noise_given, read_noise, psf_oversampling, zero_point)
    with ExitStack() as stack:
        folder = None if base is None else Path(base)
        reader = _Reader(stack, folder, labels or {}, limits or Limits())
        values, what, plane = reader.values("data", data)
        notices = reader.notices
        _check_size(values, what)
        values, undefined = _finite(values, what, notices)
        shape = (values.shape[0], values.shape[1])
        masked = np.zeros(shape, dtype=bool)
        if mask is not None:
            array, label, _ = reader.values("mask", mask)
            masked, more = mask_of(array, label, shape, invert=invert_mask)
            notices += more
        noise = _noise(reader, noise_given, read_noise, values, undefined | masked, what)
        notices += noise.notices
        if noise.estimated and plane is not None:
            notices += _gain_hint(plane, what)
        bad = undefined | noise.excluded
        notices += value_notices(values, bad | masked, what)
        notices += source_notices(values, bad, masked, what)
        psf_array = None
        if psf is not None:
            array, label, psf_plane = reader.values("psf", psf)
            psf_array, more = psf_of(array, label, shape, psf_oversampling)
            notices += more
            declared = None if psf_plane is None else psf_plane.header.number("OVERSAMP")
            notices += sampling_notice(declared, psf_oversampling, label)
    wcs = None
    unit = ""
    if plane is not None:
        unit = plane.header.text("BUNIT", 32)
        wcs, more = celestial_wcs(plane.header, plane.axes, plane.n_axes, shape, what)
        notices += more
    ignored = bad | masked
    full = (slice(None), slice(None))
    limits_of_window = None if window is None else _window(window, shape, what)
    if limits_of_window is not None:
        x0, x1, y0, y1 = limits_of_window
        full = (slice(y0, y1), slice(x0, x1))
        wcs = None if wcs is None else wcs[full]
    ignored = ignored[full]
    n_used = int(np.count_nonzero(~ignored))
    if n_used < MIN_USED:
        raise ImageError(
            f"Too few pixels of {what} can be used: {n_used} of {ignored.size} are neither masked nor "
            f"without a valid value, and a model has {MIN_USED - 1} parameters or more. Check the mask, the "
            "noise and the window."
        )
    return Image(
        name=name,
        data=np.ascontiguousarray(values[full]),
        weight=np.where(ignored, 0.0, noise.weight[full]),
        mask=ignored,
        psf=psf_array,
        psf_oversampling=psf_oversampling,
        wcs=wcs,
        gain=None if gain is None else float(gain),
        zero_point=None if zero_point is None else float(zero_point),
        unit=unit,
        window=limits_of_window,
        noise_estimated=noise.estimated,
        notices=tuple(notices),
        hashes=reader.hashes,
        sources=reader.sources,
    )


def _check_options(
    noise_given: Mapping[str, object],
    read_noise: float | None,
    psf_oversampling: int,
    zero_point: float | None,
) -> None:
    given = [key for key, value in noise_given.items() if value is not None]
    if len(given) > 1:
        raise ImageError(
            f"The noise is given {len(given)} times ({', '.join(given)}). Give only one of them."
        )
    if read_noise is not None and given != ["gain"]:
        raise ImageError(
            "read_noise is only used together with gain. Give gain too, or leave read_noise out."
        )
    for key, value in (("gain", noise_given["gain"]), ("read_noise", read_noise), ("zero_point", zero_point)):
        if value is not None and not _is_number(value):
            raise ImageError(f"{key} is {clean(repr(value))}, but must be a number.")
    if zero_point is not None and not math.isfinite(zero_point):
        raise ImageError(f"zero_point is {zero_point}, but must be finite, in magnitudes.")
    if not _is_integer(psf_oversampling) or not 1 <= psf_oversampling <= MAX_OVERSAMPLING:
        raise ImageError(
            f"psf_oversampling is {clean(repr(psf_oversampling))}, but must be an integer in "
            f"1..{MAX_OVERSAMPLING}: PSF pixels per image pixel."
        )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _is_integer(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _check_size(values: NDArray[np.float64], what: str) -> None:
    if min(values.shape) < MIN_SIDE:
        raise ImageError(
            f"{what} is too small: {size_text(values.shape)}, but a size of at least {MIN_SIDE} x "
            f"{MIN_SIDE} pixels is needed."
        )


def _finite(
    values: NDArray[np.float64], what: str, notices: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    # Weighted squares of larger numbers overflow; NaN compares as false.
    usable = np.abs(values) < 1e100
    undefined = ~usable
    n_undefined = int(np.count_nonzero(undefined))
    if n_undefined == values.size:
        raise ImageError(
            f"All {values.size} pixels of {what} are NaN or infinite: no valid, finite value to fit."
        )
    if n_undefined:
        notices.append(
            f"{counted(n_undefined, 'pixel')} of {what} {'is' if n_undefined == 1 else 'are'} NaN, infinite "
            "or beyond 1e100 and masked."
        )
    if values.size < 64:
        notices.append(
            f"{what} is small: {size_text(values.shape)}. Few models can be fitted to so few pixels."
        )
    return np.where(usable, values, 0.0), undefined


def _noise(
    reader: _Reader,
    given: Mapping[str, Any],
    read_noise: float | None,
    data: NDArray[np.float64],
    bad: NDArray[np.bool_],
    what: str,
) -> Noise:
    for role in ("sigma", "variance", "weight"):
        source = given[role]
        if source is None:
            continue
        if _is_number(source):
            reader.sources[role] = repr(float(source))
            return constant_weights(data, float(source), role)
        array, label, _ = reader.values(role, source)
        check_shape(label, array.shape, (data.shape[0], data.shape[1]))
        return weights_from_map(role, array, label, data, bad)
    if given["gain"] is not None:
        return weights_from_gain(data, bad, float(given["gain"]), float(read_noise or 0.0))
    return estimated_weights(data, bad, what)


def _gain_hint(plane: Plane, what: str) -> list[str]:
    header, doubts = shown_header(plane.header, what)
    if "GAIN" not in header:
        return doubts
    read_noise = f" and RDNOISE={header['RDNOISE']:g}" if "RDNOISE" in header else ""
    return [
        *doubts,
        f"The header of {what} says GAIN={header['GAIN']:g}{read_noise}: set gain and read_noise if the "
        "image is in ADU with its sky.",
    ]


def _window(window: Sequence[int], shape: tuple[int, int], what: str) -> tuple[int, int, int, int]:
    edges = list(window) if isinstance(window, (Sequence, np.ndarray)) else []
    if len(edges) != 4 or not all(_is_integer(edge) for edge in edges):
        raise ImageError(f"window is {clean(window)}, but must be four integers [x0, x1, y0, y1].")
    x0, x1, y0, y1 = (int(edge) for edge in edges)
    ny, nx = shape
    if min(x0, y0) < 0 or not (x0 + MIN_SIDE <= x1 <= nx and y0 + MIN_SIDE <= y1 <= ny):
        raise ImageError(
            f"window is [{x0}, {x1}, {y0}, {y1}], but [x0, x1, y0, y1] must lie within [0, {nx}, 0, {ny}] "
            f"of {what} and be at least {MIN_SIDE} pixels wide and high."
        )
    return x0, x1, y0, y1
