"""What a fit leaves on disk: `result.json`, `images.fits`, `parameters.ecsv`, `fit.yaml`, of samplers `draws.nc`.

The files of a run folder and their contents:

- `result.json`: the numbers and their provenance, strict JSON (null where a number is not finite). It is
  written last: a folder that has it is complete.
- `images.fits`: extensions DATA, MODEL, RESIDUAL (data - model) and PULL (residual / sigma), then one
  extension per component named `MODEL:<component>`; of samplers also MODEL_MEAN and MODEL_SD, the model's mean
  and standard deviation over the posterior. Each keeps the celestial WCS. Of a window, LTV1/LTV2 tell
  where its first pixel lies in the full image (IRAF's convention: window pixel = full pixel + LTV).
- `parameters.ecsv`: one row per parameter, an astropy table.
- `fit.yaml`: a description whose start values are the fitted ones, to be fitted again. Where the inputs were
  arrays and not files, they are kept in `inputs.fits` beside it.
- `draws.nc`: of samplers, the draws in netCDF, for ArviZ.

Each file is written under another name and renamed, so a reader never sees half of one.
"""

from __future__ import annotations

import json
import math
import os
import platform
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict
from enum import Enum
from importlib import metadata
from io import StringIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import yaml
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from engine.derived import derived
from engine.images import Image
from engine.problem import Problem
from engine.results import FitResult
from engine.samplers.posterior_images import posterior_images

RUN_FILES = ("result.json", "images.fits", "parameters.ecsv", "fit.yaml")
_VERSIONED = ("residua", "torch", "numpy", "scipy", "astropy")


def write_run(
    folder: str | os.PathLike[str],
    problem: Problem,
    result: FitResult,
    *,
    source_names: Mapping[str, str] | None = None,
) -> Path:
    """Write a run's folder (made when missing) and return its path.

    Args:
        folder: Where the files go; older ones of the same names are replaced.
        problem: What was fitted.
        result: What came of it.
        source_names: What to call the input files in the outputs, from path to name, where their paths mean
            nothing to the reader (as on a server).

    Raises:
        OSError: The folder cannot be made or written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # What an earlier run left here must not pass for a part of this one.
    for name in ("result.json", "draws.nc"):
        (folder / name).unlink(missing_ok=True)
    description = _renamed(_with_inputs(folder, problem.describe(result.values)), source_names or {})
    _replace(folder / "images.fits", lambda stream: image_list(problem, result).writeto(stream))
    _replace(folder / "parameters.ecsv", lambda stream: stream.write(_ecsv(parameter_table(problem, result))))
    _replace(folder / "fit.yaml", lambda stream: stream.write(_yaml(description)))
    if result.draws is not None:
        _write_draws(folder / "draws.nc", problem, result)
    record = {**result_record(problem, result), "description": description}
    _replace(folder / "result.json", lambda stream: stream.write(to_json(record).encode()))
    return folder


def result_record(problem: Problem, result: FitResult) -> dict[str, Any]:
    """The contents of `result.json` as plain values, without the description."""
    record: dict[str, Any] = plain(
        {
            "status": result.status.word,
            "message": result.message,
            "converged": result.converged,
            "chi2": result.chi2,
            "dof": result.dof,
            "chi2_dof": result.chi2_dof,
            "names": result.names,
            "values": result.values,
            "uncertainties": result.uncertainties,
            "covariance": result.covariance,
            "robust_uncertainties": result.robust_uncertainties,
            "at_bounds": result.at_bounds,
            "all_values": result.all_values,
            "seconds": result.seconds,
            "evaluations": result.evaluations,
            "jacobians": result.jacobians,
            "peak_memory": result.peak_memory,
            **asdict(result.computer),
            "fitter": result.fitter,
            "options": result.options,
            "seed": result.seed,
            "start": dict(zip(problem.names, problem.values, strict=True)),
            "history": result.history,
            "notes": result.notes,
            "derived": [asdict(quantity) for quantity in derived(problem, result)],
            "rhat": result.rhat,
            "ess_bulk": result.ess_bulk,
            "ess_tail": result.ess_tail,
            "mcse": result.mcse,
            "notices": problem.notices,
            "versions": versions(),
            "hashes": problem.image.hashes,
        }
    )
    return record


def versions() -> dict[str, str]:
    """The versions a result depends on."""
    found = {"python": platform.python_version()}
    for name in _VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # run from a checkout
            found[name] = "not installed"
    return found


def image_list(problem: Problem, result: FitResult) -> fits.HDUList:
    """The contents of `images.fits`; arrays are (row, column) float64, masked pixels NaN in PULL."""
    image = problem.image
    model = problem.render(result.values)
    # Pixels without a number came in as masked zeros: a zero here would pass for a measurement.
    data = np.where(image.mask & (image.data == 0), np.nan, image.data)
    residual = data - model
    pull = np.where(image.mask, np.nan, residual * np.sqrt(image.weight))
    primary = fits.PrimaryHDU()
    primary.header["CREATOR"] = (f"residua {versions()['residua']}", "program that wrote this file")
    primary.header["FITTER"] = (_ascii(result.fitter), "method of the fit")
    primary.header["STATUS"] = (_ascii(result.status.word), "how the fit ended")
    if math.isfinite(result.chi2_dof):
        primary.header["CHI2DOF"] = (float(result.chi2_dof), "chi2 per degree of freedom")
    header = _common_header(image)
    planes: dict[str, NDArray[np.float64]] = {
        "DATA": data,
        "MODEL": model,
        "RESIDUAL": residual,
        "PULL": pull,
    }
    hdus = [primary, *(_image_hdu(name, plane, header) for name, plane in planes.items())]
    for name, plane in problem.render_components(result.values).items():
        hdus.append(_image_hdu(f"MODEL:{name}", plane, header))
    if result.draws is not None:
        over_draws = posterior_images(problem, result, draws=_draws_to_render(image.data.size))
        header["NDRAWS"] = (over_draws.draws, "draws of the posterior that this is from")
        hdus.append(_image_hdu("MODEL_MEAN", over_draws.mean, header))
        hdus.append(_image_hdu("MODEL_SD", over_draws.sd, header))
    return fits.HDUList(hdus)


def _draws_to_render(pixels: int) -> int:
    """Draws for the images over the posterior: 200 of a cut-out, fewer of images that take long to render."""
    return min(max(20_000_000 // pixels, 20), 200)


def parameter_table(problem: Problem, result: FitResult) -> Table:
    """The contents of `parameters.ecsv`: one row per parameter, in the order of the description."""
    uncertainties = dict(zip(result.names, map(float, result.uncertainties), strict=True))
    parameters = problem.parameters
    return Table(
        {
            "key": [one.key for one in parameters],
            "component": [one.component for one in parameters],
            "name": [one.name for one in parameters],
            "value": [float(result.all_values[one.key]) for one in parameters],
            "uncertainty": [uncertainties.get(one.key, math.nan) for one in parameters],
            "unit": [one.unit for one in parameters],
            "fixed": [bool(one.fixed) for one in parameters],
            "lower": [_bound(one.lower, -math.inf) for one in parameters],
            "upper": [_bound(one.upper, math.inf) for one in parameters],
            "at_bound": [one.key in result.at_bounds for one in parameters],
            "link": ["" if one.link is None else one.link.text for one in parameters],
        },
        meta={"fitter": result.fitter, "status": result.status.word, "chi2_dof": float(result.chi2_dof)},
    )


def plain(value: Any) -> Any:
    """The value as what JSON knows: None for a number that is not finite, lists for arrays."""
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.bool_ | np.integer):
        return value.item()
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [plain(item) for item in value]
    return str(value)


def to_json(value: Any) -> str:
    """Strict JSON text, ending in a newline."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _bound(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else float(value)


