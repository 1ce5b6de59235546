"""Fit descriptions: what is read, what is refused and with which words."""

import json

import numpy as np
import pytest
import yaml

import engine
from tests.engine.scenes import GALAXY, SKY, description, with_parameters


def changed(**changes) -> dict:
    return {**description([GALAXY, SKY]), **changes}


def component(**changes) -> dict:
    return changed(components=[{**GALAXY, **changes}, SKY])


def parameter(**changes) -> dict:
    return changed(components=[with_parameters(GALAXY, **changes), SKY])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (changed(imagess=[]), "'imagess' does not belong in the fit description. Did you mean images"),
        (changed(residua=2), "version 2; this Residua reads version 1"),
        (changed(images=[]), "images must be a list"),
        (changed(images=[{"data": np.zeros((9, 9))}] * 2), "one image is fitted at a time"),
        (changed(images=["galaxy.fits"]), "Maybe a 'data:' is missing"),
        (changed(images=[{"sigma": 1}]), "needs 'data:'"),
        (changed(images=[{"data": "a.fits", "sigm": 1}]), "Did you mean sigma"),
        (changed(components=[]), "at least one entry"),
        (changed(components=["sersic"]), "Component 1 is a mapping"),
        (component(model="sersicc"), "There is no model 'sersicc'. Did you mean sersic"),
        (component(model=None), "needs 'model:'"),
        (component(name="sky"), "Two components are named 'sky'"),
        (component(name="a.b"), "letters, digits, spaces"),
        (component(parameters=[1]), "must be a mapping"),
        (parameter(radius=3), "galaxy has no parameter 'radius'. Did you mean radius_e"),
        (parameter(n="four"), "galaxy.n is 'four'; it must be a number"),
        (parameter(n=True), "must be a number"),
        (parameter(n=float("nan")), "finite"),
        (parameter(n=0.01), r"galaxy.n is 0.01, but must lie in \[0.1, 12\]"),
        (parameter(axis_ratio=2.0), "axis_ratio=0.5 with position_angle turned by 90"),
        (parameter(n={"valu": 1}), "Did you mean value"),
        (parameter(n={"value": 1, "bounds": [3, 2]}), "the lower one must be below"),
        (parameter(n={"value": 1, "bounds": [2, 3]}), r"must lie in \[2, 3\]"),
        (parameter(n={"value": 1, "bounds": 3}), r"must be \[lower, upper\]"),
        (parameter(n={"value": 1, "bounds": [0.01, 3]}), "must lie within"),
        (parameter(n={"link": "sky.intensity", "value": 2}), "has a link, so it cannot have"),
        (parameter(n={"value": 1, "fixed": "yes"}), "must be true or false"),
        (parameter(center=[1, 2, 3]), r"center of galaxy must be \[x, y\]"),
        (parameter(center={"value": 3}), "needs two entries"),
        (changed(likelihood="gauss"), "Did you mean gaussian"),
        (changed(fitters=["ml"]), "There is no fitter 'ml'"),
        (changed(fitters=[{"lm": {"max_step": 3}}]), "Did you mean max_steps"),
        (changed(fitters="lm"), "fitters must be a list"),
        (changed(seed=-1), "seed is -1"),
        (changed(seed="x"), "seed is 'x'"),
    ],
)
def test_what_does_not_belong_is_refused(content, message):
    if (
        isinstance(content.get("images"), list)
        and content["images"]
        and isinstance(content["images"][0], dict)
    ):
        content["images"][0].pop("name", None)
    with pytest.raises(engine.EngineError, match=message):
        engine.load(content)


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_a_file_and_its_relative_paths(tmp_path, suffix):
    path = engine.write_example("seed", tmp_path / "seed")
    content = yaml.safe_load(path.read_text())
    assert content["images"][0]["data"] == "image.fits"
    other = path.with_suffix(suffix)
    other.write_text(yaml.safe_dump(content) if suffix == ".yaml" else json.dumps(content))
    loaded, built = engine.load(other), engine.load(engine.example("seed"))
    np.testing.assert_allclose(loaded.image.data, built.image.data)
    np.testing.assert_array_equal(loaded.values, built.values)
    assert loaded.names == built.names
    assert loaded.fitters == (("lm", {}),)
    again = engine.load(loaded.describe(), base="/")
    np.testing.assert_array_equal(again.image.data, loaded.image.data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "not valid YAML"),
        ("- 1", "is a mapping with the keys"),
        ("!!python/object:os.system {}", "not valid"),
    ],
)
def test_a_broken_file_is_told(tmp_path, text, message):
    path = tmp_path / "fit.yaml"
    path.write_text(text)
    with pytest.raises(engine.DescriptionError, match=message):
        engine.load(path)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(engine.DescriptionError, match="cannot be read"):
        engine.load(tmp_path / "nothing.yaml")


def test_components_without_names_get_their_own():
    content = description(
        [{"model": "sersic", "parameters": GALAXY["parameters"]}] * 2 + [{"model": "flat sky"}]
    )
    assert [c.name for c in engine.load(content).components] == ["sersic", "sersic 2", "flat sky"]


def test_examples_can_be_loaded_and_are_listed():
    assert {"seed", "disk"} <= set(engine.examples())
    for name in engine.examples():
        assert engine.load(engine.example(name)).dof > 0
    with pytest.raises(engine.DescriptionError, match="Did you mean seed"):
        engine.example("sead")


def test_the_seed_example_is_the_seed_problem():
    seed = engine.load(engine.example("seed"))
    assert seed.image.shape == (99, 99)
    assert len(seed.names) == 22
    assert seed.dof == 9779
    assert seed.image.psf is None
    # Noise is default_rng(42), scaled by sqrt(model) / 2; the variance is model / 4.
    noise = np.random.default_rng(42).normal(size=(99, 99))
    variance = 1 / seed.image.weight
    np.testing.assert_allclose(seed.image.data - 4 * variance, noise * np.sqrt(variance), atol=1e-6)


def test_rendering_takes_names_and_refuses_others():
    fitted = engine.load(description([GALAXY, SKY]))
    brighter = fitted.render({"galaxy.intensity_e": 40.0}) - fitted.render()
    np.testing.assert_allclose(brighter, fitted.render_components()["galaxy"], rtol=1e-6, atol=1e-9)
    with pytest.raises(engine.ParameterError, match=r"Did you mean galaxy\.n"):
        fitted.render({"galaxy.m": 1.0})
    with pytest.raises(engine.ParameterError, match="7 values were given"):
        fitted.render([1.0] * 7)
