"""Many evaluations near one place: the same images and slopes as the problem itself."""

import numpy as np
import pytest

import engine
from engine.frozen import FrozenProblem
from engine.models.registry import registry
from engine.parameters.box import Box
from engine.profiles import PROFILES as DECLARED
from engine.profiles.sersic import bn_and_slope, bn_and_slopes
from engine.render import Accuracy
from engine.render.arrays import Arrays
from tests.engine.scenes import GALAXY, SKY, problem, with_parameters
from tests.engine.typical import GEOMETRY, PROFILES, asymmetric_psf, galaxy, problem_of


def half_widths(fitted: engine.Problem) -> np.ndarray:
    """A box of a few per cent around the start."""
    free = [one for one in fitted.parameters if one.free]
    return np.array(
        [
            0.08
            if one.name.startswith("center")
            else 3.0
            if one.name == "position_angle"
            else 0.04 * max(abs(one.value), 0.1)
            for one in free
        ]
    )


def near(fitted: engine.Problem, rng: np.random.Generator, count: int = 4) -> np.ndarray:
    return fitted.values + half_widths(fitted) * rng.uniform(-1, 1, (count, len(fitted.values)))


def compare(fitted: engine.Problem, x: np.ndarray) -> None:
    """Cost and gradient beside those of the same problem integrated much more accurately."""
    frozen = FrozenProblem(fitted, Box.around(fitted.values, half_widths(fitted)))
    costs = frozen.costs(x)
    assert frozen.outside == 0
    exact = engine.Problem(
        fitted.image,
        fitted.components,
        fitted.parameters,
        likelihood=fitted.likelihood,
        accuracy=Accuracy(1e-6, 1e-8),
    )
    for image, place in zip(frozen.images(x), x, strict=True):
        rendered = exact.render(place)
        allowed = 3 * (Accuracy.relative * np.abs(rendered) + Accuracy.of_peak * np.abs(rendered).max())
        np.testing.assert_array_less(np.abs(image - rendered), allowed)
    scale = np.sqrt(np.diag(fitted.normal_equations(fitted.values).hessian))
    for i, place in enumerate(x):
        here = exact.cost_gradient(place)
        assert costs.cost[i] == pytest.approx(here.cost, abs=1e-3 * abs(here.cost) + 0.05)
        assert costs.chi2[i] == pytest.approx(here.chi2, abs=1e-3 * here.chi2 + 0.05)
        # A slope of 1 is that of one sigma.
        slack = 0.02 + 2e-3 * np.linalg.norm(here.gradient / scale)
        np.testing.assert_allclose(costs.gradient[i] / scale, here.gradient / scale, atol=slack)


@pytest.mark.parametrize("model", [profile.name for profile in DECLARED])
def test_every_profile_is_as_the_problem_itself(model, rng):
    sky = {"name": "sky", "model": "plane sky", "parameters": {"intensity": 1.0}}
    fitted = problem_of([galaxy(model, (16.3, 14.8)), sky])
    fitted = fitted.with_pixels(data=fitted.render() + rng.normal(size=fitted.image.shape))
    compare(fitted, near(fitted, rng))


@pytest.mark.parametrize("oversampling", [1, 3])
def test_a_psf_and_a_point_source(oversampling, rng):
    point = {"name": "star", "model": "point source", "parameters": {"center": [8.2, 20.4], "flux": 300.0}}
    psf = asymmetric_psf(9 * oversampling, 9 * oversampling, rng)
    fitted = problem_of([galaxy("sersic", (16.3, 14.8)), point, SKY], psf=psf, oversampling=oversampling)
    fitted = fitted.with_pixels(data=fitted.render() + rng.normal(size=fitted.image.shape))
    compare(fitted, near(fitted, rng))


@pytest.mark.parametrize("n", [0.5, 1.0, 4.0, 8.0])
@pytest.mark.parametrize("center", [(16.0, 14.0), (16.49, 14.51)])
def test_cusps_wherever_they_lie_in_a_pixel(n, center, rng):
    fitted = problem_of([galaxy("sersic", center, n=n, radius_e=3.0, axis_ratio=0.3), SKY])
    fitted = fitted.with_pixels(data=fitted.render() + rng.normal(size=fitted.image.shape))
    compare(fitted, near(fitted, rng))


def test_several_components_of_a_model_priors_links_and_masks(rng):
    small = with_parameters(
        GALAXY,
        center=[12.1, 20.7],
        radius_e={"link": "0.5 * galaxy.radius_e"},
        n={"value": 3.0, "prior": "normal(3, 0.2)"},
    )
    tiny = {**with_parameters(GALAXY, center=[40.0, 5.0], radius_e=1.2, n=0.8), "name": "tiny"}
    fitted = problem([GALAXY, {**small, "name": "small"}, tiny, SKY], psf=True, likelihood="student-t")
    weight = np.array(fitted.image.weight)
    weight[10:14, 10:20] = 0
    compare(fitted.with_pixels(weight=weight), near(fitted, rng))


