"""Links, priors, bounds and totals: what ties parameters down, through save and load."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

import engine
from engine.parameters import parse_link, parse_prior
from tests.engine.scenes import GALAXY, SKY, description, problem, with_parameters

KEYS = ["disk.radius_e", "disk.n", "sersic 0.center.x", "bulge.n"]


def test_an_expression_has_its_value_and_slopes():
    link = parse_link("2 * disk.radius_e ** 0.5 + sqrt(disk.n) / 4 - (-sersic 0.center.x)", KEYS)
    values = {"disk.radius_e": 9.0, "disk.n": 4.0, "sersic 0.center.x": 0.25}
    value, slope = link.evaluate(values)
    assert value == pytest.approx(6 + 0.5 + 0.25)
    assert slope["disk.radius_e"] == pytest.approx(1 / 3)
    assert slope["disk.n"] == pytest.approx(1 / 16)
    assert slope["sersic 0.center.x"] == pytest.approx(1.0)


@pytest.mark.parametrize("function", ["sqrt", "exp", "log", "log10", "sin", "cos", "abs"])
def test_slopes_of_functions_match_differences(function):
    link = parse_link(f"{function}(disk.n) * disk.n ** disk.radius_e", KEYS)
    at = {"disk.n": 1.3, "disk.radius_e": 0.7}
    for key in at:
        high, low = ({**at, key: at[key] + h} for h in (1e-6, -1e-6))
        numeric = (link.evaluate(high)[0] - link.evaluate(low)[0]) / 2e-6
        assert link.evaluate(at)[1][key] == pytest.approx(numeric, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__import__('os').system('true')", "may hold numbers|unknown parameter"),
        ("disk.radius_ee", "unknown parameter 'disk.radius_ee'. Did you mean disk.radius_e"),
        ("disk.n if 1 else 2", "may hold numbers"),
        ("disk.n.real", "may hold numbers|unknown parameter"),
        ("[disk.n]", "may hold numbers"),
        ("open(disk.n)", "may hold numbers"),
        ("disk.n +", "not an expression"),
        ("1" * 300, "200 characters"),
        ("True + disk.n", "may hold numbers"),
    ],
)
def test_anything_but_arithmetic_is_refused(text, message):
    with pytest.raises(engine.ParameterError, match=message):
        parse_link(text, KEYS)


def test_a_link_without_a_value_is_told():
    with pytest.raises(engine.ParameterError, match="has no value here"):
        parse_link("log(disk.n)", KEYS).evaluate({"disk.n": -1.0})
    with pytest.raises(engine.ParameterError, match="fractional power"):
        parse_link("disk.n ** 0.5", KEYS).evaluate({"disk.n": -1.0})


def test_a_circle_of_links_is_refused():
    first = with_parameters(GALAXY, n={"link": "other.n"})
    second = {**with_parameters(GALAXY, n={"link": "galaxy.n"}), "name": "other"}
    with pytest.raises(engine.ParameterError, match="leads back to itself"):
        problem([first, second])


def linked_scene() -> list[dict]:
    bulge = {
        "name": "bulge",
        "model": "sersic",
        "parameters": {
            "center": {"link": "galaxy.center"},
            "axis_ratio": 0.9,
            "position_angle": {"link": "galaxy.position_angle"},
            "radius_e": {"link": "0.3 * galaxy.radius_e"},
            "n": {"value": 3.0, "fixed": True},
            "intensity_e": {"link": "2 * galaxy.intensity_e"},
        },
    }
    return [GALAXY, bulge, SKY]


def test_linked_parameters_follow_and_slopes_pass_through():
    fitted = problem(linked_scene())
    assert "bulge.center.x" not in fitted.names
    x = fitted.values
    assert fitted.all_values(x)["bulge.radius_e"] == pytest.approx(1.5)
    jacobian = fitted.jacobian(x)
    for i in range(len(x)):
        step = 1e-5 * max(1.0, abs(x[i]))
        high, low = x.copy(), x.copy()
        high[i] += step
        low[i] -= step
        numeric = (fitted.residual(low) - fitted.residual(high)) / (2 * step)
        np.testing.assert_allclose(jacobian[:, i], numeric, atol=2e-4 * np.abs(jacobian[:, i]).max())


def test_a_link_that_leaves_the_bounds_is_never_taken():
    start = with_parameters(GALAXY, axis_ratio={"link": "galaxy.n / 1.55"})
    result = engine.fit(problem([start, SKY]), "lm")
    assert result.all_values["galaxy.axis_ratio"] <= 1


def test_descriptions_survive_save_and_load():
    scene = linked_scene()
    scene[0] = with_parameters(
        GALAXY, n={"value": 1.4, "prior": "lognormal(0.3, 0.2)"}, radius_e={"value": 5, "bounds": [1, None]}
    )
    fitted = problem(scene, seed=3)
    again = engine.load(fitted.describe())
    assert again.names == fitted.names
    np.testing.assert_array_equal(again.values, fitted.values)
    assert [(p.lower, p.upper, str(p.prior)) for p in again.parameters] == [
        (p.lower, p.upper, str(p.prior)) for p in fitted.parameters
    ]
    assert [p.link.text if p.link else None for p in again.parameters] == [
        p.link.text if p.link else None for p in fitted.parameters
    ]


PRIORS = {
    "normal(1.5, 0.5)": stats.norm(1.5, 0.5),
    "lognormal(0.3, 0.4)": stats.lognorm(0.4, scale=math.exp(0.3)),
    "uniform(0.5, 3)": stats.uniform(0.5, 2.5),
    "truncated-normal(1, 0.7, 0.5, 2.5)": stats.truncnorm(-0.5 / 0.7, 1.5 / 0.7, 1, 0.7),
    "half-normal(2)": stats.halfnorm(scale=2),
}


@pytest.mark.parametrize("text", PRIORS)
def test_priors_match_scipy(text, rng):
    prior, truth = parse_prior(text, "a.n"), PRIORS[text]
    assert str(parse_prior(str(prior), "a.n")) == str(prior)
    for value in (0.7, 1.2, 2.2):
        assert prior.log_density(value)[0] == pytest.approx(truth.logpdf(value), abs=1e-6)
        numeric = (truth.logpdf(value + 1e-6) - truth.logpdf(value - 1e-6)) / 2e-6
        assert prior.log_density(value)[1] == pytest.approx(numeric, abs=1e-4)
    draws = np.array([prior.draw(rng) for _ in range(2000)])
    assert stats.kstest(draws, truth.cdf).pvalue > 1e-3
    mass, _ = quad(lambda v: math.exp(prior.log_density(v)[0]), *np.clip(prior.support, -30, 30), limit=200)
    assert mass == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("norml(0, 1)", "Did you mean normal"),
        ("normal(0)", "must read normal"),
        ("normal(0, -1)", "sigma -1"),
        ("uniform(3, 1)", "low < high"),
        ("normal 0 1", "not of the form"),
        ("normal(a, b)", "not a number"),
    ],
)
def test_a_wrong_prior_is_refused(text, message):
    with pytest.raises(engine.ParameterError, match=message):
        parse_prior(text, "galaxy.n")


def test_a_tight_prior_wins_over_the_data():
    start = with_parameters(GALAXY, n={"value": 2.0, "prior": "normal(2.0, 0.001)"})
    result = engine.fit(problem([start, SKY]), "lm")
    at = result.names.index("galaxy.n")
    assert result.values[at] == pytest.approx(2.0, abs=0.003)
    assert result.uncertainties[at] == pytest.approx(0.001, rel=0.05)


@pytest.mark.parametrize("total", ["flux", "magnitude"])
def test_a_total_stands_in_for_the_amplitude(total):
    plain = engine.fit(problem(), "lm")
    content = description([with_parameters(GALAXY, intensity_e=None, **{total: {}}), SKY])
    content["images"][0]["zero_point"] = 25.0
    fitted = engine.load(content)
    result = engine.fit(fitted, "lm")
    assert f"galaxy.{total}" in result.names
    assert "galaxy.intensity_e" not in result.names
    assert result.chi2 == pytest.approx(plain.chi2, abs=1e-3)
    flux = next(d for d in engine.derived(problem(), plain) if d.key == "galaxy.total_flux")
    at = result.names.index(f"galaxy.{total}")
    value, sigma = result.values[at], result.uncertainties[at]
    if total == "magnitude":
        sigma, value = sigma * 0.4 * math.log(10) * flux.value, 10 ** (-0.4 * (value - 25))
    assert value == pytest.approx(flux.value, rel=1e-3)
    assert sigma == pytest.approx(flux.uncertainty, rel=1e-2)
    again = engine.load(fitted.describe(result.values))
    assert again.chi2() == pytest.approx(result.chi2)


def test_a_total_and_an_amplitude_together_are_refused():
    with pytest.raises(engine.DescriptionError, match="intensity_e and flux, which say the same thing"):
        problem([with_parameters(GALAXY, flux=100.0), SKY])
    with pytest.raises(engine.DescriptionError, match="has no zero_point"):
        problem([with_parameters(GALAXY, intensity_e=None, magnitude=20.0), SKY])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("_p0_ * galaxy.n", "unknown parameter '_p0_'"),
        ("sqrt(galaxy.n - 9)", "has no value here"),
        ("20 * galaxy.n", r"gives 30 at the start, but it must lie in \[0.01, 1\]"),
        ("1e308 * 10 * galaxy.n", "too large"),
    ],
)
def test_a_link_that_cannot_start_is_refused(text, message):
    with pytest.raises(engine.ParameterError, match=message):
        problem([with_parameters(GALAXY, axis_ratio={"link": text}), SKY])


def test_a_link_that_loses_its_value_on_the_way_is_a_step_refused():
    fitted = problem([with_parameters(GALAXY, n={"link": "sqrt(galaxy.radius_e - 2.75)"}), SKY])
    x = fitted.values
    x[fitted.names.index("galaxy.radius_e")] = 2.0
    assert fitted.cost(x) == (math.inf, math.inf)
    assert fitted.normal_equations(x).cost == math.inf
    assert fitted.cost_gradient(x).cost == math.inf
    with pytest.raises(engine.ParameterError, match="has no value here"):
        fitted.render(x)
    assert engine.fit(fitted, "lm").converged


def test_a_null_link_is_none():
    fitted = problem([with_parameters(GALAXY, n={"value": 1.5, "link": None}), SKY])
    assert "galaxy.n" in fitted.names


NORTH = with_parameters(GALAXY, position_angle=175.0)


def test_an_angle_with_bounds_stays_between_them():
    start = with_parameters(NORTH, position_angle={"bounds": [-40, 40]})
    fitted = problem([start, SKY], truth=[NORTH, SKY])
    angle = fitted.names.index("galaxy.position_angle")
    assert fitted.values[angle] == pytest.approx(-5, abs=10)
    result = engine.fit(fitted, "lm")
    assert result.converged, result.message
    assert result.values[angle] == pytest.approx(-5, abs=5)
    np.testing.assert_array_equal(engine.load(fitted.describe(result.values)).values, result.values)
    assert engine.bootstrap(fitted, result, draws=2, seed=1).failed == 0


def test_the_prior_of_an_angle_counts_turns_as_nothing():
    start = with_parameters(NORTH, position_angle={"value": 0, "prior": "normal(0, 5)"})
    fitted = problem([start, SKY], truth=[NORTH, SKY])
    result = engine.fit(fitted, "lm")
    angle = fitted.names.index("galaxy.position_angle")
    assert result.values[angle] == pytest.approx(175, abs=5)
    turned = result.values.copy()
    turned[angle] -= 180
    assert fitted.cost(result.values)[0] == pytest.approx(fitted.cost(turned)[0], abs=1e-6)


def test_priors_keep_every_digit():
    assert str(parse_prior("lognormal(1.23456789, 2)", "a.n")) == "lognormal(1.23456789, 2)"


@pytest.mark.parametrize("low", [30, -40])
def test_a_prior_far_out_in_its_tail_can_be_drawn_and_normalized(low, rng):
    prior = parse_prior(f"truncated-normal(0, 1, {low}, {low + 10})", "a.n")
    assert low <= prior.draw(rng) <= low + 10
    truth = stats.truncnorm(low, low + 10)
    value = low + 0.1 if low > 0 else low + 9.9
    assert prior.log_density(value)[0] == pytest.approx(truth.logpdf(value), rel=1e-6)


def test_a_lognormal_prior_next_to_zero_has_no_density():
    prior = parse_prior("lognormal(1.6, 0.3)", "galaxy.intensity_e")
    assert prior.log_density(1e-200) == (-math.inf, 0.0, 0.0)
    assert math.isfinite(prior.log_density(1e-140)[0])
