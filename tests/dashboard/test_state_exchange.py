"""Fit descriptions as text: out, back in, and every way in which a pasted text could reach what it must not."""

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
from dashboard.state.exchange import from_text, paste, to_text
from dashboard.state.session import Session
from dashboard.store import Project, Store, file_reference


def run(action: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(action)


@pytest.fixture
def session(store: Store, project: Project, tmp_path: Path, rng: np.random.Generator) -> Session:
    path = tmp_path / "galaxy.fits"
    y, x = np.mgrid[:30, :40]
    fits.PrimaryHDU(10 + 200 * np.exp(-np.hypot(x - 22, y - 13) / 3) + rng.normal(size=x.shape)).writeto(path)
    file = store.add_file(project.id, "image", "galaxy.fits", path)
    store.update_project(
        project.id,
        description={
            "residua": 1,
            "images": [{"name": "r", "data": file_reference(file, 0), "variance": 1.0, "zero_point": 25.0}],
            "components": [
                {"name": "sky", "model": "flat sky"},
                {
                    "name": "disk",
                    "model": "sersic",
                    "parameters": {"center": [22, 13], "n": {"value": 1, "fixed": True}},
                },
            ],
        },
    )
    session = Session(Services(store, None, Settings()), project.id)  # type: ignore[arg-type]
    run(session.open())
    return session


def text_of(session: Session) -> str:
    return to_text(session.state.description, session.store.files(session.project_id))


def test_what_is_copied_pastes_back_to_the_same(session: Session) -> None:
    text = text_of(session)
    assert text.startswith("# file:")
    assert "is galaxy.fits\n" in text.splitlines(keepends=True)[0]
    before = session.state.description
    assert run(paste(session, text))
    assert session.state.description == before
    assert not session.state.history.past, "nothing changed, so there is nothing to undo"


def test_a_number_is_edited_pasted_and_undone(session: Session, store: Store) -> None:
    before = session.state.description
    changed = text_of(session).replace("zero_point: 25.0", "zero_point: 22.5")
    assert run(paste(session, changed))
    assert session.state.opened.image.zero_point == 22.5
    assert store.project(session.project_id).description["images"][0]["zero_point"] == 22.5
    run(session.undo())
    assert session.state.description == before


def test_files_go_by_their_names_too(session: Session) -> None:
    reference = session.state.description["images"][0]["data"]
    for name in ("galaxy.fits", "galaxy.fits[0]"):
        assert run(paste(session, text_of(session).replace(f"data: {reference}", f"data: {name}"))), (
            session.state.refused
        )
    assert session.state.opened.problem is not None


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../../residua.db",
        "galaxy.fits/../../x",
        "http://example.org/galaxy.fits",
        "file:///etc/passwd",
        "file:../x",
        "file:23456789bcdf",
        "~/galaxy.fits",
        "[1, 2]",
        "{path: /etc/passwd}",
        "true",
        "7",
    ],
)
@pytest.mark.parametrize("key", ["data", "mask", "psf", "sigma"])
def test_a_pasted_text_never_names_a_path(session: Session, path: str, key: str) -> None:
    before = session.state.description
    entry = {"data": "galaxy.fits", key: path}
    lines = "".join(f"    {name}: {value}\n" for name, value in entry.items())
    text = f"residua: 1\nimages:\n  - name: r\n{lines}components:\n  - model: sersic\n"
    if (key, path) == ("sigma", "7"):
        assert run(paste(session, text)), "a noise may be a number"
        return
    assert not run(paste(session, text))
    assert "not a file of this project" in session.state.refused
    assert key in session.state.refused
    assert session.state.description == before


def test_a_file_of_another_project_is_refused(session: Session, store: Store, tmp_path: Path) -> None:
    other = store.create_project("other")
    file = store.add_file(other.id, "image", "secret.fits", tmp_path / "galaxy.fits")
    for name in (file_reference(file, 0), "secret.fits"):
        text = f"residua: 1\nimages: [{{data: '{name}'}}]\ncomponents: [{{model: sersic}}]"
        assert not run(paste(session, text))
        assert "not a file of this project" in session.state.refused


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("!!python/object/apply:os.system ['touch /tmp/x']", "not valid YAML"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "anchors or aliases"),
        ("residua: 1\nimages: [", "not valid YAML or JSON near line 2"),
        ("[" * 5000, "not valid YAML|neither text"),
        ("just words", "a mapping with the keys"),
        ("", "a mapping with the keys"),
        ("residua: 2", "residua: 1"),
        ("residua: 1\nimage: []", "Did you mean images"),
        ("residua: 1\nimages: []", "one image is fitted at a time"),
        ("residua: 1\nimages: [{data: a}, {data: b}]", "one image is fitted at a time"),
        ("residua: 1\nimages: [{data: galaxy.fits, gian: 2}]", "Did you mean gain"),
        ("residua: 1\nimages: [{data: galaxy.fits, base: /}]", "'base' does not belong"),
        ("residua: 1\nimages: [{name: r}]", "needs 'data:'"),
        ("residua: 1\nimages: [{data: galaxy.fits}]\nseed: 2020-01-01", "such as a date"),
        ("residua: 1\nimages: [{data: galaxy.fits, zero_point: .nan}]", "finite number"),
        ("residua: 1\nimages: [{data: galaxy.fits}]\ncomponents: 3", "components must be a list"),
        ("residua: 1\nimages: [{data: galaxy.fits}]\ncomponents: [{model: sersicc}]", "Did you mean sersic"),
        (
            "residua: 1\nimages: [{data: galaxy.fits}]\n"
            "components: [{model: sersic, parameters: {n: {link: '__import__(1)'}}}]",
            "link",
        ),
        ("x" * 200_001, "longer than"),
    ],
)
def test_a_text_that_cannot_be_used_says_why_and_nothing_is_lost(
    session: Session, text: str, sentence: str
) -> None:
    before = session.state.description
    assert not run(paste(session, text))
    assert any(part in session.state.refused for part in sentence.split("|")), session.state.refused
    assert session.state.description == before


def test_two_files_of_one_name_must_be_told_apart(session: Session, store: Store, tmp_path: Path) -> None:
    store.add_file(session.project_id, "image", "galaxy.fits", tmp_path / "galaxy.fits")
    with pytest.raises(engine.DescriptionError, match="2 files of this project have that name"):
        from_text("residua: 1\nimages: [{data: galaxy.fits}]", store.files(session.project_id))
