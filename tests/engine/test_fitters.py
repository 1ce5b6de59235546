"""Every fitter on problems with known answers, in a grid; and what each of them promises alone."""

import numpy as np
import pytest

import engine
from engine import Status
from engine.fitters import configured, registry
from tests.engine.scenes import GALAXY, SKY, problem, with_parameters

NEAR = with_parameters(GALAXY, radius_e=6.0, n=1.2, axis_ratio=0.7, center=[23.0, 18.0])
# Options that suit a small problem; the defaults are made for larger ones.
OPTIONS: dict[str, dict] = {
    "gradient": {"max_steps": 800, "learning_rate": 0.1, "patience": 800},
    "differential-evolution": {"max_steps": 8, "population": 3, "width": 1.5},
    "multistart": {"starts": 4, "width": 1.3},
    "iterative-parameters": {"chunks": 2},
}
OWN_COLUMNS = {
    "lm": {"damping", "accepted"},
    "iterative": {"pass", "piece"},
    "iterative-parameters": {"pass", "piece"},
    "gradient": {"learning_rate"},
    "multistart": {"start", "start_chi2"},
}
OPTIMIZERS = [
    "lm",
    "iterative",
    "iterative-parameters",
    "gradient",
    "scipy",
    "differential-evolution",
    "multistart",
    "gradient+lm",
]


@pytest.fixture(scope="module")
def best(device: str) -> engine.FitResult:
    return engine.fit(problem([NEAR, SKY]), "lm", tolerance=1e-10)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_reaches_the_minimum(name, best):
    fitted = problem([NEAR, SKY])
    options = {"gradient": {"max_steps": 20}} if "+" in name else OPTIONS.get(name, {})
    result = engine.fit(fitted, name, seed=5, **options)
    assert result.status is Status.CONVERGED, result.message
    assert np.all(np.abs(result.values - best.values) < 0.2 * best.uncertainties)
    np.testing.assert_allclose(result.uncertainties, best.uncertainties, rtol=0.05)
    assert {"step", "seconds", "evaluations", "jacobians", "chi2_dof"} <= set(result.history)
    assert OWN_COLUMNS.get(name, set()) <= set(result.history)
    assert result.history["chi2_dof"][-1] == pytest.approx(result.chi2_dof, rel=1e-6)
    assert result.seed == 5
    again = engine.fit(fitted, name, seed=5, **options)
    np.testing.assert_array_equal(again.values, result.values)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_can_be_stopped_and_resumed(name):
    fitted = problem([NEAR, SKY])
    options = {"gradient": {"max_steps": 20}} if "+" in name else OPTIONS.get(name, {})
    seen: list[engine.Step] = []
    stopped = engine.fit(
        fitted, name, seed=5, on_step=seen.append, should_stop=lambda: len(seen) >= 2, **options
    )
    assert stopped.status is Status.CANCELLED
    assert len(seen) == 2
    assert stopped.chi2 <= seen[0].chi2
    resumed = engine.fit(fitted, name, seed=5, resume=seen[-1], **options)
    assert resumed.history["chi2_dof"][0] == pytest.approx(seen[-1].chi2_dof, rel=1e-9)


def test_steps_can_be_taken_one_at_a_time():
    running = engine.steps(problem([NEAR, SKY]), "lm")
    first = next(running)
    assert first.number == 0
    assert first.jacobians == 1
    assert [step.number for step in running][:3] == [1, 2, 3]


@pytest.mark.parametrize("seed_fitter", ["iterative", "iterative-parameters"])
def test_the_seed_problem_piece_by_piece(seed_fitter):
    result = engine.fit(engine.load(engine.example("seed")), seed_fitter, seed=1)
    assert result.status is Status.CONVERGED, result.message
    assert result.chi2_dof <= 1.0130


@pytest.mark.slow
def test_the_seed_problem_in_eleven_chunks():
    fitted = engine.load(engine.example("seed"))
    for step in engine.steps(fitted, "iterative-parameters", chunks=11, seed=1):
        if step.chi2_dof <= 1.0130:
            break
    assert step.chi2_dof <= 1.0130


@pytest.mark.slow
def test_the_seed_problem_by_a_thousand_steps_of_adam():
    result = engine.fit(engine.load(engine.example("seed")), "gradient", max_steps=1000)
    assert result.chi2_dof < 1.63


def test_order_and_groups_of_the_iteration():
    other = {**with_parameters(GALAXY, center=[10.0, 30.0], intensity_e=200.0), "name": "other"}
    fitted = problem([GALAXY, SKY, other], truth=[GALAXY, SKY, other])
    result = engine.fit(fitted, "iterative", order="brightest", groups=[["galaxy", "sky"]], max_steps=1)
    pieces = list(dict.fromkeys(p for p in result.history["piece"] if p))
    assert pieces == ["other", "galaxy + sky"]
    with pytest.raises(engine.OptionError, match="Did you mean galaxy"):
        engine.fit(fitted, "iterative", groups=[["galaxi"]])


def test_given_chunks():
    fitted = problem([NEAR, SKY])
    chunks = [
        ["galaxy.n", "galaxy.radius_e", "galaxy.intensity_e", "sky.intensity"],
        list(fitted.names[:4]),
    ]
    assert engine.fit(fitted, "iterative-parameters", given=chunks).status is Status.CONVERGED
    with pytest.raises(engine.OptionError, match="no free parameter"):
        engine.fit(fitted, "iterative-parameters", given=[["galaxy.m"]])


