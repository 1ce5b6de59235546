"""Everything a person can set explains itself: fitter options, model parameters, settings, commands."""

import pytest

import engine

FITTERS = engine.fitters.registry()
MODELS = engine.models.registry()

FITTER_NAMES = {"lm"}
MODEL_NAMES = {"sersic", "exponential", "flat sky", "point source"}


def is_sentence(text: str) -> bool:
    """Whether ``text`` reads as a sentence: capital (or symbol) first, a full stop last, a few words."""
    return len(text.split()) >= 2 and not text[0].islower() and text.rstrip().endswith((".", "?", "!", ")"))


def test_the_promised_fitters_and_models_exist() -> None:
    assert set(FITTERS) >= FITTER_NAMES
    assert set(MODELS) >= MODEL_NAMES


@pytest.mark.parametrize("key", sorted(FITTERS))
def test_a_fitter_explains_itself(key: str) -> None:
    fitter = FITTERS[key]
    assert fitter.key == key
    assert fitter.title
    assert is_sentence(fitter.summary), f"{key}.summary is {fitter.summary!r}"


def options() -> list[tuple[str, str]]:
    # Underscored params are a class's own business.
    return [
        (key, name)
        for key, fitter in sorted(FITTERS.items())
        for name in sorted(fitter.param)
        if name != "name" and not name.startswith("_")
    ]


@pytest.mark.parametrize(("key", "option"), options())
def test_an_option_explains_itself(key: str, option: str) -> None:
    declared = FITTERS[key].param[option]
    assert is_sentence(declared.doc or ""), f"{key}'s option {option} is explained by {declared.doc!r}"
    bounds = getattr(declared, "bounds", None)
    if bounds is not None and isinstance(declared.default, int | float):
        low, high = bounds
        assert low is None or declared.default >= low
        assert high is None or declared.default <= high


@pytest.mark.parametrize("key", sorted(MODELS))
def test_a_model_explains_itself(key: str) -> None:
    model = MODELS[key]
    assert model.key == key
    assert model.title
    assert is_sentence(model.summary), f"{key}.summary is {model.summary!r}"
    assert model.formula


def specs() -> list[tuple[str, str]]:
    return [(key, spec.name) for key, model in sorted(MODELS.items()) for spec in model.specs]


@pytest.mark.parametrize(("key", "name"), specs())
def test_a_parameter_explains_itself(key: str, name: str) -> None:
    spec = next(spec for spec in MODELS[key].specs if spec.name == name)
    assert is_sentence(spec.help), f"{key}.{name} is explained by {spec.help!r}"
    assert isinstance(spec.unit, str)
    assert spec.lower is None or spec.upper is None or spec.lower < spec.upper
    if spec.period is not None:
        assert spec.period > 0
