"""Quantities that follow from a fit, and uncertainties by fitting again."""

import math

import numpy as np
import pytest
from astropy.io import fits

import engine
from tests.engine.scenes import GALAXY, SKY, description, problem, with_parameters


def test_fluxes_and_fractions_add_up():
    bulge = {
        **with_parameters(GALAXY, radius_e=1.5, n=3.0, intensity_e=150.0, axis_ratio=0.9),
        "name": "bulge",
    }
    fitted = problem([GALAXY, bulge, SKY], truth=[GALAXY, bulge, SKY])
    result = engine.fit(fitted, "lm")
    found = {d.key: d for d in engine.derived(fitted, result)}
    assert found["galaxy.flux_fraction"].value + found["bulge.flux_fraction"].value == pytest.approx(1)
    assert found["galaxy.flux_fraction"].uncertainty == pytest.approx(
        found["bulge.flux_fraction"].uncertainty, rel=1e-3
    )
    wide = engine.load(description([GALAXY, SKY], shape=(400, 400)))
    flux = engine.derived(wide, engine.fit(wide, "lm", max_steps=1))
    total = next(d for d in flux if d.key == "galaxy.total_flux").value
    values = wide.all_values(engine.fit(wide, "lm", max_steps=1).values)
    rendered = wide.render_components(engine.fit(wide, "lm", max_steps=1).values)["galaxy"].sum()
    assert rendered == pytest.approx(total, rel=0.02)
    mean = next(d for d in flux if d.key == "galaxy.mean_intensity_e").value
    assert mean * math.pi * values["galaxy.axis_ratio"] * values["galaxy.radius_e"] ** 2 == pytest.approx(
        total / 2
    )


def test_a_flux_uncertainty_is_that_of_repeated_noise():
    fluxes, sigmas = [], []
    for seed in range(30):
        fitted = problem(seed=seed)
        result = engine.fit(fitted, "lm")
        flux = next(d for d in engine.derived(fitted, result) if d.key == "galaxy.total_flux")
        fluxes.append(flux.value)
        sigmas.append(flux.uncertainty)
    # The scatter of 30 values is known to 13 %.
    assert np.std(fluxes, ddof=1) == pytest.approx(np.mean(sigmas), rel=0.45)


def test_sky_quantities_need_a_wcs(tmp_path):
    content = description([GALAXY, SKY])
    header = fits.Header(
        {
            "CTYPE1": "RA---TAN",
            "CTYPE2": "DEC--TAN",
            "CRVAL1": 150.0,
            "CRVAL2": 2.0,
            "CRPIX1": 24.4,
            "CRPIX2": 18.8,
            "CD1_1": -0.2 / 3600,
            "CD2_2": 0.2 / 3600,
            "CD1_2": 0.0,
            "CD2_1": 0.0,
        }
    )
    fits.writeto(tmp_path / "sky.fits", np.asarray(content["images"][0]["data"]), header)
    content["images"][0] |= {"data": str(tmp_path / "sky.fits"), "zero_point": 25.0}
    fitted = engine.load(content)
    result = engine.fit(fitted, "lm")
    found = {d.key: d for d in engine.derived(fitted, result)}
    # The galaxy lies on the reference pixel; 1 pixel is 0.2 arcsec; East is to the left: from +y to the left.
    center = result.uncertainties[result.names.index("galaxy.center.x")]
    assert found["galaxy.longitude"].value == pytest.approx(150.0, abs=5 * center * 0.2 / 3600)
    assert found["galaxy.longitude"].uncertainty * 3600 == pytest.approx(center * 0.2, rel=0.02)
    assert found["galaxy.angle_east_of_north"].value == pytest.approx(
        result.values[result.names.index("galaxy.position_angle")], abs=0.01
    )
    radius = result.values[result.names.index("galaxy.radius_e")]
    assert found["galaxy.radius_e_arcsec"].value == pytest.approx(0.2 * radius, rel=1e-4)
    flux = found["galaxy.total_flux"].value
    assert found["galaxy.total_magnitude"].value == pytest.approx(25 - 2.5 * math.log10(flux))


@pytest.mark.parametrize("kind", ["parametric", "blocks"])
def test_the_bootstrap_agrees_with_the_covariance(kind):
    fitted = problem()
    result = engine.fit(fitted, "lm")
    again = engine.bootstrap(fitted, result, draws=40, kind=kind, block=4, seed=1)
    assert again.values.shape == (40, len(result.names))
    assert again.failed == 0
    # 40 draws know a sigma to 11 %.
    np.testing.assert_allclose(again.uncertainties, result.uncertainties, rtol=0.6)
    assert np.median(again.uncertainties / result.uncertainties) == pytest.approx(1, abs=0.25)


def test_a_bootstrap_is_a_fitter_whose_draws_are_the_fits():
    fitted = problem()
    lm = engine.fit(fitted, "lm")
    result = engine.fit(fitted, "bootstrap", draws=12, block=4, seed=1)
    assert result.converged
    assert "scatter of 12 fits to resampled images (residuals in blocks)" in result.message
    assert result.draws.shape == (1, 12, len(lm.names))
    np.testing.assert_allclose(result.values, lm.values, rtol=1e-6)
    np.testing.assert_allclose(result.uncertainties, result.draws[0].std(axis=0, ddof=1), rtol=1e-6)
    again = engine.fit(fitted, "bootstrap", draws=12, block=4, seed=1)
    np.testing.assert_array_equal(again.draws, result.draws)
    assert result.history["draw"][-1] == 12


def test_a_stopped_bootstrap_keeps_its_fits():
    seen = []
    result = engine.fit(
        problem(), "bootstrap", draws=50, kind="parametric", seed=1, on_step=seen.append,
        should_stop=lambda: bool(seen) and seen[-1].info.get("draw") == 5,
    )  # fmt: skip
    assert result.status is engine.Status.CANCELLED
    assert result.message.startswith("Stopped on request; the draws so far are kept.")
    assert result.draws.shape[1] == 5


def test_a_wrong_bootstrap_is_refused():
    fitted = problem()
    result = engine.fit(fitted, "lm")
    with pytest.raises(engine.OptionError, match="blocks, parametric"):
        engine.bootstrap(fitted, result, kind="jackknife")
    with pytest.raises(
        engine.OptionError, match="draws of bootstrap is 1, but must be a whole number at least 2"
    ):
        engine.fit(fitted, "bootstrap", draws=1)
    with pytest.raises(engine.OptionError, match="draws is 1"):
        engine.bootstrap(fitted, result, draws=1)
