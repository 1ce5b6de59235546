"""A fit that memory does not do for goes on in smaller parts, or ends with a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import engine
from engine.frozen import FrozenProblem
from engine.memory import is_shortage
from engine.parameters.box import Box
from engine.render.arrays import Arrays
from engine.render.scratch import scratch
from tests.engine.scenes import problem

# Under real limits of address space: the whole image takes some 200 MB at once.
_LIMITED = """
import json, resource, sys
import numpy as np
import engine
from engine.memory import _bytes

galaxies = [
    {"name": name, "model": "sersic", "parameters": {"center": center, "n": 1.5, "radius_e": 40, "intensity_e": 50,
     "axis_ratio": 0.7, "position_angle": 30}}
    for name, center in (("one", [200.3, 220.1]), ("two", [410.5, 390.2]))
]
data = np.random.default_rng(1).normal(10.0, 1.0, (620, 620))
np.ones((300, 300)) @ np.ones((300, 300))  # OpenBLAS ends a process that it finds without memory for its own

def asked(megabytes):
    problem = engine.load({
        "residua": 1, "images": [{"data": data, "sigma": np.ones(data.shape)}],
        "components": [*galaxies, {"name": "sky", "model": "flat sky", "parameters": {"intensity": 10}}],
    })
    resource.setrlimit(resource.RLIMIT_AS, (_bytes("VmSize") + megabytes * 1_000_000, -1))
    try:
        found = problem.normal_equations(problem.values)
        return {"tiles": len(problem.tiles), "chi2": found.chi2, "gradient": list(found.gradient)}
    except engine.DeviceError as error:
        return {"error": str(error)}
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))

print(json.dumps([asked(megabytes) for megabytes in (2, 60, 4000)]))
"""


def test_a_process_that_runs_out_of_memory_goes_on_in_tiles_or_says_so():
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(engine.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    nothing, scarce, ample = json.loads(done.stdout)
    assert ample["tiles"] == 1
    assert scarce["tiles"] > 1
    assert scarce["chi2"] == pytest.approx(ample["chi2"], rel=1e-9)
    np.testing.assert_allclose(scarce["gradient"], ample["gradient"], rtol=1e-6, atol=1e-3)
    assert "does not do for this fit of 384,400 pixels and 15 parameters" in nothing["error"]
    assert "The computer's memory, of which" in nothing["error"]
    assert "Use a smaller window" in nothing["error"]


def test_a_gpus_own_error_counts_and_others_do_not():
    assert is_shortage(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."))
    assert is_shortage(RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"))
    assert not is_shortage(RuntimeError("Expected all tensors to be on the same device"))


def test_a_gpus_error_makes_tiles_smaller(monkeypatch, device):
    """The exception is put in where the Jacobian is allocated: there is no GPU to fill."""

    def small(name, rows, columns, *others):
        if rows * columns > 2_000:
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {rows * columns * 8} bytes.")
        return scratch(name, rows, columns, *others)

    whole, parts = problem(psf=True, shape=(70, 90)), problem(psf=True, shape=(70, 90))
    expected = engine.fit(whole, "lm")
    monkeypatch.setattr("engine.problem._SMALLEST_TILE", 8)
    monkeypatch.setattr("engine.problem.scratch", small)
    result = engine.fit(parts, "lm")
    assert len(parts.tiles) > 4
    np.testing.assert_allclose(result.values, expected.values, rtol=1e-4)
    monkeypatch.setattr("engine.problem._SMALLEST_TILE", 32)
    with pytest.raises(
        engine.DeviceError, match=r"6,300 pixels and 8 parameters, not even .* Use a smaller window"
    ):
        engine.fit(problem(psf=True, shape=(70, 90)), "lm")


def test_chains_are_evaluated_fewer_at_a_time(monkeypatch, device):
    fitted = problem(psf=True)
    x = fitted.values
    width = 0.01 * np.abs(x)
    places = x + width * np.random.default_rng(1).uniform(-1, 1, (9, len(x)))
    expected = FrozenProblem(fitted, Box(x, x - width, x + width)).costs(places)
    expected_images = FrozenProblem(fitted, Box(x, x - width, x + width)).images(places)
    array, most = Arrays.array, 2 * 9_000
    monkeypatch.setattr(Arrays, "array", lambda self, name, shape: _bounded(array, most, self, name, shape))
    frozen = FrozenProblem(fitted, Box(x, x - width, x + width))
    found = frozen.costs(places)
    assert 1 <= frozen._most < 9
    drawn = FrozenProblem(fitted, Box(x, x - width, x + width))
    np.testing.assert_allclose(drawn.images(places), expected_images, rtol=1e-10)
    assert 1 <= drawn._most < 9
    np.testing.assert_allclose(found.cost, expected.cost, rtol=1e-10)
    np.testing.assert_allclose(found.gradient, expected.gradient, rtol=1e-8, atol=1e-8)
    most = 10
    left_to_the_problem = frozen.costs(places[:2])
    assert frozen.outside == 1.0
    np.testing.assert_allclose(left_to_the_problem.cost, expected.cost[:2], rtol=1e-3)


def _bounded(array, most, self, name, shape):
    if np.prod(shape) > most:
        raise torch.OutOfMemoryError("CUDA out of memory.")
    return array(self, name, shape)
