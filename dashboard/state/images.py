"""The images of a project: a fit description is about one, and those of the others wait in it. Pure functions.

The engine fits one image at a time, so ``images`` always has one entry. A project of several keeps whole descriptions,
each with its own noise, mask, PSF, scene and fitters, under ``waiting``; :func:`switched` brings one to the front.
Being part of the description, all of it is saved, undone and backed up as one. An image goes by its unique name.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import engine
from dashboard.store import with_file

Description = Mapping[str, Any]
WAITING = "waiting"
NAME_LENGTH = 60


def waiting(description: Description) -> list[dict[str, Any]]:
    """The descriptions of the other images."""
    return list(description.get(WAITING) or [])


def of_first(description: Description) -> dict[str, Any]:
    """The description of the image that is worked on alone: what the engine is given."""
    return {key: value for key, value in description.items() if key != WAITING}


def name_of(description: Description) -> str:
    """What the image of a description is called; "" where there is none."""
    entries = description.get("images") or []
    return str(entries[0].get("name") or "image") if entries else ""


def names(description: Description) -> list[str]:
    """The names of all images, in alphabetical order."""
    found = [name_of(description), *map(name_of, waiting(description))]
    return sorted(filter(None, found), key=str.casefold)


def together(front: Description, others: list[dict[str, Any]]) -> dict[str, Any]:
    """The description of ``front`` with others behind it.

    engine.DescriptionError when two images have one name.
    """
    name = name_of(front)
    if name in map(name_of, others):
        raise engine.DescriptionError(
            f"Another image of this project is called {name[:NAME_LENGTH]!r} already. Give this one another name."
        )
    return {**of_first(front), **({WAITING: copy.deepcopy(others)} if others else {})}


def with_image(description: Description, reference: str, name: str) -> dict[str, Any]:
    """The description with one more image at the front, without a scene yet; the first one just takes its place."""
    entries = description.get("images") or []
    if not entries or "data" not in entries[0]:
        changed = with_file(description, "image", reference)
        changed["images"][0]["name"] = _free(name, waiting(description))
        return changed
    others = [of_first(description), *waiting(description)]
    entry = {"name": _free(name, others), "data": reference}
    return together({"residua": 1, "images": [entry], "components": []}, others)


def switched(description: Description, name: str) -> dict[str, Any]:
    """The description with this image at the front.

    engine.DescriptionError when there is none of this name.
    """
    if name == name_of(description):
        return dict(description)
    others = waiting(description)
    front = _named(others, name)
    kept = [one for one in others if one is not front]
    if name_of(description):
        kept.append(of_first(description))
    return together(front, kept)


def without_first(description: Description) -> dict[str, Any]:
    """The description without the image that is worked on; the next one takes its place."""
    others = waiting(description)
    if not others:
        return {"residua": 1, "images": [], "components": []}
    return together(others[0], others[1:])


def with_scene_of(description: Description, name: str) -> dict[str, Any]:
    """The description with a copy of another image's components in place of its own."""
    other = _named(waiting(description), name)
    return {**description, "components": copy.deepcopy(list(other.get("components") or []))}


def same(one: Description, other: Description) -> bool:
    """Whether two descriptions are about the same image of a project."""
    return name_of(one) == name_of(other)


def with_run(description: Description, fitted: Description) -> dict[str, Any]:
    """The description with the image of a run at the front, as its run saw it; the scene of that image stays.

    An image that was taken out of the project since then comes back.
    """
    entry = (fitted.get("images") or [{}])[0]
    everything = [of_first(description), *waiting(description)]
    found = next((one for one in everything if same(one, fitted)), None) or next(
        (one for one in everything if _data(one) == entry.get("data")), None
    )
    if found is None:
        others = [one for one in everything if name_of(one)]
        return together({**of_first(fitted), "components": []}, others)
    changed = switched(description, name_of(found))
    return {**changed, "images": [{**copy.deepcopy(dict(entry)), "name": name_of(found)}]}


def used_by_others(description: Description, file_id: str) -> str:
    """Name of a waiting image that uses a file; "" when none does."""
    for one in waiting(description):
        values = (one.get("images") or [{}])[0].values()
        if any(isinstance(value, str) and value.startswith(f"file:{file_id}") for value in values):
            return name_of(one)
    return ""


def _data(description: Description) -> Any:
    return (description.get("images") or [{}])[0].get("data")


def _named(descriptions: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for one in descriptions:
        if name_of(one) == name:
            return one
    raise engine.DescriptionError(f"There is no image {name[:NAME_LENGTH]!r} in this project any more.")


def _free(name: str, others: list[dict[str, Any]]) -> str:
    """The name, with a number behind it when another image has it."""
    taken = set(map(name_of, others))
    base = name.strip()[:NAME_LENGTH] or "image"
    found, count = base, 2
    while found in taken:
        found, count = f"{base} {count}", count + 1
    return found
