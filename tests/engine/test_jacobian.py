"""The closed-form Jacobian of every model against autograd and finite differences."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd import forward_ad

import engine
from engine.models.registry import registry
from engine.profiles import PROFILES
from engine.render import Accuracy
from tests.engine import scenes
from tests.engine.pretend_gpu import OnGpu
from tests.engine.typical import asymmetric_psf, galaxy, problem_of

# torch's own forward mode loads rules that it wrote in TorchScript.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")

CENTERS = {"on a pixel": (16.0, 14.0), "between": (16.37, 14.81), "outside": (-6.3, 12.2)}


def component(key: str, center: tuple[float, float] = (16.37, 14.81)) -> dict[str, Any]:
    match key:
        case "point source":
            return {"name": "star", "model": key, "parameters": {"center": list(center), "flux": 500}}
        case "flat sky":
            return {"name": "sky", "model": key, "parameters": {"intensity": 4}}
        case "plane sky":
            parameters = {"intensity": 4, "gradient_x": 0.1, "gradient_y": -0.2}
            return {"name": "sky", "model": key, "parameters": parameters}
    return galaxy(key, center)


def by_autograd(problem: engine.Problem) -> np.ndarray:
    """(pixel, free), through the links, by forward mode over the differentiable image."""
    if isinstance(problem.tiles[0].data, OnGpu):
        pytest.skip("Forward-mode differentiation does not go through a GPU that is none.")
    theta, slope = problem.space.expand(problem.values)
    columns = []
    for direction in np.eye(theta.size):
        with forward_ad.dual_level():
            pair = (torch.tensor(one, device=problem.device) for one in (theta, direction))
            dual = forward_ad.make_dual(*pair)
            tangent = forward_ad.unpack_dual(problem.model_tensor(dual)).tangent
        columns.append(
            np.zeros(problem.image.data.size) if tangent is None else tangent.flatten().cpu().numpy()
        )
    return np.asarray(np.stack(columns, 1) @ slope)


def finely(problem: engine.Problem) -> engine.Problem:
    """The same problem, integrated so finely that a pixel's change of rule does not show in differences."""
    fine = Accuracy(relative=1e-6, of_peak=1e-8)
    return engine.Problem(problem.image, problem.components, problem.parameters, accuracy=fine)


def by_differences(problem: engine.Problem, step: float = 1e-5) -> np.ndarray:
    x = problem.values
    columns = []
    for i in range(x.size):
        h = step * max(abs(x[i]), 0.1) * np.eye(x.size)[i]
        columns.append(((problem.render(x + h) - problem.render(x - h)) / (2 * h[i])).ravel())
    return np.stack(columns, 1)


def check(problem: engine.Problem, rtol_of_column: float, expected: np.ndarray) -> None:
    jacobian = problem.jacobian(problem.values)
    assert jacobian.shape == (problem.image.data.size, len(problem.names))
    for name, ours, theirs in zip(problem.names, jacobian.T, expected.T, strict=True):
        # A round galaxy does not notice its position angle: both are zero to rounding.
        scale = max(abs(theirs).max(), 1e-6)
        assert abs(ours - theirs).max() <= rtol_of_column * scale, name


@pytest.mark.parametrize("center", CENTERS.values(), ids=CENTERS.keys())
@pytest.mark.parametrize("blurred", [False, True], ids=["sharp", "blurred"])
@pytest.mark.parametrize("key", sorted(registry()))
def test_a_model_agrees_with_autograd(
    key: str, blurred: bool, center: tuple[float, float], rng: np.random.Generator
) -> None:
    if key.endswith("sky") and center != CENTERS["between"]:
        return
    psf = asymmetric_psf(7, 6, rng) if blurred or key == "point source" else None
    problem = problem_of([component(key, center)], psf=psf)
    check(problem, 1e-8, by_autograd(problem))


@pytest.mark.parametrize("key", sorted(registry()))
def test_a_model_agrees_with_finite_differences(key: str, rng: np.random.Generator) -> None:
    problem = finely(problem_of([component(key)], psf=asymmetric_psf(7, 6, rng)))
    # The rules of integration move with the parameters, which differences see and derivatives leave out.
    check(problem, 3e-3, by_differences(problem, 1e-4))


