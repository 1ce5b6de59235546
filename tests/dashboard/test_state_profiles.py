"""What the drawer of profiles shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import engine
from dashboard.figures.profile import radial_figure
from dashboard.state.profiles import around
from engine.examples import write_example


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> engine.Problem:
    return engine.load(write_example("seed", Path(tmp_path_factory.mktemp("seed"))))


def test_it_lies_around_the_selected_component_and_says_what_is_off(seed: engine.Problem) -> None:
    found = around(seed, "sersic 1")
    assert found.profiles.rings.component == "sersic 1"
    values = seed.all_values(seed.values)
    assert found.place == pytest.approx((values["sersic 1.center.x"], values["sersic 1.center.y"]))
    assert found.words.startswith("Around sersic 1: ")
    assert "not independent N(0, 1)" in found.words
    assert np.nanstd(found.pull) > 5, "the start values are far off"


@pytest.mark.parametrize(
    ("pixel_scale", "zero_point", "label"),
    [(None, None, "flux / pixel"), (0.4, None, "flux / pixel"), (0.4, 25.0, "mag / arcsec²")],
)
def test_the_axis_is_in_magnitudes_where_they_are_known(
    seed: engine.Problem, pixel_scale: float | None, zero_point: float | None, label: str
) -> None:
    profiles = around(seed, "").profiles
    colors = dict.fromkeys(profiles.components, "#123456")
    plot = radial_figure("radial", profiles, colors, "#1c93aa", pixel_scale, zero_point)
    assert plot.yaxis[0].axis_label == label
    assert (plot.y_range.start > plot.y_range.end) == (zero_point is not None), "bright is up"
    assert ("arcsec" in plot.extra_x_ranges) == (pixel_scale is not None)
    shown = sorted((plot.y_range.start, plot.y_range.end))
    assert shown[1] - shown[0] < (20 if zero_point is not None else 1e6)
    drawn = {renderer.name: renderer.data_source.data for renderer in plot.renderers}
    assert set(drawn) >= {"profile-data", "profile-model", "part-sky", "part-sersic 0"}
    total = np.asarray(drawn["profile-model"]["y"])
    assert ((total >= shown[0]) & (total <= shown[1])).all(), (
        "the model of the start values is brighter, and in sight"
    )
    part = np.asarray(drawn["part-sky"]["y"])
    fainter = part > total if zero_point is not None else part < total
    assert fainter[np.isfinite(part)].all(), "a component is fainter than the sum"