def _with_inputs(folder: Path, description: Mapping[str, Any]) -> Any:
    """The description as plain values; arrays among its images are written to `inputs.fits` and named."""
    images = []
    hdus: list[Any] = [fits.PrimaryHDU()]
    for number, entry in enumerate(description["images"]):
        changed = dict(entry)
        for key, value in entry.items():
            if isinstance(value, np.ndarray):
                name = f"{key.upper()}{number or ''}"
                pixels = value.astype(np.uint8) if value.dtype == bool else np.asarray(value)
                hdus.append(fits.ImageHDU(pixels, name=name))
                changed[key] = f"inputs.fits[{name}]"
        images.append(changed)
    if len(hdus) > 1:
        _replace(folder / "inputs.fits", lambda stream: fits.HDUList(hdus).writeto(stream))
    return plain({**description, "images": images})


def _renamed(description: Any, source_names: Mapping[str, str]) -> Any:
    """The description with the input files' paths replaced, an `[extension]` behind them kept."""
    if not source_names:
        return description
    images = []
    for entry in description["images"]:
        changed = dict(entry)
        for key, value in entry.items():
            path, bracket, extension = str(value).partition("[")
            if isinstance(value, str) and path in source_names:
                changed[key] = f"{source_names[path]}{bracket}{extension}"
        images.append(changed)
    return {**description, "images": images}


def _common_header(image: Image) -> fits.Header:
    header = fits.Header() if image.wcs is None else image.wcs.to_header(relax=True)
    if image.unit:
        header["BUNIT"] = (_ascii(image.unit), "unit of the pixel values")
    x0, y0 = image.origin
    if (x0, y0) != (0, 0):
        header["LTV1"] = (-float(x0), "window column = full image column + LTV1")
        header["LTV2"] = (-float(y0), "window row = full image row + LTV2")
    return header


def _image_hdu(name: str, plane: NDArray[np.float64], header: fits.Header) -> fits.ImageHDU:
    header = header.copy()
    if name == "PULL":
        header.pop("BUNIT", None)  # it counts standard deviations
    hdu = fits.ImageHDU(np.ascontiguousarray(plane, dtype=np.float64), header=header)
    # Through the header, since astropy's `name` would put it in capitals.
    hdu.header["EXTNAME"] = _ascii(name)[:68]
    return hdu


def _ascii(text: str) -> str:
    """FITS headers hold printable ASCII only."""
    return "".join(letter if 32 <= ord(letter) < 127 else "?" for letter in text)


def _ecsv(table: Table) -> bytes:
    stream = StringIO()
    table.write(stream, format="ascii.ecsv")
    return stream.getvalue().encode()


def _yaml(description: Any) -> bytes:
    text = yaml.safe_dump(
        description, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110
    )
    return str(text).encode()


def _write_draws(path: Path, problem: Problem, result: FitResult) -> None:
    from engine.samplers.netcdf import write_draws

    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        write_draws(temporary, problem, result)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _replace(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a new file, then put it in the place of the old one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("wb") as stream:
            write(stream)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