# The same, at the far ends of the declared ranges.
EXTREMES = [
    ("sersic", {"n": 0.5}),
    ("sersic", {"n": 8.0}),
    ("sersic", {"axis_ratio": 0.1, "radius_e": 1.0}),
    ("sersic", {"axis_ratio": 1.0}),
    ("king", {"alpha": 0.5}),
    ("king", {"radius_core": 10.0, "radius_edge": 6.0, "alpha": 8.0}),
    ("ferrer", {"alpha": 0.5, "beta": 1.7}),
    ("ferrer", {"alpha": 4.0, "beta": -3.0}),
    ("nuker", {"gamma": 1.7}),
    ("nuker", {"alpha": 40.0, "gamma": 0.01}),
    ("core-sersic", {"alpha": 30.0, "n": 1.0}),
    ("moffat", {"beta": 20.0, "radius_core": 0.8}),
]


@pytest.mark.parametrize(("key", "changes"), EXTREMES, ids=str)
def test_extreme_shapes_agree_with_autograd(key: str, changes: dict[str, float]) -> None:
    problem = problem_of([galaxy(key, (16.0, 14.81), **changes)])
    check(problem, 1e-7, by_autograd(problem))


def test_links_and_fixed_parameters_enter_by_the_chain_rule(rng: np.random.Generator) -> None:
    bulge = galaxy("sersic", (16.2, 14.7))
    bulge["name"] = "bulge"
    bulge["parameters"] |= {
        "center.x": {"link": "galaxy.center.x"},
        "center.y": {"link": "galaxy.center.y + 0.5"},
        "radius_e": {"link": "0.3 * galaxy.radius_e"},
        "axis_ratio": {"value": 0.9, "fixed": True},
    }
    disk = galaxy("exponential", (16.2, 14.7))
    disk["parameters"]["position_angle"] = {"value": 20.0, "fixed": True}
    sky = component("plane sky")
    problem = problem_of([disk, bulge, sky], psf=asymmetric_psf(5, 7, rng))
    assert "bulge.radius_e" not in problem.names
    assert "galaxy.position_angle" not in problem.names
    check(problem, 1e-8, by_autograd(problem))
    check(finely(problem), 3e-3, by_differences(finely(problem), 1e-4))


@pytest.mark.parametrize("key", ["sersic", "king", "point source", "plane sky"])
def test_normal_equations_hold_the_jacobian(key: str, rng: np.random.Generator) -> None:
    psf = asymmetric_psf(7, 6, rng)
    problem = problem_of([component(key)], psf=psf, data=rng.normal(size=(31, 33)))
    jacobian, residual = problem.jacobian(problem.values), problem.residual(problem.values)
    equations = problem.normal_equations(problem.values)
    np.testing.assert_allclose(equations.hessian, jacobian.T @ jacobian, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(equations.gradient, jacobian.T @ residual, rtol=1e-9, atol=1e-6)
    assert equations.chi2 == pytest.approx(residual @ residual, rel=1e-12)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_a_profile_stays_finite_at_the_center_and_far_out(profile: Any) -> None:
    values = [spec.default for spec in profile.specs]
    radius = torch.tensor([1e-40, 1e-20, 1e-3, 1.0, 1e3, 1e6], dtype=torch.float64)
    shape, by_radius, by_parameters = profile.shape_gradient(radius, *values)
    for tensor in (shape, by_radius, *by_parameters):
        assert torch.isfinite(tensor).all()
    assert (shape >= 0).all()
    assert (shape.diff() <= 0).all()


@pytest.mark.parametrize("blurred", [False, True])
@pytest.mark.parametrize("likelihood", ["gaussian", "poisson", "student-t"])
def test_reverse_mode_gives_the_gradient_of_the_normal_equations(likelihood, blurred):
    content = scenes.description([scenes.GALAXY, scenes.SKY], psf=blurred, likelihood=likelihood)
    content["components"].append(
        {"name": "other", "model": "exponential", "parameters": {"center": [9.2, 30.4]}}
    )
    content["components"][2]["parameters"] |= {"radius_e": {"link": "galaxy.radius_e"}}
    fitted = engine.load(content)
    x = fitted.values * 1.02
    forward, reverse = fitted.normal_equations(x), fitted.cost_gradient(x)
    assert reverse.cost == pytest.approx(forward.cost, rel=1e-12)
    assert fitted.cost(x)[0] == pytest.approx(forward.cost, rel=1e-12)
    assert reverse.chi2 == pytest.approx(forward.chi2, rel=1e-12)
    np.testing.assert_allclose(
        reverse.gradient, forward.gradient, rtol=1e-9, atol=1e-9 * abs(forward.gradient).max()
    )
