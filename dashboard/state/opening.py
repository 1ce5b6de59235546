"""Opening a stored description: references become paths, the engine judges, sentences name files as people do."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.exc import OperationalError

import engine
from dashboard.jobs.worker import with_names
from dashboard.state import images
from dashboard.state.image_cache import IMAGES
from dashboard.state.workbench import Opened
from dashboard.store import File, Store
from dashboard.store.references import resolve

IMAGE_KEYS = (
    "data",
    "sigma",
    "variance",
    "weight",
    "gain",
    "read_noise",
    "mask",
    "psf",
    "psf_oversampling",
    "zero_point",
    "window",
)


def opener(store: Store, project_id: str) -> Callable[[Mapping[str, Any]], Opened]:
    """The function a workbench opens its descriptions with. Safe to call on a thread.

    While the database does not answer, the files are those that it told last, so that a person can go on.
    """
    known: dict[str, File] = {}

    def open_description(description: Mapping[str, Any]) -> Opened:
        nonlocal known
        entries = description.get("images") or []
        if not entries or "data" not in entries[0]:
            return Opened()
        try:
            known = {file.id: file for file in store.files(project_id)}
        except OperationalError:
            if not known:
                raise
        resolved = resolve(images.of_first(description), known)
        names = {str(file.path): file.name for file in known.values()}
        try:
            opened = _open(resolved)
        except engine.EngineError as error:
            raise type(error)(with_names(str(error), names)) from error
        return Opened(
            opened.image, opened.problem, tuple(with_names(notice, names) for notice in opened.notices)
        )

    return open_description


def _open(resolved: Mapping[str, Any]) -> Opened:
    if resolved.get("components"):
        problem = engine.load(copy.deepcopy(dict(resolved)), device="cpu", read=IMAGES.read)
        return Opened(problem.image, problem, tuple(problem.notices))
    entry = resolved["images"][0]
    image = IMAGES.read(
        **{key: entry[key] for key in IMAGE_KEYS if key in entry}, name=entry.get("name", "image")
    )
    return Opened(image, None, tuple(image.notices))
