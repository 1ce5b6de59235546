"""Draws on disk: one netCDF file with the groups that ArviZ reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from engine.problem import Problem
from engine.results import FitResult

# Larger images would make up most of the file.
_MOST_PIXELS = 1_000_000
# Figures that are yes or no, or counts.
_KINDS = {"diverging": bool, "accepted": bool, "n_steps": np.int64, "tree_depth": np.int64}


def write_draws(path: Path, problem: Problem, result: FitResult) -> None:
    """Write the draws of ``result`` to a new netCDF file.

    Groups: ``posterior`` has one variable a free parameter, (chain, draw), with its unit, R-hat and effective
    sample sizes as attributes; ``sample_stats`` has the sampler's figures; ``observed_data`` says, in attributes,
    which image the draws are about, and holds its pixels up to a million.

    Args:
        path: Replaced where it exists.
        problem: What was sampled.
        result: Of a sampler.

    Raises:
        OSError: The file cannot be written.
        ValueError: ``result`` has no draws.
    """
    import xarray  # half a second, which a fit without draws need not spend

    if result.draws is None:
        raise ValueError(f"{result.fitter} makes no draws.")
    dims = ("chain", "draw")
    coords = {name: np.arange(size) for name, size in zip(dims, result.draws.shape[:2], strict=True)}
    units = {p.key: p.unit for p in problem.parameters}
    posterior = {
        name: (dims, result.draws[:, :, i], {"unit": units[name], **_figures(result, i)})
        for i, name in enumerate(result.names)
    }
    stats = {
        name: (dims, values.astype(_KINDS.get(name, float))) for name, values in result.sample_stats.items()
    }
    image = problem.image
    about = {"inference_library": "residua", "fitter": result.fitter, "message": result.message}
    if result.seed is not None:
        about["seed"] = str(result.seed)
    observed: dict[str, Any] = {
        "image": image.name,
        "used_pixels": problem.n_used,
        "unit": image.unit,
        "likelihood": problem.likelihood,
        **{f"sha256_{role}": digest for role, digest in image.hashes.items()},
    }
    pixels = {"data": (("row", "column"), image.data)} if image.data.size <= _MOST_PIXELS else {}
    groups = {
        "posterior": xarray.Dataset(posterior, coords, about),
        "sample_stats": xarray.Dataset(stats, coords, about),
        "observed_data": xarray.Dataset(pixels, attrs=observed),
    }
    mode: Any = "w"
    for group, dataset in groups.items():
        dataset.to_netcdf(path, mode=mode, group=group, engine="h5netcdf")
        mode = "a"


def _figures(result: FitResult, i: int) -> dict[str, float]:
    return {
        name: float(values[i])
        for name in ("rhat", "ess_bulk", "ess_tail", "mcse")
        if (values := getattr(result, name)) is not None
    }