def test_the_gradient_is_exactly_that_of_the_cost(rng):
    fitted = problem(psf=True)
    frozen = FrozenProblem(fitted, Box.around(fitted.values, half_widths(fitted)))
    (x,) = near(fitted, rng, 1)
    gradient = frozen.costs(x[None]).gradient[0]
    for i, width in enumerate(half_widths(fitted)):
        step = np.zeros(len(x))
        step[i] = 1e-4 * width
        ahead, behind = frozen.costs(np.array([x + step, x - step]), gradient=False).cost
        assert gradient[i] == pytest.approx(-(ahead - behind) / (4 * step[i]), rel=1e-5, abs=1e-4 / width)


def test_outside_its_box_it_is_the_problem_itself(rng):
    fitted = problem()
    frozen = FrozenProblem(fitted, Box.around(fitted.values, half_widths(fitted)))
    x = near(fitted, rng, 3)
    x[1, 0] += 1.0
    costs = frozen.costs(x)
    here = fitted.cost_gradient(x[1])
    assert costs.cost[1] == here.cost
    np.testing.assert_array_equal(costs.gradient[1], here.gradient)
    assert frozen.outside == pytest.approx(1 / 3)
    np.testing.assert_array_equal(frozen.images(x)[1], fitted.render(x[1]))
    assert frozen.costs(x[1:2], gradient=False).cost[0] == fitted.cost(x[1])[0]


def test_places_without_a_value_have_no_density():
    linked = with_parameters(GALAXY, radius_e={"link": "sqrt(sky.intensity)"})
    fitted = problem([linked, SKY])
    x = np.tile(fitted.values, (2, 1))
    x[1, fitted.names.index("sky.intensity")] = -1.0
    costs = FrozenProblem(fitted, Box.around(fitted.values, half_widths(fitted))).costs(x)
    assert np.isfinite(costs.cost[0])
    assert costs.cost[1] == np.inf
    assert not costs.gradient[1].any()


def test_an_image_in_tiles_is_not_frozen(monkeypatch):
    monkeypatch.setattr("engine.tiles._WHOLE", 500)
    monkeypatch.setattr("engine.tiles._TILE", 20)
    fitted = problem()
    frozen = FrozenProblem(fitted, Box.around(fitted.values, half_widths(fitted)))
    assert frozen.costs(fitted.values[None]).cost[0] == fitted.cost_gradient(fitted.values).cost
    assert frozen.outside == 1
    np.testing.assert_array_equal(frozen.images(fitted.values[None])[0], fitted.render())


def test_a_galaxy_beside_the_image_has_no_cells_around_its_center(rng):
    fitted = problem([with_parameters(GALAXY, center=[-9.0, 17.0]), SKY])
    compare(fitted, near(fitted, rng))


def test_bn_of_many_is_that_of_one():
    n = np.array([[0.1, 0.5, 1.0], [2.5, 4.0, 12.0]])
    value, slope = bn_and_slopes(n)
    expected = np.array([[bn_and_slope(float(one)) for one in row] for row in n])
    np.testing.assert_allclose(value, expected[..., 0], rtol=1e-10)
    np.testing.assert_allclose(slope, expected[..., 1], rtol=1e-7)


def test_the_typical_components_cover_every_profile():
    assert set(PROFILES) == {profile.name for profile in DECLARED}
    assert set(GEOMETRY) <= {spec.name for spec in registry()["sersic"].specs}


def test_torch_and_numpy_give_the_same(monkeypatch, rng):
    fitted = problem(
        [GALAXY, {**with_parameters(GALAXY, center=[12.1, 20.7]), "name": "other"}, SKY], psf=True
    )
    x = near(fitted, rng)
    box = Box.around(fitted.values, half_widths(fitted))
    ours = FrozenProblem(fitted, box).costs(x)
    # Where numpy has no vectorized functions, and as on a device of which it knows nothing.
    monkeypatch.setattr("engine.render.arrays._numpy_is_fast", lambda: False)
    slowly = FrozenProblem(fitted, box).costs(x)
    np.testing.assert_allclose(slowly.gradient, ours.gradient, rtol=1e-7, atol=1e-6)
    monkeypatch.setattr(Arrays, "is_numpys", staticmethod(lambda device: False))
    theirs = FrozenProblem(fitted, box).costs(x)
    np.testing.assert_allclose(theirs.cost, ours.cost, rtol=1e-10)
    np.testing.assert_allclose(theirs.gradient, ours.gradient, rtol=1e-7, atol=1e-6)
