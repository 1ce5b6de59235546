"""Compiled derivatives: the same numbers, told while they are made, and not missed where they cannot be."""

import time
from typing import Any

import numpy as np
import pytest

import engine
from engine import Status
from engine.frozen import FrozenProblem
from engine.models.base import Compilable
from engine.parameters.box import Box
from engine.samplers.compiling import _Part
from tests.engine.scenes import GALAXY, SKY, problem, with_parameters

DISK: dict[str, Any] = {
    **with_parameters(GALAXY, center=[14.2, 10.6], radius_e=3.0, n=None),
    "model": "exponential",
}
FEW: dict[str, Any] = {"seed": 4, "chains": 2, "warmup": 4, "draws": 6}


@pytest.fixture(scope="module")
def disk() -> engine.Problem:
    return problem([DISK, SKY], truth=[DISK, SKY], shape=(20, 28))


def said(result: engine.FitResult) -> str:
    (note,) = [note for note in result.notes if note.startswith("Derivatives were")]
    return note


def test_compiled_is_as_uncompiled_and_a_sampler_says_so(disk, rng):
    def frozen() -> FrozenProblem:
        return FrozenProblem(disk, Box.around(disk.values, np.full(len(disk.values), 0.3)))

    plain, compiled = frozen(), frozen()
    (part,) = compiled.compilable
    part.compile(1)
    for _ in range(3):
        x = disk.values + rng.uniform(-0.1, 0.1, (1, len(disk.values)))
        one, other = compiled.costs(x), plain.costs(x)
        np.testing.assert_allclose(one.cost, other.cost, rtol=1e-9)
        scale = np.abs(other.gradient).max()
        np.testing.assert_allclose(one.gradient, other.gradient, rtol=1e-9, atol=1e-9 * scale)

    steps: list[engine.Step] = []
    result = engine.fit(disk, "hmc", compile="on", on_step=steps.append, **FEW)
    assert "compiled in" in said(result)
    assert "(Exponential)" in said(result)
    assert steps[-1].info["compiled"] is True
    assert [step.info["compiled"] for step in steps if step.info["phase"] == "compiling"][-1] is True
    assert result.history["compiling_seconds"][-1] is None
    by_hand = engine.fit(disk, "hmc", compile="off", **FEW)
    assert by_hand.history["compiled"][-1] is False
    np.testing.assert_allclose(result.draws, by_hand.draws, rtol=1e-6)


def test_without_a_compiler_it_goes_on_and_says_why(disk, monkeypatch):
    monkeypatch.setenv("CXX", "/nowhere/g++")
    result = engine.fit(disk, "hmc", compile="on", **FEW)
    assert "not compiled: there is no C++ compiler /nowhere/g++" in said(result)
    assert result.history["compiled"][-1] is False
    off = engine.fit(disk, "hmc", compile="off", **FEW)
    np.testing.assert_array_equal(result.draws, off.draws)
    assert not any("compiled" in note for note in off.notes)


def test_an_error_while_compiling_is_told(disk, monkeypatch):
    monkeypatch.setattr("engine.profiles.by_autograd.ByAutograd.compile", _fails)
    result = engine.fit(disk, "ensemble-hmc", compile="on", **FEW)
    assert "not compiled: RuntimeError: The compiler ran out of registers (Exponential)" in said(result)
    assert result.draws is not None


def _fails(*_: object) -> None:
    raise RuntimeError("The compiler ran out of registers.\nAnd more.")


def test_auto_counts_the_gradients_and_what_they_save(disk, monkeypatch):
    result = engine.fit(disk, "hmc", **FEW)
    assert "about 100 gradients are too few to pay for it" in said(result)
    assert engine.fit(problem(), "hmc", **FEW).history["compiled"][-1] is False
    assert not any("compiled" in note for note in engine.fit(problem(), "hmc", **FEW).notes)
    asked = engine.fit(problem(), "hmc", compile="on", **FEW)
    assert "not compiled: no derivatives come from autograd" in said(asked)
    # Where each gradient saves an hour, a few do.
    monkeypatch.setattr("engine.samplers.compiling._SAVED", 1.0)
    monkeypatch.setenv("CXX", "/nowhere/g++")
    assert "no C++ compiler" in said(engine.fit(disk, "hmc", **FEW))


def test_calls_of_compiled_code_pay_for_many_chains_or_large_images():
    def saved(samples: int, at_once: int) -> float:
        return _Part(Compilable("Exponential", samples, lambda _: None), at_once, 16).saved

    assert saved(12_398, 1) < 0 < saved(12_398, 16)  # as many samples as 100 x 100 pixels have
    assert saved(163_386, 1) > 0  # 400 x 400


def test_a_fit_can_be_stopped_while_it_compiles(disk, monkeypatch):
    monkeypatch.setattr("engine.samplers.compiling._TELL", 0.01)
    monkeypatch.setattr("engine.profiles.by_autograd.ByAutograd.compile", _takes_long)
    seen: list[str] = []

    def stop() -> bool:
        return "compiling" in seen

    result = engine.fit(
        disk,
        "nuts",
        compile="on",
        on_step=lambda step: seen.append(step.info["phase"]),
        should_stop=stop,
        **FEW,
    )
    assert result.status is Status.CANCELLED
    assert seen[-1] == "compiling"


def _takes_long(*_: object) -> None:
    time.sleep(1.0)
