"""Pictures: what they show is what the numbers say, and they need nothing but themselves."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.patches import Ellipse

import engine
from engine import fitters, plots
from engine.plots.corner import _levels
from engine.plots.fits import around


@pytest.fixture(scope="module")
def problem(device: str) -> engine.Problem:
    return engine.load(engine.example("seed"))


@pytest.fixture(scope="module")
def lm(problem: engine.Problem) -> engine.FitResult:
    return engine.fit(problem, "lm")


@pytest.fixture(scope="module")
def laplace(problem: engine.Problem) -> engine.FitResult:
    return engine.fit(problem, "laplace", draws=300)


NAMES = ["sersic 0.radius_e", "sersic 0.intensity_e", "sersic 1.position_angle"]


def test_each_picture_is_a_png_and_an_svg_without_links(
    problem: engine.Problem, lm: engine.FitResult, laplace: engine.FitResult
) -> None:
    both = {"lm": lm, "laplace": laplace}
    pictures = [
        plots.image(problem),
        plots.image(problem.image),
        plots.maps(problem),
        plots.maps(problem, lm),
        plots.mosaic(problem, {"start": None, **both}),
        plots.history(lm, ["damping"]),
        plots.race({"lm": lm}),
        plots.offsets(both, engine.true_values(problem)),
        plots.chains(problem, laplace, NAMES[0]),
        plots.corner(problem, both, NAMES, engine.true_values(problem)),
    ]
    for one in pictures:
        assert one._repr_png_().startswith(b"\x89PNG")
        svg = one.svg()
        assert svg.startswith("<svg")
        assert "currentColor" in svg
        assert "<script" not in svg
        assert not re.search(r'(href|src)="(?!data:|#)', svg)


def test_a_picture_is_the_same_each_time(lm: engine.FitResult) -> None:
    assert plots.history(lm).svg() == plots.history(lm).svg()


def test_a_name_from_a_file_is_text_in_a_picture(problem: engine.Problem) -> None:
    svg = plots.image(replace(problem.image, name="<script>alert(1)</script> & $x")).svg()
    assert "<script" not in svg
    assert "&lt;script&gt;" in svg


def test_ellipses_lie_as_the_components_do(problem: engine.Problem) -> None:
    drawn = [one for one in plots.image(problem).axes[0].patches if isinstance(one, Ellipse)]
    at = problem.all_values(problem.values)
    first = drawn[0]
    assert first.center == (at["sersic 0.center.x"], at["sersic 0.center.y"])
    assert first.width == pytest.approx(2 * at["sersic 0.radius_e"])
    # Counter-clockwise from +y here, from +x there.
    assert first.angle == pytest.approx(at["sersic 0.position_angle"] + 90)


def test_the_ellipse_of_two_parameters_is_their_covariance(
    problem: engine.Problem, lm: engine.FitResult
) -> None:
    axes = plots.corner(problem, lm, NAMES[:2]).axes
    drawn = [patch for place in axes for patch in place.patches if isinstance(patch, Ellipse)]
    assert len(drawn) == 2
    i, j = (lm.names.index(name) for name in NAMES[:2])
    lengths = np.sqrt(np.linalg.eigvalsh(lm.covariance[np.ix_([i, j], [i, j])]))
    assert drawn[0].width == pytest.approx(2 * lengths[1])
    assert drawn[1].height == pytest.approx(4 * lengths[0])
    assert math.sin(math.radians(2 * drawn[0].angle)) < 0, "a larger radius goes with a lower intensity"


def test_contours_hold_what_they_say() -> None:
    draws = np.random.default_rng(3).normal(size=(200_000, 2))
    counts, _, _ = np.histogram2d(*draws.T, bins=60, range=[[-4, 4], [-4, 4]])
    outer, inner = _levels(counts)
    assert counts[counts >= inner].sum() / counts.sum() == pytest.approx(0.3935, abs=0.02)
    assert counts[counts >= outer].sum() / counts.sum() == pytest.approx(0.8647, abs=0.02)


def test_angles_are_drawn_around_their_value(problem: engine.Problem) -> None:
    found = around(problem, "sersic 1.position_angle", np.array([1.0, 179.0, 90.0]), 178.0)
    np.testing.assert_allclose(found, [181.0, 179.0, 90.0])


def test_chains_need_draws(problem: engine.Problem, lm: engine.FitResult) -> None:
    with pytest.raises(ValueError, match=r"lm gives no draws\. Use a sampler"):
        plots.chains(problem, lm, NAMES[0])


def test_a_watched_block_is_followed_and_stopped(problem: engine.Problem) -> None:
    seen: list[engine.Step] = []
    with fitters.watched(seen.append, lambda: len(seen) >= 3):
        result = engine.fit(problem, "lm")
    assert result.status is engine.Status.CANCELLED
    assert [step.number for step in seen] == [0, 1, 2]
    engine.fit(problem, "lm", max_steps=1)
    assert len(seen) == 3, "a fit outside the block is not followed"
