"""What a person does at a workbench, without a browser: files arrive, components are placed, edits are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

import engine
from dashboard.services import Services
from dashboard.settings import Settings
from dashboard.state.session import Session
from dashboard.store import Project, Store, file_reference


class Bench:
    """A session of a project and the files sent to it. Runs are the browser tests' business: there are no workers."""

    def __init__(self, store: Store, project: Project) -> None:
        self.store = store
        self.project = project
        services = Services(store, None, Settings())  # type: ignore[arg-type]
        self.session = Session(services, project.id)
        self.run(self.session.open())

    def run(self, action: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(action)

    def send(self, role: str, path: Path, name: str | None = None) -> None:
        """What the upload route does with a file, and what the page does with its answer."""
        contents = engine.inspect_fits(path, label=name or path.name)
        file = self.store.add_file(self.project.id, role, name or path.name, path)
        answer = {
            "file": {"id": file.id, "role": role, "reference": file_reference(file, contents.default_index)}
        }
        self.run(self.session.files_arrived([answer]))

    @property
    def state(self) -> Any:
        return self.session.state


@pytest.fixture
def bench(store: Store, project: Project) -> Bench:
    return Bench(store, project)


@pytest.fixture
def image(tmp_path: Path, rng: np.random.Generator) -> Path:
    y, x = np.mgrid[:50, :60]
    data = 10 + 200 * np.exp(-np.hypot(x - 33, y - 21) / 3) + rng.normal(size=(50, 60))
    path = tmp_path / "galaxy.fits"
    fits.PrimaryHDU(data).writeto(path)
    return path


def test_an_empty_project_opens(bench: Bench) -> None:
    assert bench.state.opened.image is None
    assert bench.state.error == ""
    assert bench.state.names == []


def test_the_first_click_adds_a_galaxy_and_the_sky_below_it(bench: Bench, image: Path) -> None:
    bench.send("image", image)
    assert bench.state.opened.image.shape == (50, 60)
    bench.run(bench.session.place(33.2, 21.3))
    assert bench.state.names == ["sky", "galaxy"]
    assert bench.state.selected == "galaxy"
    values = {p.key: p.value for p in bench.state.opened.problem.parameters}
    assert values["sky.intensity"] == pytest.approx(10, abs=2)
    assert values["galaxy.radius_e"] == pytest.approx(5, rel=0.5)
    bench.run(bench.session.undo())
    assert bench.state.names == [], "one click is one step"


def test_a_sky_needs_no_place_and_a_disk_waits_for_a_click(bench: Bench, image: Path) -> None:
    bench.send("image", image)
    bench.run(bench.session.add("flat sky"))
    assert bench.state.names == ["sky"]
    bench.run(bench.session.add("exponential"))
    assert bench.state.placing == "exponential"
    bench.run(bench.session.place(33, 21))
    assert bench.state.names == ["sky", "disk"]
    assert bench.state.placing == ""
    bench.run(bench.session.place(5, 5))
    assert bench.state.names == ["sky", "disk"], "a click that nothing waits for adds nothing"


def test_a_star_without_psf_says_what_it_needs(bench: Bench, image: Path) -> None:
    bench.send("image", image)
    bench.run(bench.session.add("point source"))
    bench.run(bench.session.place(33, 21))
    assert "PSF" in bench.state.refused
    assert bench.state.placing == "point source", "after adding a PSF the click can be made again"


def test_another_page_finds_what_was_kept(bench: Bench, image: Path) -> None:
    bench.send("image", image)
    bench.run(bench.session.place(33, 21))
    bench.run(bench.session.edit_parameter("galaxy.n", "value", "2.5"))
    bench.run(bench.session.rename("galaxy", "disk"))
    other = Bench(bench.store, bench.project)
    assert other.state.description == bench.state.description
    assert {p.key: p.value for p in other.state.opened.problem.parameters}["disk.n"] == 2.5


def test_a_refused_edit_says_why_and_changes_nothing(bench: Bench, image: Path) -> None:
    bench.send("image", image)
    bench.run(bench.session.place(33, 21))
    before = bench.state.description
    assert not bench.run(bench.session.edit_parameter("galaxy.axis_ratio", "value", "3"))
    assert "galaxy.axis_ratio is 3, but must lie in" in bench.state.refused
    assert bench.state.description is before
    assert bench.store.project(bench.project.id).description == before
    assert bench.run(bench.session.edit_parameter("galaxy.axis_ratio", "value", "0.5"))
    assert bench.state.refused == ""


def test_noise_of_another_shape_is_refused_and_the_image_stays(
    bench: Bench, image: Path, tmp_path: Path
) -> None:
    bench.send("image", image)
    wrong = tmp_path / "sigma.fits"
    fits.PrimaryHDU(np.ones((5, 6))).writeto(wrong)
    bench.send("sigma", wrong)
    assert bench.state.opened.image.shape == (50, 60)
    assert "sigma.fits" in bench.state.refused
    assert str(bench.store.data_dir) not in bench.state.refused


def test_roles_are_changed_and_files_removed(bench: Bench, image: Path, tmp_path: Path) -> None:
    bench.send("image", image)
    noise = tmp_path / "noise.fits"
    fits.PrimaryHDU(np.full((50, 60), 4.0)).writeto(noise)
    bench.send("sigma", noise)
    file = bench.store.files(bench.project.id)[1]
    assert bench.state.opened.image.weight[0, 0] == pytest.approx(1 / 16)
    bench.run(bench.session.set_role(file.id, "sigma", "variance"))
    assert bench.state.opened.image.weight[0, 0] == pytest.approx(1 / 4)
    bench.run(bench.session.set_role(file.id, "variance", ""))
    assert bench.state.opened.image.noise_estimated
    bench.run(bench.session.remove_file(file.id, ""))
    assert [one.name for one in bench.store.files(bench.project.id)] == ["galaxy.fits"]


def test_a_file_taken_for_a_mask_by_its_name_becomes_an_image(bench: Bench, image: Path) -> None:
    bench.send("image", image)
    bench.send("mask", image, "masks_g-band.fits")
    assert "mask" not in bench.state.description["images"][0]  # no pixel of it is zero: nothing would be left
    file = next(one for one in bench.store.files(bench.project.id) if one.name == "masks_g-band.fits")
    bench.run(bench.session.use_as_image(file.id, ""))
    assert bench.state.description["images"][0]["name"] == "masks_g-band"
    assert "mask" not in bench.state.description["images"][0]
    assert bench.state.refused == ""


def test_extensions_with_telling_names_get_their_roles(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "cutout.fits"
    science = fits.ImageHDU(np.arange(400.0).reshape(20, 20), name="SCI")
    noise = fits.ImageHDU(np.full((20, 20), 2.0), name="ERR")
    fits.HDUList([fits.PrimaryHDU(), science, noise]).writeto(path)
    bench.send("image", path)
    assert bench.state.opened.image.weight[0, 0] == pytest.approx(1 / 4)
    file = bench.store.files(bench.project.id)[0]
    bench.run(bench.session.set_extension(file.id, "image", "2"))
    assert bench.state.opened.image.data[3, 3] == 2.0


def test_a_window_counts_in_pixels_of_the_whole_image(bench: Bench, image: Path) -> None:
    bench.send("image", image)
    bench.run(bench.session.set_number("window", "20, 50, 5, 45"))
    assert bench.state.opened.image.shape == (40, 30)
    bench.run(bench.session.place(33, 21))
    assert {p.key: p.value for p in bench.state.opened.problem.parameters}["galaxy.center.x"] == 33
    bench.run(bench.session.set_number("window", "0, 500, 0, 10"))
    assert "window" in bench.state.refused
    assert bench.state.opened.image.shape == (40, 30)


def test_broken_files_are_taken_or_refused_with_a_sentence(
    torture_item: dict[str, Any] | None, shared_data: Path, bench: Bench
) -> None:
    """The page's way in for each file that breaks uploaders, in the role it is meant for."""
    if torture_item is None:
        pytest.skip("The shared test data are not here.")
    files = shared_data / "torture" / "files"
    role, name = torture_item["role"], torture_item.get("upload_as", torture_item["file"])
    known = ("sigma", "variance", "mask", "psf")
    if role in known:
        bench.send("image", files / "base_image.fits")
    sentence = ""
    try:
        bench.send(role if role in known else "image", files / torture_item["file"], name)
    except engine.EngineError as error:
        sentence = str(error)
    sentence = sentence or bench.state.error or bench.state.refused
    wanted = {torture_item["expect"], *torture_item["also_ok"]}
    if sentence:
        assert wanted & {"reject", "ask"}, sentence
        assert sentence.isprintable()
        assert str(files) not in sentence
        assert str(bench.store.data_dir) not in sentence
    else:
        assert wanted & {"accept", "accept_warn", "ask"}, torture_item["how"]
        assert bench.state.opened.image is not None
