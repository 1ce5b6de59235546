"""The drawn mask without a browser: files of the project, undo, reload, uploaded masks below, regions in and out."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

import engine
from dashboard.figures.mask import MAX_RECTANGLES, mask_columns, rectangles
from dashboard.services import Services
from dashboard.settings import Settings
from dashboard.state.files import file_rows
from dashboard.state.masking import Masking
from dashboard.state.session import Session
from dashboard.store import Project, Store, file_reference
from dashboard.store.files import FULL_DISK
from dashboard.store.references import DRAWN_MASK
from tests.dashboard.test_store import without_room

SHAPE = (40, 60)
SCENE = [
    {"name": "sky", "model": "flat sky", "parameters": {"intensity": 10.0}},
    {"name": "galaxy", "model": "sersic", "parameters": {"center": [33, 21]}},
]


def run(action: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(action)


def upload(store: Store, project: Project, role: str, values: np.ndarray, folder: Path) -> dict[str, Any]:
    path = folder / f"{role}.fits"
    fits.PrimaryHDU(values).writeto(path)
    file = store.add_file(project.id, role, path.name, path)
    return {"file": {"id": file.id, "role": role, "reference": file_reference(file, 0)}}


def opened(store: Store, project: Project) -> tuple[Session, Masking]:
    session = Session(Services(store, None, Settings()), project.id)  # type: ignore[arg-type]
    run(session.open())
    masking = Masking(session)
    run(masking.read())
    return session, masking


@pytest.fixture
def bench(
    store: Store, project: Project, tmp_path: Path, rng: np.random.Generator
) -> tuple[Session, Masking]:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    data = 10 + 200 * np.exp(-np.hypot(x - 33, y - 21) / 3) + rng.normal(size=SHAPE)
    answer = upload(store, project, "image", data, tmp_path)
    store.update_project(
        project.id,
        description={
            "residua": 1,
            "images": [{"name": "r", "data": answer["file"]["reference"]}],
            "components": SCENE,
        },
    )
    return opened(store, project)


def used(session: Session) -> np.ndarray:
    assert session.state.opened.image is not None
    return ~session.state.opened.image.mask


def test_a_drawn_box_takes_its_pixels_out_of_the_fit(bench: tuple[Session, Masking]) -> None:
    session, masking = bench
    before = session.state.opened.problem.dof
    assert run(masking.draw("box", [10, 5, 6, 4, 0], True))
    ignored = np.zeros(SHAPE, dtype=bool)
    ignored[3:8, 7:14] = True
    np.testing.assert_array_equal(used(session), ~ignored)
    assert session.state.opened.problem.dof == before - 35
    result = engine.fit(session.state.opened.problem, "lm", max_steps=2)
    assert result.dof == before - 35


def test_undo_and_redo_go_from_mask_to_mask(bench: tuple[Session, Masking]) -> None:
    session, masking = bench
    run(masking.draw("box", [10, 5, 6, 4, 0], True))
    one = used(session)
    run(masking.draw("circle", [45, 30, 5], True))
    run(masking.draw("polygon", [43, 28, 47, 28, 45, 33], False))
    three = used(session)
    assert used(session)[29, 45]
    run(session.undo())
    run(session.undo())
    run(masking.read())
    np.testing.assert_array_equal(used(session), one)
    assert [shape.kind for shape in masking.shapes] == ["box"]
    run(session.redo())
    run(session.redo())
    np.testing.assert_array_equal(used(session), three)
    run(session.undo())
    run(masking.draw("circle", [2, 2, 1.1], True))
    assert [shape.kind for shape in masking.shapes] == ["box", "circle", "circle"], "drawn over what is seen"


def test_a_reload_finds_the_shapes_and_one_file_in_the_list(
    bench: tuple[Session, Masking], store: Store, project: Project
) -> None:
    session, masking = bench
    run(masking.draw("ellipse", [20, 12, 8, 3, 30], True))
    run(masking.draw("box", [50, 30, 3, 9, 0], True))
    again, later = opened(store, project)
    assert later.shapes == masking.shapes
    np.testing.assert_array_equal(used(again), used(session))
    rows = file_rows(store.files(project.id), again.state.description, again.contents)
    assert [row["name"] for row in rows] == ["image.fits", DRAWN_MASK]
    assert len(store.files(project.id)) == 3, "the mask before is there for undo and for runs"


def test_an_uploaded_mask_stays_below_the_shapes(
    bench: tuple[Session, Masking], store: Store, project: Project, tmp_path: Path
) -> None:
    session, masking = bench
    bad = np.zeros(SHAPE)
    bad[4, 50] = bad[33, 2] = 1
    run(masking.draw("box", [10, 5, 6, 4, 0], True))
    shapes = masking.shapes
    answer = upload(store, project, "mask", bad, tmp_path)
    run(session.files_arrived([answer]))
    run(masking.carry_over(shapes))
    assert masking.shapes == shapes
    expected = bad.astype(bool)
    expected[3:8, 7:14] = True
    np.testing.assert_array_equal(used(session), ~expected)

    run(masking.invert())
    np.testing.assert_array_equal(used(session), ~bad.astype(bool) & (expected & ~bad.astype(bool)))
    run(masking.clear())
    assert masking.shapes == ()
    assert session.state.description["images"][0]["mask"] == answer["file"]["reference"]
    np.testing.assert_array_equal(used(session), bad == 0)
    run(session.undo())
    assert session.state.refused == ""


def test_a_mask_whose_zeros_are_bad_goes_below_and_comes_back(
    bench: tuple[Session, Masking], store: Store, project: Project, tmp_path: Path
) -> None:
    session, masking = bench
    good = np.ones(SHAPE)
    good[4, 50] = 0
    answer = upload(store, project, "mask", good, tmp_path)

    def with_mask(description: Any) -> Any:
        entry = {**description["images"][0], "mask": answer["file"]["reference"], "invert_mask": True}
        return {**description, "images": [entry]}

    assert run(session.change(with_mask))
    run(masking.draw("circle", [5, 5, 1], True))
    assert (~used(session)).sum() == 6
    assert "invert_mask" not in session.state.description["images"][0]
    run(masking.clear())
    assert session.state.description["images"][0]["invert_mask"] is True
    assert (~used(session)).sum() == 1


def test_clearing_without_an_uploaded_mask_leaves_none(bench: tuple[Session, Masking]) -> None:
    session, masking = bench
    run(masking.draw("box", [10, 5, 6, 4, 0], True))
    run(masking.clear())
    assert "mask" not in session.state.description["images"][0]
    assert used(session).all()


def test_regions_come_in_as_text_and_go_out_to_the_same_mask(bench: tuple[Session, Masking]) -> None:
    session, masking = bench
    left_out = run(masking.replace("# made by hand\nimage\ncircle(11,6,3)\n-box(11,6,2,2,0)\npoint(3,3)"))
    assert left_out == ["Left out, since it covers no pixels: point in line 5."]
    mask = used(session)
    text = masking.text
    run(masking.clear())
    assert run(masking.replace(text)) == []
    np.testing.assert_array_equal(used(session), mask)


@pytest.mark.parametrize(
    ("kind", "numbers", "sentence"),
    [
        ("circle", [30, 20, 500], "every pixel"),
        ("box", [1, 2, 3], "needs 5 or 7"),
        ("blob", [1, 2, 3], "no shape 'blob'"),
        ("circle", ["x", 2, 3], "cannot be read"),
        ("circle", [None, 2, 3], "cannot be read"),
    ],
)
def test_a_refused_shape_says_why_and_leaves_no_file(
    bench: tuple[Session, Masking],
    store: Store,
    project: Project,
    kind: str,
    numbers: list[Any],
    sentence: str,
) -> None:
    session, masking = bench
    before = session.state.description
    assert not run(masking.draw(kind, numbers, True))
    assert sentence in session.state.refused
    assert session.state.description == before
    assert len(store.files(project.id)) == 1


def test_a_refused_region_file_names_its_line(bench: tuple[Session, Masking]) -> None:
    session, masking = bench
    assert run(masking.replace('image\ncircle(3,4,5)\nfk5\ncircle(3,4,5")')) is None
    assert "Line 4" in session.state.refused
    assert "no celestial WCS" in session.state.refused
    assert masking.shapes == ()


def test_a_mask_that_leaves_too_little_is_refused_by_the_engine(
    bench: tuple[Session, Masking], store: Store, project: Project
) -> None:
    session, masking = bench
    assert run(masking.replace("box(30,20,100,100,0)\n-circle(3,3,1)")) is None
    assert "Too few pixels" in session.state.refused
    assert len(store.files(project.id)) == 1


def test_a_mask_over_the_quota_is_refused_and_leaves_nothing(
    bench: tuple[Session, Masking], store: Store, project: Project
) -> None:
    store.add_file(project.id, "image", "large.fits", b"x" * 1_000_000)
    session = Session(Services(store, None, Settings(quota_mb=1)), project.id)  # type: ignore[arg-type]
    run(session.open())
    masking = Masking(session)
    before = len(store.files(project.id))
    assert not run(masking.draw("box", [10, 5, 6, 4, 0], True))
    assert "one person may keep 1 MB (--quota-mb). Delete projects" in session.state.refused
    assert masking.shapes == ()
    assert len(store.files(project.id)) == before


def test_a_mask_on_a_full_disk_is_told_and_leaves_nothing(
    bench: tuple[Session, Masking], store: Store, project: Project
) -> None:
    session, masking = bench
    before = len(store.files(project.id))
    with without_room():
        assert not run(masking.draw("box", [10, 5, 6, 4, 0], True))
    assert session.state.refused == FULL_DISK
    assert masking.shapes == ()
    assert len(store.files(project.id)) == before


def test_shapes_count_in_the_full_image_when_there_is_a_window(bench: tuple[Session, Masking]) -> None:
    session, masking = bench
    run(session.set_number("window", "20, 50, 10, 35"))
    run(masking.draw("box", [25, 12, 2, 2, 0], True))
    ignored = np.argwhere(~used(session))
    assert ignored.min(axis=0).tolist() == [1, 4]
    assert ignored.max(axis=0).tolist() == [3, 6]


def test_rectangles_cover_the_mask_once(rng: np.random.Generator) -> None:
    mask = rng.random((31, 47)) < 0.3
    mask[4:20, 10:30] = True
    mask[8:10, 15:18] = False
    covered = np.zeros(mask.shape, dtype=int)
    for x0, x1, y0, y1 in rectangles(mask):
        covered[y0:y1, x0:x1] += 1
    np.testing.assert_array_equal(covered, mask)
    assert len(rectangles(np.zeros((3, 4), dtype=bool))) == 0
    assert rectangles(np.ones((3, 4), dtype=bool)).tolist() == [[0, 4, 0, 3]]
    columns = mask_columns(np.ones((3, 4), dtype=bool), (10, 20))
    assert [columns[key].tolist() for key in ("left", "right", "bottom", "top")] == [
        [9.5],
        [13.5],
        [19.5],
        [22.5],
    ]


def test_a_mask_of_dust_is_shown_in_blocks(rng: np.random.Generator) -> None:
    columns = mask_columns(rng.random((301, 203)) < 0.5)
    assert 0 < len(columns["left"]) <= MAX_RECTANGLES
    assert max(columns["right"]) <= 202.5
    assert max(columns["top"]) <= 300.5
