"""A run read back from its folder is the run that was written."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import engine


def same(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray):
        return bool(np.array_equal(a, np.asarray(b), equal_nan=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a == b


@pytest.mark.parametrize(
    ("fitter", "options"),
    [("lm", {}), ("elliptical", {"draws": 20, "warmup": 10, "chains": 2})],
    ids=["lm", "elliptical"],
)
def test_a_run_comes_back_as_it_was(tmp_path: Path, fitter: str, options: dict) -> None:
    problem = engine.load(engine.write_example("seed", tmp_path / "example"))
    result = engine.fit(problem, fitter, seed=3, **options)
    back = engine.read_run(engine.write_run(tmp_path / "run", problem, result))
    for field in dataclasses.fields(engine.FitResult):
        assert same(getattr(result, field.name), getattr(back, field.name)), field.name


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(engine.DescriptionError, match="holds no finished run"):
        engine.read_run(tmp_path)


def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"status": "converged"}')
    with pytest.raises(engine.DescriptionError, match="is not a result of this Residua"):
        engine.read_run(tmp_path)
