"""Likelihoods: honest uncertainties, and what is said of data that do not suit."""

import numpy as np
import pytest

import engine

SHAPE = (12, 12)


def sky_problem(data: np.ndarray, likelihood: str, **image: object) -> engine.Problem:
    entry = {"data": data, "sigma": np.ones(SHAPE), **image}
    sky = {"name": "sky", "model": "flat sky", "parameters": {"intensity": 10}}
    return engine.load({"residua": 1, "images": [entry], "components": [sky], "likelihood": likelihood})


def test_student_t_uncertainties_are_the_scatter_of_the_values(rng):
    pulls = []
    for _ in range(400):
        result = engine.fit(sky_problem(10 + rng.standard_t(5, size=SHAPE), "student-t"), "lm")
        pulls.append((result.values[0] - 10) / result.uncertainties[0])
    # The standard deviation of 400 pulls scatters by 3.5 %; the reweighted curvature would give 1.15.
    assert np.std(pulls) == pytest.approx(1, abs=0.11)


def test_what_is_doubtful_about_counts_is_told(rng):
    data = rng.poisson(10, SHAPE).astype(float)
    assert "no gain is given" in sky_problem(data, "poisson").notices[-1]
    data[0, :3] = -2
    assert "takes 3 negative pixels as 0 counts" in sky_problem(data, "poisson").notices[-1]
    assert not any("Poisson" in notice for notice in sky_problem(data, "gaussian").notices)
