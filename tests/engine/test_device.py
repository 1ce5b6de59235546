"""Where a problem is computed, and in which precision."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import engine
from engine.device import device_of
from engine.frozen import FrozenProblem
from engine.parameters.box import Box
from tests.engine.pretend_gpu import OnGpu, pretend_gpu
from tests.engine.scenes import GALAXY, SKY, description, problem
from tests.engine.typical import GEOMETRY, PROFILES, galaxy

STAR = {"name": "star", "model": "point source", "parameters": {"center": [9.2, 30.6], "flux": 300.0}}
PLANE = {"name": "plane", "model": "plane sky", "parameters": {"intensity": 5.0}}
SCENE = [*({**galaxy(key, (15.3 + i, 21.4)), "name": key} for i, key in enumerate(PROFILES)), STAR, PLANE]


@pytest.fixture
def gpu() -> Iterator[None]:
    """A GPU that is none, where the whole suite does not run on one already."""
    with pretend_gpu():
        yield


def mixtures() -> Iterator[tuple[str, object]]:
    """Operations on tensors of two devices, of a GPU's a and the processor's b, each (4,)."""
    yield "add", lambda a, b: a + b
    yield "in place", lambda a, b: b.mul_(a)
    yield "matmul", lambda a, b: a @ b
    yield "cat", lambda a, b: torch.cat((a, b))
    yield "where", lambda a, b: torch.where(a > 0, a, b)
    yield "out", lambda a, b: torch.mul(a, a, out=b)
    yield "addcmul", lambda a, b: torch.addcmul(a, a, b)
    yield "bucketize", lambda a, b: torch.bucketize(a, b)


@pytest.mark.parametrize(("name", "mix"), [*mixtures()], ids=lambda one: one if isinstance(one, str) else "")
def test_the_pretended_gpu_refuses_what_torchs_own_model_of_one_refuses(gpu, name, mix):
    a, b = torch.ones(4, dtype=torch.float64), torch.ones(4, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="same device"):
        mix(a.to("cuda:0"), b)
    # torch's fake tensors have no numbers, but know which devices go together.
    with FakeTensorMode(allow_non_fake_inputs=True), pytest.raises(RuntimeError, match="device"):
        mix(torch.empty(4, dtype=torch.float64, device="cuda:0"), torch.empty(4, dtype=torch.float64))


def test_numpy_cannot_read_a_gpu(gpu):
    there = torch.ones(3, device="cuda:0")
    for read in (there.numpy, lambda: np.asarray(there)):
        with pytest.raises(TypeError, match="numpy"):
            read()
    assert there.cpu().numpy().sum() == 3


@pytest.mark.parametrize(("psf", "precision"), [(False, "float64"), (True, "float32")])
def test_nothing_mixes_devices_in_any_model(gpu, psf, precision):
    given = description(SCENE if psf else [one for one in SCENE if one is not STAR], psf=psf, shape=(24, 30))
    here, there = (engine.load(given, device=name, precision=precision) for name in ("cpu", "cuda"))
    assert isinstance(there.tiles[0].data, OnGpu)
    assert there.device == "cuda:0"
    x = here.values
    np.testing.assert_array_equal(there.render(), here.render())
    assert there.cost(x) == here.cost(x)
    for ask in ("normal_equations", "cost_gradient"):
        one, other = getattr(here, ask)(x), getattr(there, ask)(x)
        assert other.chi2 == pytest.approx(one.chi2, rel=1e-12)
        scale = np.abs(one.gradient).max()
        np.testing.assert_allclose(other.gradient, one.gradient, atol=1e-6 * scale, rtol=1e-5)
    np.testing.assert_allclose(there.score_covariance(x), here.score_covariance(x), rtol=1e-6, atol=1e-3)
    theta = torch.from_numpy(here.space.expand(x)[0])
    image = there.model_tensor(theta)
    np.testing.assert_allclose(image.detach().cpu().numpy(), here.render(), rtol=1e-5)


def test_nothing_mixes_devices_in_frozen_samples_and_a_sampler(gpu):
    parameters = {**GEOMETRY, "center": [12.0, 25.0], **PROFILES["gaussian"]}
    other = {"name": "other", "model": "gaussian", "parameters": parameters}
    given = description([GALAXY, other, SKY], psf=True, seed=4)
    here, there = (engine.load(given, device=name) for name in ("cpu", "cuda"))
    best = engine.fit(here, "lm")
    x, sigma = best.values, best.uncertainties
    box = Box(x, x - 5 * sigma, x + 5 * sigma)
    places = x + sigma * np.random.default_rng(1).standard_normal((3, len(x)))
    one, other = (FrozenProblem(found, box).costs(places) for found in (here, there))
    np.testing.assert_allclose(other.cost, one.cost, rtol=1e-10)
    np.testing.assert_allclose(
        other.gradient, one.gradient, rtol=1e-6, atol=1e-6 * np.abs(one.gradient).max()
    )
    small = problem([GALAXY, SKY], shape=(36, 40), device="cuda")
    result = engine.fit(
        small,
        "ensemble-hmc",
        seed=1,
        warmup=6,
        draws=8,
        chains=4,
        trajectory_length=0.5,
        adapt_trajectory=False,
    )
    assert np.isfinite(result.draws).all()
    assert result.computer.device == "cuda:0"


def test_a_fit_on_the_pretended_gpu_is_that_of_the_cpu(gpu, tmp_path):
    here, there = (problem(psf=True, device=name) for name in ("cpu", "cuda"))
    one, other = engine.fit(here, "lm"), engine.fit(there, "lm")
    np.testing.assert_allclose(other.values, one.values, rtol=1e-8)
    engine.write_run(tmp_path, there, other)
    record = json.loads((tmp_path / "result.json").read_text())
    assert [record[key] for key in ("device", "precision", "gpu")] == ["cuda:0", "float64", "No GPU"]
    assert record["description"]["device"] == "cuda"
    assert engine.read_run(tmp_path).computer == other.computer


@pytest.mark.skipif(torch.cuda.is_available(), reason="There is a GPU here.")
def test_a_gpu_where_there_is_none_is_refused_with_the_way_out():
    assert device_of("auto") == "cpu"
    with pytest.raises(
        engine.DeviceError, match=r"\(device cuda:1\), but PyTorch finds none here. Take the device"
    ):
        problem(device="cuda:1")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"device": "gpu"}, "There is no device 'gpu'. Did you mean cpu"),
        ({"device": "cuda:x"}, "There is no device 'cuda:x'. Did you mean cuda"),
        ({"device": ["cpu"]}, "There is no device"),
        ({"precision": "float16"}, "There is no precision 'float16'. Did you mean float64|float32"),
        ({"precision": 32}, "There is no precision '32'"),
    ],
)
def test_unknown_devices_and_precisions_are_refused(given, sentence):
    with pytest.raises(engine.DeviceError, match=sentence):
        problem(**given)


def test_a_gpu_that_is_not_there_is_refused(gpu):
    with pytest.raises(
        engine.DeviceError, match=r"There is no GPU 3 here: PyTorch finds 1, .* Take cuda:0, or cpu"
    ):
        problem(device="cuda:3")


def test_what_is_said_when_loading_goes_before_the_file():
    given = description([GALAXY, SKY], device="auto", precision="float32")
    stated = engine.load(given)
    assert stated.computer.precision == "float32"
    assert stated.describe()["device"] == "auto"
    assert stated.describe()["precision"] == "float32"
    double = engine.load(given, precision="float64", device="cpu")
    assert double.computer.precision == "float64"
    assert "precision" not in double.describe(), "what is written down is what was computed"
    with pytest.raises(engine.DeviceError, match="There is no device 'gpu'"):
        engine.load({**given, "device": "gpu"}, device="cpu")


def in_sigma(one: engine.FitResult, other: engine.FitResult) -> float:
    """The largest difference of two results' values, in sigma of the first."""
    return float(np.max(np.abs(other.values - one.values) / one.uncertainties))


