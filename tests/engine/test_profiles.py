"""The profiles against their formulas written out anew, their fluxes, and their recovery from noisy images."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import gammaincinv

import engine
from engine.models.registry import model
from engine.profiles import PROFILES
from engine.profiles.base import Profile
from engine.profiles.sersic import sersic_bn
from engine.simulate import gaussian_psf
from tests.engine.typical import PROFILES as TYPICAL
from tests.engine.typical import galaxy

BY_NAME = {profile.name: profile for profile in PROFILES}


def king(r: np.ndarray, core: float, edge: float, alpha: float) -> np.ndarray:
    def u(x: np.ndarray | float) -> np.ndarray:
        return np.asarray((1 + (x / core) ** 2) ** (-1 / alpha))

    return np.where(r < edge, np.maximum((u(r) - u(edge)) / (1 - u(edge)), 0) ** alpha, 0)


def nuker(r: np.ndarray, at: float, alpha: float, beta: float, gamma: float) -> np.ndarray:
    x = r / at
    return np.asarray(2 ** ((beta - gamma) / alpha) * x**-gamma * (1 + x**alpha) ** ((gamma - beta) / alpha))


def core_sersic(
    r: np.ndarray, radius_e: float, n: float, at: float, alpha: float, gamma: float
) -> np.ndarray:
    b = gammaincinv(2 * n, 0.5)
    constant = 2 ** (-gamma / alpha) * np.exp(b * (2 ** (1 / alpha) * at / radius_e) ** (1 / n))
    outer = np.exp(-b * ((r**alpha + at**alpha) / radius_e**alpha) ** (1 / (alpha * n)))
    return np.asarray(constant * np.exp(gamma / alpha * np.logaddexp(0, alpha * np.log(at / r))) * outer)


def sersic(r: np.ndarray, radius_e: float, n: float) -> np.ndarray:
    return np.asarray(np.exp(-gammaincinv(2 * n, 0.5) * ((r / radius_e) ** (1 / n) - 1)))


FORMULAS = {
    "sersic": sersic,
    "exponential": lambda r, radius_e: sersic(r, radius_e, 1),
    "de vaucouleurs": lambda r, radius_e: sersic(r, radius_e, 4),
    "gaussian": lambda r, sigma: np.exp(-(r**2) / (2 * sigma**2)),
    "moffat": lambda r, core, beta: (1 + (r / core) ** 2) ** -beta,
    "king": king,
    "ferrer": lambda r, edge, alpha, beta: np.maximum(1 - (r / edge) ** (2 - beta), 0) ** alpha,
    "nuker": nuker,
    "core-sersic": core_sersic,
}
CASES = [
    *((name, tuple(values.values())[:-1]) for name, values in TYPICAL.items()),
    ("sersic", (2.0, 0.5)),
    ("sersic", (2.0, 6.0)),
    ("moffat", (2.0, 1.5)),
    ("king", (2.0, 9.0, 0.5)),
    ("king", (7.0, 5.0, 9.0)),
    ("ferrer", (9.0, 0.4, 1.5)),
    ("ferrer", (9.0, 3.0, -4.0)),
    ("nuker", (3.0, 0.5, 4.0, 1.6)),
    ("nuker", (3.0, 20.0, 3.0, 0.0)),
    ("core-sersic", (8.0, 5.0, 1.0, 20.0, 0.9)),
    ("core-sersic", (8.0, 0.8, 4.0, 0.6, 0.0)),
]


def shape(profile: Profile, radius: np.ndarray, parameters: tuple[float, ...]) -> np.ndarray:
    tensors = [torch.tensor(value, dtype=torch.float64) for value in parameters]
    return profile.shape(torch.from_numpy(np.asarray(radius)), *tensors).numpy()


def light_inside(profile: Profile, radius: float, parameters: tuple[float, ...]) -> float:
    """Flux inside a radius, for axis ratio 1, by quadrature in the logarithm of the radius."""

    def ring(log_r: float) -> float:
        r = math.exp(log_r)
        return 2 * math.pi * r * r * float(FORMULAS[profile.name](np.array(r), *parameters))

    # Knots for scipy: a break, an edge and a core are lengths among the parameters.
    lengths = [v for v, s in zip(parameters, profile.specs, strict=True) if s.unit == "pixel"]
    inner = sorted(math.log(v) for v in lengths if v < radius)
    outer = [
        math.log(max(lengths)) + step for step in (2, 4) if math.log(max(lengths)) + step < math.log(radius)
    ]
    knots = [math.log(min(lengths)) - 80, *inner, *outer, math.log(radius)]
    return float(sum(quad(ring, *ends, limit=400, epsrel=1e-9)[0] for ends in itertools.pairwise(knots)))


def test_bn_is_the_root_of_the_incomplete_gamma_function() -> None:
    for n in np.geomspace(0.1, 12, 60):
        assert sersic_bn(float(n)) == pytest.approx(gammaincinv(2 * n, 0.5), abs=2e-9)


@pytest.mark.parametrize(("name", "parameters"), CASES, ids=str)
def test_the_shape_is_the_formula(name: str, parameters: tuple[float, ...]) -> None:
    radius = np.geomspace(0.01, 40, 200)
    expected = FORMULAS[name](radius, *parameters)
    np.testing.assert_allclose(shape(BY_NAME[name], radius, parameters), expected, rtol=1e-7, atol=1e-14)


@pytest.mark.parametrize(("name", "parameters"), CASES, ids=str)
def test_the_flux_is_the_integral(name: str, parameters: tuple[float, ...]) -> None:
    profile = BY_NAME[name]
    far = profile.break_at(*parameters).radius if name in ("king", "ferrer") and profile.break_at else 1e12
    assert profile.flux(*parameters) == pytest.approx(light_inside(profile, far, parameters), rel=1e-6)


def test_the_flux_is_infinite_where_the_wings_are_too_heavy() -> None:
    assert math.isinf(BY_NAME["nuker"].flux(3.0, 2.0, 1.9, 0.5))


@pytest.mark.parametrize("name", ["sersic", "exponential", "de vaucouleurs"])
def test_half_of_the_light_is_inside_radius_e(name: str) -> None:
    profile = BY_NAME[name]
    for parameters in [(3.0, 0.7), (3.0, 2.5)] if name == "sersic" else [(3.0,)]:
        assert light_inside(profile, 3.0, parameters) / profile.flux(*parameters) == pytest.approx(
            0.5, abs=1e-8
        )


@pytest.mark.parametrize("name", ["gaussian", "moffat", "ferrer"])
def test_starting_sizes_hold_about_half_of_the_light(name: str) -> None:
    profile = BY_NAME[name]
    values = {spec.name: spec.default for spec in profile.specs} | profile.starts(4.0)
    parameters = tuple(values[spec.name] for spec in profile.specs)
    assert light_inside(profile, 4.0, parameters) / profile.flux(*parameters) == pytest.approx(0.5, abs=0.1)


def test_the_flux_of_a_galaxy_is_that_of_its_image() -> None:
    component = galaxy("king", (40.3, 38.9))
    values = [component["parameters"][spec.name] for spec in model("king").specs]
    _, truth = engine.simulate([component], (81, 83), seed=1)
    assert model("king").flux(values) == pytest.approx(truth.sum(), rel=1e-4)


@pytest.mark.parametrize("name", sorted(TYPICAL))
def test_a_profile_is_recovered_within_its_uncertainties(name: str) -> None:
    truth = galaxy(name, (34.3, 31.7))
    sky = {"name": "sky", "model": "flat sky", "parameters": {"intensity": 5.0}}
    psf = gaussian_psf(1.2, 11)
    image, _ = engine.simulate([truth, sky], (65, 69), seed=7, noise=0.3, psf=psf)
    entry = {"data": image.data, "sigma": np.full(image.shape, 0.3), "psf": psf}
    start = {**truth, "parameters": dict(truth["parameters"])}
    for number, key in enumerate(start["parameters"]):
        # Away from the truth: centers by a pixel, the rest by a tenth.
        change = 1.0 if key.startswith("center") else 0.1 * start["parameters"][key]
        start["parameters"][key] += change if number % 2 else -change
    problem = engine.load({"residua": 1, "images": [entry], "components": [start, {**sky, "parameters": {}}]})
    result = engine.fit(problem, "lm")
    assert result.converged, result.message
    # 3 sigma of the reduced chi2.
    assert abs(result.chi2_dof - 1) < 3 * math.sqrt(2 / result.dof)
    true_values = {f"galaxy.{key}": value for key, value in truth["parameters"].items()} | {
        "sky.intensity": 5.0
    }
    for key, value, sigma in zip(result.names, result.values, result.uncertainties, strict=True):
        assert 0 < sigma < math.inf
        assert abs(value - true_values[key]) < 4 * sigma, (
            f"{key}: {value} +- {sigma}, true {true_values[key]}"
        )


@pytest.mark.parametrize("name", sorted(TYPICAL))
def test_a_profile_starts_from_the_data(name: str) -> None:
    truth = galaxy(name, (34.3, 31.7))
    sky = {"name": "sky", "model": "flat sky", "parameters": {"intensity": 5.0}}
    image, _ = engine.simulate([truth, sky], (65, 69), seed=7, noise=0.3)
    components = [
        {"name": "galaxy", "model": name, "parameters": {"center": [34, 32]}},
        {"name": "sky", "model": "flat sky"},
    ]
    entry = {"data": image.data, "sigma": np.full(image.shape, 0.3)}
    result = engine.fit(engine.load({"residua": 1, "images": [entry], "components": components}), "lm")
    assert result.chi2_dof < 1 + 4 * math.sqrt(2 / result.dof), result.message
