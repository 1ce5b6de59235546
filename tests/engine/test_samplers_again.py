"""Going on from draws, keeping them within memory, flows, and options from files."""

import numpy as np
import pytest
import xarray

import engine
from tests.engine.scenes import problem, with_parameters
from tests.engine.test_samplers import galaxy, gentle

SMALL = {"warmup": 30, "draws": 30, "chains": 2}


@pytest.mark.parametrize("name", ["nuts", "ensemble-hmc", "metropolis", "elliptical"])
def test_a_sampler_goes_on_from_its_draws(name, tmp_path):
    fitted = gentle()
    first = engine.fit(fitted, name, seed=3, **SMALL)
    engine.write_run(tmp_path / "first", fitted, first)
    saved = engine.read_run(tmp_path / "first")
    second = engine.fit(fitted, name, seed=3, resume=saved, warmup=30, draws=50)
    assert second.draws.shape == (2, 80, 3)
    np.testing.assert_array_equal(second.draws[:, :30], first.draws)
    assert not np.array_equal(second.draws[:, 30:60], first.draws)
    for values in second.sample_stats.values():
        assert values.shape == (2, 80)
        assert np.isfinite(values).all()
    assert "The first 30 draws of each chain are from the run that this one goes on from." in second.notes
    # So few draws of a random walk know no better.
    assert second.rhat.max() < (1.5 if name == "metropolis" else 1.2)
    engine.write_run(tmp_path / "second", fitted, second)
    with xarray.open_dataset(tmp_path / "second" / "draws.nc", group="posterior", engine="h5netcdf") as kept:
        assert kept.sizes == {"chain": 2, "draw": 80}


def test_draws_of_another_problem_are_refused():
    result = engine.fit(gentle(), "laplace", seed=1, draws=20, chains=1, check=0)
    with pytest.raises(engine.ParameterError, match="Take the problem that was sampled"):
        engine.fit(problem(), "nuts", resume=result)


def test_an_optimizer_goes_on_from_a_results_values():
    fitted = problem()
    best = engine.fit(fitted, "lm")
    again = engine.fit(fitted, "lm", resume=best)
    assert again.history["chi2_dof"][0] == pytest.approx(best.chi2_dof)


def test_more_draws_than_fit_into_memory_are_refused():
    with pytest.raises(engine.OptionError, match=r"too many to keep .* Raise thin"):
        engine.fit(gentle(), "metropolis", draws=100_000_000)


def test_thinning_keeps_every_so_manieth_draw():
    plain = engine.fit(gentle(), "elliptical", seed=1, chains=2, warmup=10, draws=60)
    thinned = engine.fit(gentle(), "elliptical", seed=1, chains=2, warmup=10, draws=20, thin=3)
    np.testing.assert_array_equal(thinned.draws, plain.draws[:, 2::3])


def test_a_flow_bends_where_a_gaussian_cannot():
    sky = {"name": "sky", "model": "flat sky", "parameters": {"intensity": {"value": 1.0, "fixed": True}}}
    shown = galaxy(axis_ratio=0.9, radius_e=3.0)
    truth = galaxy(axis_ratio={"value": 1.0, "fixed": True})
    fitted = problem([shown, sky], truth=[truth, sky], shape=(20, 22), noise=2.0, seed=3)
    reference = engine.fit(fitted, "elliptical", seed=1, chains=2, draws=800)
    flow = engine.fit(fitted, "svi", guide="flow", steps=300, learning_rate=0.03, seed=1, check=200)
    assert "The best flow without bounds" in flow.message
    assert flow.status is engine.Status.CONVERGED, flow.message
    assert np.all(np.abs(flow.values - reference.values) < 0.3 * reference.uncertainties)
    assert flow.uncertainties == pytest.approx(reference.uncertainties, rel=0.3)
    again = engine.fit(fitted, "svi", guide="flow", steps=300, learning_rate=0.03, seed=1, check=0)
    np.testing.assert_array_equal(again.draws, flow.draws)


def test_a_short_run_from_whitened_coordinates_is_good():
    result = engine.fit(problem(psf=True), "nuts", seed=1, chains=1, warmup=20, draws=100)
    assert result.ess_bulk.min() > 40
    assert result.rhat.max() < 1.1


def test_options_of_samplers_come_from_a_description():
    linked = with_parameters(galaxy(radius_e=3.0), n={"value": 1.0, "fixed": True})
    matrix = [[0.01]]
    fitted = problem(
        [
            linked,
            {"name": "sky", "model": "flat sky", "parameters": {"intensity": {"value": 1, "fixed": True}}},
        ],
        shape=(20, 22),
        fitters=[{"nuts": {"inverse_mass_matrix": matrix, "whiten": False, "spread": 1.0, "start": "here"}}],
    )
    ((name, options),) = fitted.fitters
    result = engine.fit(fitted, name, seed=1, **{**options, **SMALL})
    assert result.options["inverse_mass_matrix"] == matrix
    assert result.options["start"] == "here"
    assert result.draws.shape == (2, 30, 1)


def test_trees_that_were_cut_short_are_told():
    result = engine.fit(gentle(), "nuts", seed=1, max_tree_depth=1, **SMALL)
    assert any("reached the largest tree depth, 1: raise max_tree_depth" in note for note in result.notes)
