"""The corner plot against Gaussians that are known: masses, intervals, places of cells, angles, files."""

import numpy as np
import pytest
from bokeh.document import Document
from matplotlib.path import Path
from scipy.stats import multivariate_normal

import engine
from dashboard.figures.corner import corner, corner_words, pair_at
from dashboard.figures.corner_shapes import CELL, corner_shapes, interval_text
from dashboard.figures.densities import (
    MASSES,
    Grid,
    circular_mean,
    contours,
    ellipse_outline,
    intervals,
    levels,
    pair_densities,
    unwrapped,
)
from dashboard.figures.posterior_view import PosteriorView
from dashboard.figures.print.corner import corner_bytes
from dashboard.state.posterior import posterior_views, short_labels
from engine.examples import true_values

NAMES = ("disk.n", "disk.radius_e", "disk.position_angle")
MEAN = np.array([2.0, 10.0, 179.0])
COVARIANCE = np.array([[0.04, 0.03, 0.0], [0.03, 0.25, 0.1], [0.0, 0.1, 4.0]])
PERIOD = np.array([np.nan, np.nan, 180.0])


def view(rng: np.random.Generator | None, label: str = "NUTS", **more: object) -> PosteriorView:
    draws = None
    if rng is not None:
        draws = rng.multivariate_normal(MEAN, COVARIANCE, 4000).reshape(4, 1000, 3)
        draws[..., 2] %= 180
    fields = {"label": label, "color": "#4f7fe0", "names": NAMES, "mean": MEAN, "covariance": COVARIANCE}
    return PosteriorView(**{**fields, "period": PERIOD, "draws": draws, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("rho", [0.0, 0.6, -0.9])
def test_contours_hold_the_mass_they_say_of_an_independent_sample(
    rng: np.random.Generator, rho: float
) -> None:
    n, covariance = 4000, np.array([[1, rho], [rho, 1]])
    draws = rng.multivariate_normal([0, 0], covariance, n)
    grid = Grid(np.array([-3.8, -3.8]), np.array([3.8, 3.8]), 64)
    counts, smooth = pair_densities(draws, grid, np.array([[0, 1]]))
    others = rng.multivariate_normal([0, 0], covariance, 40_000)
    for mass, level in zip(MASSES, levels(counts, smooth, n)[0], strict=True):
        inside = np.zeros(len(others), dtype=bool)
        for outline in contours(smooth[0], float(level)):
            inside ^= Path(7.6 * outline - 3.8).contains_points(others)
        # The share of n draws scatters by this much, and a contour through cells is a little off besides.
        assert inside.mean() == pytest.approx(mass, abs=4 * np.sqrt(mass * (1 - mass) / n) + 0.012)


def test_densities_lie_where_the_draws_do_x_first(rng: np.random.Generator) -> None:
    draws = rng.normal([1.0, 5.0], [0.1, 0.3], (3000, 2))
    grid = Grid(np.array([0.0, 0.0]), np.array([4.0, 8.0]), 40)
    _, smooth = pair_densities(draws, grid, np.array([[0, 1]]))
    row, column = np.unravel_index(smooth[0].argmax(), smooth[0].shape)
    assert (column + 0.5) / 10 == pytest.approx(1, abs=0.15)
    assert (row + 0.5) / 5 == pytest.approx(5, abs=0.4)
    assert smooth.sum() == pytest.approx(3000, rel=2e-3)  # the narrowest kernels ring a little


def test_an_ellipse_is_a_contour_of_its_gaussian() -> None:
    block = COVARIANCE[:2, :2]
    for sigma in (1, 2, 3):
        outline = ellipse_outline(MEAN[:2], block, sigma)
        heights = multivariate_normal(MEAN[:2], block).pdf(outline)
        np.testing.assert_allclose(
            heights, multivariate_normal(MEAN[:2], block).pdf(MEAN[:2]) * np.exp(-(sigma**2) / 2), rtol=1e-9
        )


def test_intervals_are_the_quantiles_of_a_gaussian(rng: np.random.Generator) -> None:
    low, middle, high = intervals(rng.normal(3, 0.5, (100_000, 1)))[:, 0]
    assert (low, middle, high) == pytest.approx((2.5, 3.0, 3.5), abs=0.01)


def test_angles_are_unwrapped_across_the_half_turn(rng: np.random.Generator) -> None:
    angles = np.mod(rng.normal(179.5, 2.0, (500, 1)), 180)
    assert circular_mean(angles, 180) == pytest.approx(179.5, abs=0.4)
    free = unwrapped(angles, np.array([180.0]))
    assert free.std() == pytest.approx(2.0, rel=0.1)
    np.testing.assert_allclose(np.mod(free, 180), angles)
    near = unwrapped(np.array([[1.0]]), np.array([180.0]), np.array([179.0]))
    assert near[0, 0] == 181.0


def test_posteriors_of_one_angle_are_drawn_on_one_branch(rng: np.random.Generator) -> None:
    gaussian = view(None, "LM", mean=np.array([2.0, 10.0, 0.5]))
    shapes = corner_shapes([view(rng), gaussian])
    draws, other = shapes.sheets
    assert draws.mean[2] % 180 == pytest.approx(179, abs=0.2)
    assert other.mean[2] - draws.mean[2] == pytest.approx(1.5, abs=0.2)
    assert shapes.high[2] - shapes.low[2] < 20


def test_cells_hold_what_their_axes_say(rng: np.random.Generator) -> None:
    shapes = corner_shapes([view(rng)])
    assert pair_at(shapes, 0.5, 0.5) == ("disk.n", "disk.position_angle")
    assert pair_at(shapes, 0.5, 1.5) == ("disk.n", "disk.radius_e")
    assert pair_at(shapes, 1.5, 1.5) is None  # the diagonal
    assert pair_at(shapes, 1.5, 2.5) is None  # the empty half
    assert pair_at(shapes, 0.97, 0.5) is None  # between cells
    narrow = shapes.paths[2].points  # 1 sigma, drawn last of the three
    inside = (narrow[:, 0] < 1) & (narrow[:, 1] >= 1)  # n against radius_e
    x = shapes.low[0] + (shapes.high[0] - shapes.low[0]) * narrow[inside, 0] / CELL
    assert (x.min(), x.max()) == pytest.approx((1.8, 2.2), abs=0.05)


def test_a_correlation_and_its_words(rng: np.random.Generator) -> None:
    shapes = corner_shapes([view(rng), view(None, "LM")])
    words = shapes.cells["words"][1]
    assert "LM +0.300" in str(words)
    said = corner_words(shapes)
    assert "between disk.n and disk.radius_e" in said
    assert "39.3, 86.5, 98.9 %" in said


def test_true_values_divergences_and_labels_are_on_the_plot(rng: np.random.Generator) -> None:
    flags = np.zeros((4, 1000), dtype=bool)
    flags[1, :7] = True
    plot = corner(
        [view(rng, diverging=flags)], truths={"disk.n": 2.0}, labels={"disk.n": "disk n"}, width=600
    )
    Document().add_root(plot)
    marks = plot.select_one({"name": "divergences"}).data_source.data
    assert len(marks["x"]) == pytest.approx(7 * 3, abs=3)
    lines = plot.select_one({"name": "truths"}).data_source.data
    assert np.isfinite(lines["xs"][0]).sum() == 2 * 3  # its column: the diagonal and two cells
    titles = plot.select_one({"name": "titles"}).data_source.data["text"]
    assert titles[0] == "disk n"


def test_intervals_in_words() -> None:
    assert interval_text(np.array([1.9, 2.0, 2.1])) == "2.00 ± 0.10"
    assert interval_text(np.array([1.7, 2.0, 2.1])) == "2.00 +0.10 −0.30"
    assert interval_text(np.array([np.nan] * 3)) == "not in this model"


def test_what_was_not_measured_or_never_moved_is_no_error(rng: np.random.Generator) -> None:
    unknown = np.full((3, 3), np.nan)
    shapes = corner_shapes([view(None, "LM", covariance=unknown)])
    assert (shapes.high > shapes.low).all()
    stuck = view(rng, draws=np.broadcast_to(MEAN, (2, 50, 3)))
    assert (corner_shapes([stuck]).high > corner_shapes([stuck]).low).all()
    only = view(None, "LM", names=NAMES[:1], mean=MEAN[:1], covariance=COVARIANCE[:1, :1], period=PERIOD[:1])
    assert corner_shapes([view(rng), only]).sheets[1].summary[1, 0] == 2.0
    with pytest.raises(ValueError, match="at least one posterior and one parameter"):
        corner([])


@pytest.mark.parametrize(("kind", "start"), [("pdf", b"%PDF-1"), ("png", b"\x89PNG\r\n")])
def test_paper_files_start_as_they_should(rng: np.random.Generator, kind: str, start: bytes) -> None:
    data = corner_bytes(corner_shapes([view(rng), view(None, "LM")], truths={"disk.n": 2.0}), kind)
    assert data.startswith(start)
    assert len(data) > 10_000


def test_paper_has_two_kinds(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="pdf or png, not as 'gif'"):
        corner_bytes(corner_shapes([view(rng)]), "gif")


def test_runs_become_views_with_true_values_of_an_example() -> None:
    problem = engine.load(engine.example("seed"))
    result = engine.fit(problem, "lm")
    first, second = posterior_views([(problem, result), (problem, result)])
    assert (first.label, first.dash) == ("Levenberg-Marquardt", "solid")
    assert (second.label, second.dash) == ("Levenberg-Marquardt (2)", "dashed")
    assert short_labels(problem)["sersic 0.radius_e"] == "sersic 0 Rₑ"
    truths = true_values(problem)
    assert set(truths) == set(problem.names)
    pull = (result.values - [truths[name] for name in result.names]) / result.uncertainties
    assert np.abs(pull).max() < 4.5
    assert true_values(problem.with_pixels(data=problem.image.data + 1)) == {}
