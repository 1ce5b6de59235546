"""What a fit will take: counts times measured costs, in words that promise no more than is known."""

from __future__ import annotations

import pytest

import engine
from dashboard.state import forecast as forecasts
from dashboard.state.fit_form import CHAIN, FitForm
from dashboard.state.forecast import (
    Cost,
    Forecast,
    cost_of,
    forecast,
    in_words,
    kind_of,
    measure,
    together,
)

COST = Cost(model=0.001, gradient=0.002, jacobian=0.004, free=10, pixels=10_000)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "under 1 s"),
        (1.4, "about 1 s"),
        (23, "about 20 s"),
        (14.2, "about 14 s"),
        (130, "about 2 min"),
        (7200, "about 2 h"),
    ],
)
def test_words_are_as_rough_as_the_knowledge(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_more_draws_take_longer_and_more_memory() -> None:
    short, long = (forecast("nuts", {"draws": draws}, COST) for draws in (100, 1000))
    assert short is not None
    assert long is not None
    assert long.seconds > 3 * short.seconds
    assert long.memory > short.memory


def test_a_limit_of_steps_shortens_the_forecast() -> None:
    limited, usual = forecast("lm", {"max_steps": 2}, COST), forecast("lm", {}, COST)
    assert limited is not None
    assert usual is not None
    assert limited.seconds == pytest.approx(0.008)
    assert usual.seconds > limited.seconds


def test_a_chain_takes_what_its_members_take() -> None:
    parts = [forecast(name, {}, COST) for name in ("gradient", "lm")]
    chain = forecast("gradient+lm", {}, COST)
    assert chain is not None
    assert chain.seconds == pytest.approx(sum(part.seconds for part in parts if part is not None))
    assert forecast("gradient+unknown", {}, COST) is None


def test_what_is_not_known_is_said_so() -> None:
    assert together([None]) == ""
    assert (
        together([Forecast(20, 1e6), Forecast(10, 5e7)])
        == "2 fitters, about 30 s · about 50 MB beside the image"
    )
    assert "or more" in together([Forecast(20, 1e6), None])


def test_every_compared_fitter_has_a_forecast_on_a_real_problem() -> None:
    cost = measure(engine.load(engine.example("seed")))
    assert min(cost.model, cost.gradient, cost.jacobian) > 0
    form = FitForm()
    for request in [*form.compared(), form.request(CHAIN)]:
        found = forecast(*request, cost)
        assert found is not None, request
        assert found.seconds > 0


def test_a_problem_of_the_same_kind_is_not_measured_again_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured: list[engine.Problem] = []
    now = 0.0
    monkeypatch.setattr(forecasts, "_kept", {})
    monkeypatch.setattr(forecasts, "measure", lambda problem: measured.append(problem) or COST)
    monkeypatch.setattr(forecasts.time, "monotonic", lambda: now)
    seed, other = (engine.load(engine.example(name)) for name in ("seed", "disk"))
    assert cost_of(seed) is cost_of(engine.load(engine.example("seed"))) is COST
    assert measured == [seed]
    cost_of(other)
    assert measured == [seed, other]
    now = forecasts.KEPT_SECONDS + 1
    cost_of(seed)
    assert measured == [seed, other, seed]
    assert len(forecasts._kept) == 1, "what is old is forgotten"


def test_what_is_convolved_is_of_another_kind() -> None:
    seen_through_a_psf = engine.load(engine.example("disk"))
    description = engine.example("disk")
    del description["images"][0]["psf"]
    assert kind_of(engine.load(description)) != kind_of(seen_through_a_psf)
    assert kind_of(engine.load(engine.example("disk"))) == kind_of(seen_through_a_psf)
