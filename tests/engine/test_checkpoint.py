"""A fit that is cut off and goes on from its checkpoint ends where it would have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import engine
from engine.checkpoint import Checkpoint, joined, read_checkpoint, write_checkpoint
from engine.fitters.run import columns


@pytest.fixture(scope="module")
def problem(device: str, tmp_path_factory: pytest.TempPathFactory) -> engine.Problem:
    return engine.load(engine.write_example("seed", tmp_path_factory.mktemp("example")))


def cut_off(problem: engine.Problem, fitter: str, steps: int, **options: object) -> Checkpoint:
    """The checkpoint of a fit that was left after so many steps."""
    running = engine.steps(problem, fitter, seed=5, **options)
    history = [next(running) for _ in range(steps)]
    last = history[-1]
    drawn = last.drawn() if last.drawn is not None else None
    running.close()
    return Checkpoint(problem.names, last, columns(history), drawn)


def test_an_optimizer_goes_on(problem, tmp_path):
    whole = engine.fit(problem, "lm")
    path = tmp_path / "checkpoint.npz"
    write_checkpoint(path, cut_off(problem, "lm", 4))
    back = read_checkpoint(path)
    assert back is not None
    assert back.step.number == 3
    later = engine.fit(problem, "lm", resume=back.resume(problem))
    result = joined(back, later, {})
    np.testing.assert_allclose(result.values, whole.values, rtol=1e-3, atol=1e-3)
    assert result.history["step"] == list(range(len(result.history["step"])))
    assert len(result.history["chi2_dof"]) == len(result.history["damping"]) == len(result.history["step"])
    assert np.all(np.diff(result.history["jacobians"]) >= 0)
    assert "went on from there" in result.notes[-1]


@pytest.mark.parametrize("fitter", ["metropolis", "lm+metropolis"])
def test_a_sampler_keeps_its_draws(problem, tmp_path, fitter):
    options = {"draws": 40, "warmup": 10, "chains": 2, "start": "here"}
    given = {"metropolis": options} if "+" in fitter else options
    running = engine.steps(problem, fitter, seed=5, **given)
    history = []
    for step in running:
        history.append(step)
        if step.drawn is not None and step.drawn().draws.shape[1] == 15:
            break
    write_checkpoint(
        tmp_path / "c.npz", Checkpoint(problem.names, step, columns(history), history[-1].drawn())
    )
    back = read_checkpoint(tmp_path / "c.npz")
    assert back is not None
    assert back.drawn is not None
    remaining = back.remaining(fitter, given, 500)
    later = engine.fit(problem, fitter, seed=5, resume=back.resume(problem), **remaining)
    result = joined(back, later, given)
    assert result.draws is not None
    assert result.draws.shape == (2, 40, len(problem.names))
    np.testing.assert_allclose(result.draws[:, :15], back.drawn.draws, rtol=1e-12)
    assert result.options.get("metropolis", result.options)["draws"] == 40
    assert len(np.unique(result.draws[0, 15:, 0])) > 3, "the later draws are new ones"


def test_draws_that_the_options_do_not_name(problem):
    drawn = cut_off(problem, "metropolis", 40, draws=50, warmup=5, chains=2, start="here")
    assert drawn.drawn is not None
    done = drawn.drawn.draws.shape[1]
    assert drawn.remaining("metropolis", {}, 500) == {"draws": 500 - done}
    assert drawn.remaining("metropolis", {"draws": done}, 500) == {"draws": 4}


def test_before_the_first_draws_only_the_place_is_kept(problem):
    early = cut_off(problem, "lm", 2)
    assert early.remaining("lm", {"max_steps": 3}, 0) == {"max_steps": 3}
    assert early.resume(problem) is early.step


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half", b"not an archive"])
def test_what_cannot_be_read_is_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    assert read_checkpoint(tmp_path / "none.npz") is None
    (tmp_path / "broken.npz").write_bytes(content)
    assert read_checkpoint(tmp_path / "broken.npz") is None


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(problem, tmp_path, monkeypatch):
    path = tmp_path / "c.npz"
    write_checkpoint(path, cut_off(problem, "lm", 2))
    before = path.read_bytes()
    monkeypatch.setattr(np, "savez", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space left"):
        write_checkpoint(path, cut_off(problem, "lm", 3))
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["c.npz"]