@pytest.fixture
def seed(device: str) -> tuple[engine.Problem, engine.Problem]:
    """The seed problem in double and in single precision."""
    path = engine.example("seed")
    return engine.load(path), engine.load(path, precision="float32")


def test_float32_changes_no_pixel_by_a_thousandth_of_its_noise(seed):
    double, single = seed
    pull = (single.render() - double.render()) * np.sqrt(double.image.weight)
    # Measured: 5e-5.
    assert 0 < np.abs(pull).max() < 1e-3


def test_float32_sums_in_float64(seed):
    double, single = seed
    for ask in ("cost_gradient", "normal_equations"):
        one, other = getattr(double, ask)(double.values), getattr(single, ask)(double.values)
        # A sum of 1e4 numbers in float32 would be off by 1e-5 or so.
        assert other.chi2 == pytest.approx(one.chi2, rel=1e-6)
        scale = np.abs(one.gradient).max()
        np.testing.assert_allclose(other.gradient, one.gradient, rtol=1e-5, atol=1e-7 * scale)
    np.testing.assert_allclose(other.hessian, one.hessian, rtol=1e-5, atol=1e-6 * np.abs(one.hessian).max())


@pytest.mark.parametrize(("fitter", "most"), [("lm", 0.05), ("iterative", 0.05)])
def test_float32_finds_the_same_parameters(seed, fitter, most):
    double, single = seed
    one, other = engine.fit(double, fitter), engine.fit(single, fitter)
    assert one.status is other.status is engine.Status.CONVERGED
    assert other.computer.precision == "float32"
    # Measured with lm: 0.02 sigma, most of it where it stops, and uncertainties to 1e-4.
    assert in_sigma(one, other) < most
    np.testing.assert_allclose(other.uncertainties, one.uncertainties, rtol=1e-3)


def test_a_bright_source_blurred_in_float32_keeps_the_sky_clean(device):
    star = {**GALAXY, "parameters": {**GALAXY["parameters"], "radius_e": 0.5, "intensity_e": 1e5}}
    one, other = (problem([star, SKY], psf=True, precision=name) for name in ("float64", "float32"))
    # A Fourier transform spreads its error evenly, in proportion to the brightest pixel.
    assert np.abs(other.render() - one.render()).max() < 1e-6 * one.render().max()


def test_what_float32_is_too_coarse_for_is_computed_in_float64(device):
    single = problem(precision="float32")
    for name in ("scipy", "lm+scipy"):
        result = engine.fit(single, name)
        assert result.computer.precision == "float64"
        assert any("float32 is too coarse" in note for note in result.notes)
    # The squares of radii of frozen samples are differences of much larger numbers.
    frozen = single.freeze(Box(*np.tile(single.space.expand(single.values)[0], (3, 1))))
    assert frozen.brightness(single.space.expand(single.values)[0][None])[0].dtype == torch.float64
