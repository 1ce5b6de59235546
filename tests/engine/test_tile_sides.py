"""A fit in small tiles, for a GPU with little memory, is the same fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import engine


def test_tiles_of_any_side_give_the_same_cost_and_derivatives(tmp_path):
    path = engine.write_example("seed", tmp_path)
    whole, cut = engine.load(path), engine.load(path, tile=40)
    assert (len(whole.tiles), len(cut.tiles)) == (1, 9)
    one, other = (problem.normal_equations(problem.values) for problem in (whole, cut))
    assert other.chi2 == pytest.approx(one.chi2, rel=1e-10)
    np.testing.assert_allclose(
        other.gradient, one.gradient, rtol=1e-8, atol=1e-6 * np.abs(one.gradient).max()
    )
    np.testing.assert_allclose(cut.render({}), whole.render({}), rtol=1e-10)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="There is no GPU here.")
def test_a_gpu_gives_the_same_cost_and_derivatives(tmp_path):
    path = engine.write_example("seed", tmp_path)
    one, other = (
        problem.normal_equations(problem.values)
        for problem in (engine.load(path), engine.load(path, device="cuda", tile=50))
    )
    assert other.chi2 == pytest.approx(one.chi2, rel=1e-8)
    np.testing.assert_allclose(
        other.gradient, one.gradient, rtol=1e-6, atol=1e-5 * np.abs(one.gradient).max()
    )
