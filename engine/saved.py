"""Reading a run's folder back: the result as the fitter gave it, draws included."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from engine.device import Computer
from engine.errors import DescriptionError
from engine.results import FitResult, Status

_BY_WORD = {status.word: status for status in Status}
# Of samplers, each (parameter,).
_FIGURES = ("rhat", "ess_bulk", "ess_tail", "mcse")


def read_run(folder: str | os.PathLike[str]) -> FitResult:
    """Return the :class:`FitResult` that :func:`engine.write_run` wrote to ``folder``.

    Numbers that were not finite come back as nan. What JSON does not keep comes back in its plainest form:
    options as lists and texts, arrays of float64.

    Raises:
        DescriptionError: There is no complete run in the folder, or another program wrote it.
    """
    folder = Path(folder)
    path = folder / "result.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        draws, stats = _draws(folder / "draws.nc", record["names"])
        return FitResult(
            status=_BY_WORD[record["status"]],
            message=record["message"],
            chi2=_number(record["chi2"]),
            dof=record["dof"],
            names=record["names"],
            values=_array(record["values"]),
            uncertainties=_array(record["uncertainties"]),
            covariance=_array(record["covariance"]),
            robust_uncertainties=_optional(record.get("robust_uncertainties")),
            at_bounds=record["at_bounds"],
            all_values={key: _number(value) for key, value in record["all_values"].items()},
            seconds=record["seconds"],
            evaluations=record["evaluations"],
            jacobians=record["jacobians"],
            history=record["history"],
            fitter=record["fitter"],
            options=record["options"],
            seed=record["seed"],
            notes=tuple(record["notes"]),
            peak_memory=record.get("peak_memory"),
            computer=Computer(
                **{key: record[key] for key in ("device", "precision", "gpu") if key in record}
            ),
            draws=draws,
            sample_stats=stats,
            **{name: _optional(record.get(name)) for name in _FIGURES},
        )
    except FileNotFoundError:
        raise DescriptionError(
            f"{folder} holds no finished run: there is no result.json in it. "
            "Name a folder that residua fit wrote with --out."
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise DescriptionError(
            f"{path} is not a result of this Residua ({error}). Fit again to write it anew."
        ) from error


def _draws(path: Path, names: list[str]) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
    """The draws, (chain, draw, parameter), and the sampler's figures; None and nothing for optimizers."""
    if not path.is_file():
        return None, {}
    import xarray  # half a second, which a run without draws need not spend

    with (
        xarray.open_dataset(path, group="posterior", engine="h5netcdf") as posterior,
        xarray.open_dataset(path, group="sample_stats", engine="h5netcdf") as stats,
    ):
        draws = np.stack([posterior[name].values for name in names], axis=-1)
        return draws, {str(name): stats[name].values.astype(float) for name in stats.data_vars}


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _array(values: Any) -> np.ndarray:
    return np.array(values, dtype=np.float64)  # null becomes nan


def _optional(values: Any) -> np.ndarray | None:
    return None if values is None else _array(values)
