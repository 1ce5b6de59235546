"""How a stored fit description names its files: `file:<id>` or `file:<id>[extension]`.

A description in the database never holds a path, so a data folder can be moved and a client cannot ask for a
file that is not the project's. `resolve` turns the references into paths just before the engine reads them.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

from dashboard.store.errors import StoreError
from dashboard.store.names import is_id
from dashboard.store.records import File

# The role of a file, and the key of a description's image entry that refers to it.
ROLES: dict[str, str] = {
    "image": "data",
    "sigma": "sigma",
    "variance": "variance",
    "weight": "weight",
    "mask": "mask",
    "psf": "psf",
}
# What the files of drawn masks are called. Each stroke makes one: lists show only the one that is used.
DRAWN_MASK = "drawn mask.fits.gz"
_NOISE = ("sigma", "variance", "weight")
_REFERENCE = re.compile(r"file:(?P<id>[a-z0-9]+)(?P<extension>\[[^\[\]/]{1,80}\])?")


def file_reference(file: File | str, extension: str | int | None = None) -> str:
    """What a description says for this file: "file:bcd234fgh567[1]"."""
    identifier = file if isinstance(file, str) else file.id
    return f"file:{identifier}" + ("" if extension is None else f"[{extension}]")


def referenced(text: str) -> tuple[str, str] | None:
    """The (file id, "[extension]" or "") of a reference, or None when the text is not one."""
    match = _REFERENCE.fullmatch(text)
    if match is None or not is_id(match["id"]):
        return None
    return match["id"], match["extension"] or ""


def with_file(
    description: Mapping[str, Any] | None, role: str, reference: str | None, *, image: int = 0
) -> dict[str, Any]:
    """A copy of the description whose image entry uses this file for this role; None takes the role out.

    A noise image replaces the other kinds of noise, since a description may hold only one.
    """
    if role not in ROLES:
        raise StoreError(f"A file cannot have the role {role!r}. Known are: {', '.join(ROLES)}.")
    changed: dict[str, Any] = copy.deepcopy(dict(description or {}))
    changed.setdefault("residua", 1)
    images = changed.setdefault("images", [])
    while len(images) <= image:
        images.append({"name": "image" if not images else f"image {len(images) + 1}"})
    entry = images[image]
    if reference is None:
        entry.pop(ROLES[role], None)
        return changed
    if role in _NOISE:
        for other in (*_NOISE, "gain", "read_noise"):
            entry.pop(other, None)
    entry[ROLES[role]] = reference
    return changed


def map_references(description: Mapping[str, Any], replace: Callable[[str, str, str], Any]) -> dict[str, Any]:
    """A copy of the description with `replace(role key, file id, "[extension]")` for each reference.

    StoreError for a file entry that is a path instead of a reference: paths come from strangers.
    """
    changed: dict[str, Any] = copy.deepcopy(dict(description))
    images = changed.get("images")
    for entry in images if isinstance(images, list) else []:
        if not isinstance(entry, dict):
            continue
        for key in ROLES.values():
            value = entry.get(key)
            if not isinstance(value, str):
                continue
            found = referenced(value)
            if found is None:
                raise StoreError(
                    f"The image's {key} is {value!r}, which is not a file of this project. "
                    "Upload the file first."
                )
            entry[key] = replace(key, *found)
    return changed


def resolve(description: Mapping[str, Any], files: Mapping[str, File]) -> dict[str, Any]:
    """A copy of the description with the paths of these files (by id) in place of the references."""

    def path_of(key: str, identifier: str, extension: str) -> str:
        if identifier not in files:
            raise StoreError(
                f"The image's {key} is a file that was deleted. Upload it again or choose another."
            )
        return f"{files[identifier].path}{extension}"

    return map_references(description, path_of)
