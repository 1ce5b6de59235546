"""Several images in a project: one worked on, the others waiting with their own scenes, all of it kept and undone."""

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
from dashboard.state import images
from dashboard.state.files import file_rows
from dashboard.state.session import Session, file_stem
from dashboard.store import Project, Store, file_reference


def run(action: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(action)


def fresh(store: Store, project: Project) -> Session:
    session = Session(Services(store, None, Settings()), project.id)  # type: ignore[arg-type]
    run(session.open())
    return session


@pytest.fixture
def session(store: Store, project: Project) -> Session:
    return fresh(store, project)


def send(
    session: Session,
    folder: Path,
    rng: np.random.Generator,
    *roles_and_names: tuple[str, str],
    size: int = 40,
) -> None:
    arrived = []
    y, x = np.mgrid[: size - 10, :size]
    for role, name in roles_and_names:
        pixels = 10 + 300 * np.exp(-np.hypot(x - 22, y - 13) / 3) + rng.normal(size=x.shape)
        path = folder / name
        fits.PrimaryHDU(pixels if role == "image" else np.full(x.shape, 2.0)).writeto(path)
        file = session.store.add_file(session.project_id, role, name, path)
        arrived.append(
            {"file": {"id": file.id, "role": role, "name": name, "reference": file_reference(file, 0)}}
        )
    run(session.files_arrived(arrived))


@pytest.fixture
def two(session: Session, tmp_path: Path, rng: np.random.Generator) -> Session:
    """An image r with a scene and a variance, then an image g of another size with its own."""
    send(session, tmp_path, rng, ("variance", "r_var.fits"), ("image", "r.fits"))
    run(session.place(22, 13))
    send(session, tmp_path, rng, ("image", "g.fits.gz"), ("sigma", "g_sigma.fits"), size=50)
    return session


def test_a_second_image_comes_to_the_front_and_the_first_waits(two: Session) -> None:
    state = two.state
    assert images.names(state.description) == ["g", "r"]
    assert images.name_of(state.description) == "g"
    assert state.names == []
    assert state.opened.image.shape == (40, 50)
    assert len(state.description["images"]) == 1
    assert len(state.fitted_description["images"]) == 1
    assert images.WAITING not in state.fitted_description
    assert state.opened.image.weight.max() == pytest.approx(0.25), "its own noise: sigma = 2"


def test_switching_keeps_each_scene_and_a_reload_keeps_all(
    two: Session, store: Store, project: Project
) -> None:
    run(two.place(25, 15))
    run(two.add("plane sky"))
    g_scene = two.state.description["components"]
    run(two.change(lambda description: images.switched(description, "r")))
    assert two.state.names == ["sky", "galaxy"]
    assert two.state.opened.image.shape == (30, 40)
    assert two.state.opened.image.weight.max() == pytest.approx(0.5), "its own noise: variance = 2"
    again = fresh(store, project)
    assert images.names(again.state.description) == ["g", "r"]
    assert again.state.names == ["sky", "galaxy"]
    run(again.change(lambda description: images.switched(description, "g")))
    assert again.state.description["components"] == g_scene


def test_undo_goes_through_switches_and_removals(two: Session) -> None:
    run(two.change(lambda description: images.switched(description, "r")))
    before = two.state.description
    run(two.change(images.without_first))
    assert images.names(two.state.description) == ["g"]
    run(two.undo())
    assert two.state.description == before
    run(two.undo())
    assert images.name_of(two.state.description) == "g"


def test_the_scene_of_another_image_is_copied(two: Session) -> None:
    run(two.change(lambda description: images.with_scene_of(description, "r")))
    assert two.state.names == ["sky", "galaxy"]
    scene = two.state.description["components"]
    run(two.edit_parameter("sky.intensity", "value", "3"))
    run(two.change(lambda description: images.switched(description, "r")))
    assert two.state.description["components"] == scene, "a copy: r keeps its own"


def test_files_of_other_images_are_neither_listed_nor_deleted(
    two: Session, store: Store, project: Project
) -> None:
    rows = file_rows(store.files(project.id), two.state.description, two.contents)
    assert [row["name"] for row in rows] == ["g.fits.gz", "g_sigma.fits"]
    of_r = next(file for file in store.files(project.id) if file.name == "r.fits")
    run(two.remove_file(of_r.id, ""))
    assert "The image r uses this file" in two.state.refused
    assert of_r.id in {file.id for file in store.files(project.id)}


def test_a_run_brings_its_image_back_as_it_was(two: Session) -> None:
    run(two.change(lambda description: images.switched(description, "r")))
    fitted = two.state.fitted_description
    run(two.set_number("window", "5, 35, 2, 28"))
    run(two.change(lambda description: images.switched(description, "g")))
    back = images.with_run(two.state.description, fitted)
    assert images.name_of(back) == "r"
    assert "window" not in back["images"][0]
    assert images.names(back) == ["g", "r"]
    without = images.without_first(images.switched(two.state.description, "r"))
    assert images.names(images.with_run(without, fitted)) == ["g", "r"], "an image taken out comes back"
    renamed = {**fitted, "images": [{**fitted["images"][0], "name": "before"}]}
    assert images.names(images.with_run(two.state.description, renamed)) == ["g", "r"], "known by its file"


def test_a_project_of_one_image_is_what_it_was(
    session: Session, tmp_path: Path, rng: np.random.Generator
) -> None:
    send(session, tmp_path, rng, ("image", "only.fits"))
    assert images.WAITING not in session.state.description
    assert images.names(session.state.description) == ["only"]
    assert images.without_first(session.state.description)["images"] == []


def test_names_are_unique_and_unknown_ones_refused(two: Session) -> None:
    third = images.with_image(two.state.description, "file:23456789bcdf[0]", "g")
    assert images.names(third) == ["g", "g 2", "r"]
    with pytest.raises(engine.DescriptionError, match="no image 'x'"):
        images.switched(two.state.description, "x")
    with pytest.raises(engine.DescriptionError, match="called 'r' already"):
        images.together({"images": [{"name": "r"}]}, images.waiting(two.state.description))


@pytest.mark.parametrize(
    ("name", "stem"),
    [("r.fits", "r"), ("r.fits.gz", "r"), ("m31_r.FIT", "m31_r"), (".fits", ".fits"), ("v1.2.fz", "v1.2")],
)
def test_an_image_is_called_as_its_file(name: str, stem: str) -> None:
    assert file_stem(name) == stem