@pytest.mark.parametrize("optimizer", ["Adam", "NAdam", "SGD", "RMSprop", "LBFGS"])
def test_torch_optimizers_descend(optimizer):
    rate = {"LBFGS": 1.0, "SGD": 1e-5}.get(optimizer, 0.05)
    result = engine.fit(
        problem([NEAR, SKY]), "gradient", optimizer=optimizer, learning_rate=rate, max_steps=60
    )
    history = result.history["chi2_dof"]
    assert history[-1] < 0.5 * history[0] + 0.5


def test_unscaled_gradient_descent_is_possible():
    result = engine.fit(problem([NEAR, SKY]), "gradient", scaled=False, learning_rate=0.02, max_steps=100)
    assert result.history["chi2_dof"][-1] < result.history["chi2_dof"][0]


@pytest.mark.parametrize("method", ["BFGS", "Nelder-Mead", "trust-exact", "SLSQP", "TNC"])
def test_scipy_methods_descend(method):
    result = engine.fit(problem([NEAR, SKY]), "scipy", method=method, max_steps=400)
    assert result.history["chi2_dof"][-1] < result.history["chi2_dof"][0]
    assert result.status in (Status.CONVERGED, Status.STALLED, Status.OUT_OF_STEPS)


def test_multistart_tells_of_other_minima():
    twin = {**with_parameters(GALAXY, center=[23.4, 17.8], n=1.0), "name": "twin"}
    other = with_parameters(GALAXY, center=[12.0, 28.0], n=1.0, radius_e=4.0)
    truth = [GALAXY, {**other, "name": "twin"}, SKY]
    start = [with_parameters(GALAXY, center=[20.0, 20.0]), with_parameters(twin, center=[15.0, 26.0]), SKY]
    result = engine.fit(
        problem([start[0], {**start[1], "name": "twin"}, SKY], truth=truth), "multistart", starts=6, seed=2
    )
    assert "minim" in result.message


def test_every_option_is_checked_and_explained():
    for key, fitter in registry().items():
        assert fitter.title
        assert fitter.summary.endswith(".")
        for option in fitter.option_names():
            assert (fitter.param[option].doc or "").endswith("."), f"{key}.{option}"
        with pytest.raises(engine.OptionError, match="has no option 'nonsense'"):
            configured(key, {"nonsense": 1})


def test_chains_take_their_options_by_member():
    chain = configured("gradient+lm", {"gradient": {"max_steps": 7}})
    assert chain.key == "gradient+lm"
    assert chain.options()["gradient"]["max_steps"] == 7
    with pytest.raises(engine.OptionError, match="takes its options by member"):
        configured("gradient+lm", {"max_steps": 7})


def test_a_chain_that_is_stopped_keeps_the_draws():
    asked = iter(range(1000))
    result = engine.fit(
        problem([NEAR, SKY]), "lm+metropolis", should_stop=lambda: next(asked) > 40, seed=1,
        metropolis={"warmup": 10, "draws": 600},
    )  # fmt: skip
    assert result.status is Status.CANCELLED
    assert result.draws is not None


def test_a_chain_goes_on_with_the_member_it_was_at():
    fitted, options = problem([NEAR, SKY]), {"gradient": {"max_steps": 5}}
    taken = list(engine.steps(fitted, "gradient+lm", **options))
    again = list(engine.steps(fitted, "gradient+lm", resume=taken[-2], **options))
    assert {step.info["fitter"] for step in again} == {"lm"}
    assert again[0].info["damping"] == taken[-2].info["damping"]


def test_a_parameter_given_twice_is_fitted_once():
    chunks = [["galaxy.n", "galaxy.n", "galaxy.radius_e", "galaxy.intensity_e", "sky.intensity"]]
    result = engine.fit(problem(), "iterative-parameters", given=chunks, max_steps=2)
    assert np.isfinite(result.chi2)


def test_multistart_keeps_the_lowest_cost_not_the_lowest_chi2():
    start = with_parameters(NEAR, n={"value": 4.0, "prior": "normal(4, 0.02)"})
    fitted = problem([start, SKY])
    result = engine.fit(fitted, "multistart", starts=3, seed=2, inner_options={"max_steps": 60})
    assert fitted.cost(result.values)[0] <= fitted.cost(engine.fit(fitted, "lm").values)[0] + 0.01


def test_multistart_names_minima_by_cost():
    from engine.fitters import multistart
    from engine.fitters.base import Outcome

    ends = [(10.0, 500.0, Outcome(Status.CONVERGED, np.zeros(1))), (90.0, 400.0, None), (90.1, 400.1, None)]
    text = multistart.Multistart()._in_words(ends, 100)
    assert text == "2 distinct minima, chi2/dof 5 (1 start), 4 (2 starts)."


@pytest.mark.parametrize(
    ("fitter", "option", "value", "message"),
    [
        ("gradient", "learning_rate", 0, "gradient is 0, but must be a number above 0. What it"),
        ("lm", "max_steps", 0, "must be a whole number at least 1"),
        ("lm", "max_steps", 2.5, "must be a whole number at least 1"),
        ("gradient", "schedule", "linear", "must be one of cosine, constant, exponential"),
        ("gradient", "scaled", "maybe", "must be true or false"),
        ("iterative", "groups", "disk", "must be a list"),
        ("scipy", "method_options", 3, "must be a mapping of names to values"),
    ],
)
def test_a_refused_option_says_what_is_allowed(fitter, option, value, message):
    with pytest.raises(engine.OptionError, match=message):
        configured(fitter, {option: value})


def test_a_step_of_another_problem_is_refused():
    step = next(engine.steps(problem([NEAR, SKY])))
    other = problem([with_parameters(NEAR, n={"value": 1.5, "fixed": True}), SKY])
    with pytest.raises(engine.ParameterError, match="8 values were given, but there are 7 free parameters"):
        engine.fit(other, "lm", resume=step)
