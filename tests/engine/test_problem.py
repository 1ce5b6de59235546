"""A problem as an object: shared by threads, cut into tiles, given other pixels, made without a description."""

import threading

import numpy as np
import pytest

import engine
from tests.engine.scenes import GALAXY, SKY, problem, with_parameters


@pytest.fixture
def in_tiles(monkeypatch):
    """Cut images into tiles of 16 pixels."""
    monkeypatch.setattr("engine.tiles._WHOLE", 100)
    monkeypatch.setattr("engine.tiles._TILE", 16)


def test_threads_share_a_problem(in_tiles):
    other = with_parameters(GALAXY, center=[40, 30])
    whole = problem([GALAXY, {**other, "name": "other"}, SKY])
    part = whole.restricted([0, 1], whole.values)
    x, costs, together = part.values, [], threading.Barrier(4)

    def ask() -> None:
        together.wait()
        costs.append(part.cost(x)[0])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(costs) == 4
    assert len(set(costs)) == 1


def test_the_model_is_the_sum_of_its_components(in_tiles):
    fitted = problem(psf=True)
    total = sum(fitted.render_components().values())
    np.testing.assert_allclose(fitted.render(), total, rtol=0, atol=1e-3)
    assert fitted.chi2() == pytest.approx(fitted.cost(fitted.values)[1], rel=1e-9)


def test_other_pixels_leave_the_given_arrays_alone():
    fitted = problem()
    data, weight = np.ones(fitted.image.shape), np.full(fitted.image.shape, 4.0)
    other = fitted.with_pixels(data=data, weight=weight)
    data[0, 0] = weight[0, 0] = 7.0
    assert other.image.data[0, 0] == 1.0
    with pytest.raises(engine.ImageError, match="no usable pixel"):
        fitted.with_pixels(weight=np.zeros(fitted.image.shape))


@pytest.mark.parametrize("window", [None, [5, 45, 3, 36]])
def test_a_problem_made_of_objects_can_be_written_and_read(window, tmp_path):
    base = problem(psf=True)
    image = engine.read_image(
        base.image.data.copy(), sigma=np.full(base.image.shape, 2.0), psf=base.image.psf.copy(), window=window
    )
    made = engine.Problem(image, base.components, base.parameters)
    result = engine.fit(made, "lm")
    engine.write_run(tmp_path, made, result)
    again = engine.load(tmp_path / "fit.yaml")
    assert again.chi2() == pytest.approx(result.chi2, rel=1e-9)
