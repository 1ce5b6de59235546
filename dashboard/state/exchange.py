"""The fit description as text to copy, and a pasted text as a description. The engine judges what it says.

A text names files as the project does (``file:`` and an id) or by the name a person sees. Anything else, a path above
all, is refused here: what a stranger pastes never reaches the file system.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

import engine
from dashboard.state import images
from dashboard.state.session import Session
from dashboard.store import ROLES, File, file_reference
from dashboard.store.references import referenced
from engine.description import IMAGE_KEYS, TOP_KEYS, check_keys

MAX_LETTERS = 200_000
_NUMBERS_TOO = ("sigma", "variance", "weight")
Description = dict[str, Any]


class _Dumper(yaml.SafeDumper):
    """Lists of plain values on one line, such as a center; everything else in blocks."""


def _list(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
    flat = not any(isinstance(value, list | dict) for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=flat)


_Dumper.add_representer(list, _list)


def to_text(description: Mapping[str, Any], files: Iterable[File]) -> str:
    """The description as YAML, without the images that wait; its first lines say which file is which."""
    plain = json.loads(json.dumps(images.of_first(description)))
    used = {found[0] for entry in plain.get("images") or [] for found in _references(entry)}
    lines = [f"# {file_reference(file)} is {file.name}\n" for file in files if file.id in used]
    return "".join(lines) + yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def from_text(text: str, files: Iterable[File]) -> Description:
    """The description that a text states, its files as references to these.

    engine.DescriptionError for a text that is none, or that names a file which is not the project's.
    """
    content = _plain(_parsed(text))
    if not isinstance(content, dict):
        raise engine.DescriptionError(
            "A fit description is a mapping with the keys residua, images and components."
        )
    check_keys(content, TOP_KEYS, "the fit description")
    if content.get("residua") != 1:
        raise engine.DescriptionError("The first line of a fit description is 'residua: 1', its version.")
    entries = content.get("images")
    if not isinstance(entries, list) or len(entries) != 1 or not isinstance(entries[0], dict):
        raise engine.DescriptionError(
            "images must be a list with one entry, such as '- data: galaxy.fits': one image is fitted at a time."
        )
    entry = entries[0]
    check_keys(entry, IMAGE_KEYS, "an image")
    known = list(files)
    for key in ROLES.values():
        if entry.get(key) is None:
            entry.pop(key, None)
        elif not (key in _NUMBERS_TOO and _is_number(entry[key])):
            entry[key] = _reference(key, entry[key], known)
    if "data" not in entry:
        raise engine.DescriptionError("An image needs 'data:', a file of this project.")
    content["components"] = _components(content.get("components"))
    return content


async def paste(session: Session, text: str) -> bool:
    """Make a pasted text the description of the image that is worked on, as one edit that can be undone."""
    store, project = session.store, session.project_id
    try:
        pasted = await asyncio.to_thread(lambda: from_text(text, store.files(project)))
    except engine.DescriptionError as error:
        session.state.refused = str(error)
        return False
    return await session.change(lambda description: images.together(pasted, images.waiting(description)))


def _parsed(text: str) -> Any:
    if len(text) > MAX_LETTERS:
        raise engine.DescriptionError(f"The text is longer than {MAX_LETTERS} letters, which is the limit.")
    try:
        # References within YAML can make a few lines unfold to gigabytes, and no fit description needs them.
        if any(isinstance(token, yaml.AnchorToken | yaml.AliasToken) for token in yaml.scan(text)):
            raise engine.DescriptionError(
                "The text has anchors or aliases of YAML (& and *), which a fit description may not have. Write it out."
            )
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, engine.DescriptionError):
            raise
        mark = getattr(error, "problem_mark", None)
        where = f" near line {mark.line + 1}" if mark is not None else ""
        raise engine.DescriptionError(
            f"This is not valid YAML or JSON{where}. Check colons, dashes and indents."
        ) from error


def _plain(content: Any) -> Any:
    """The content with nothing in it but texts, finite numbers, lists and mappings."""
    try:
        return json.loads(json.dumps(content, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise engine.DescriptionError(
            "The text has a value that is neither text, finite number, list nor mapping, such as a date or .nan. "
            "Put texts in quotes."
        ) from error


def _components(components: Any) -> list[Any]:
    """The components, each with its name, as the rest of the workbench counts on."""
    if components is None:
        return []
    if not isinstance(components, list) or not all(isinstance(one, dict) for one in components):
        raise engine.DescriptionError("components must be a list of mappings, such as '- model: sersic'.")
    return components


def _reference(key: str, value: Any, files: list[File]) -> str:
    shown = str(value)[:80]
    if isinstance(value, str):
        found = referenced(value)
        if found is not None and found[0] in {file.id for file in files}:
            return value
        name, bracket, extension = value.partition("[")
        named = [file for file in files if file.name == name.strip()]
        if len(named) == 1:
            reference = file_reference(named[0]) + bracket + extension
            if referenced(reference) is not None:
                return reference
        if len(named) > 1:
            raise engine.DescriptionError(
                f"{key} is {shown!r}, and {len(named)} files of this project have that name. Write file: and its id."
            )
    raise engine.DescriptionError(
        f"{key} is {shown!r}, which is not a file of this project. Upload the file, and name it as it is called there."
    )


def _references(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    values = [entry.get(key) for key in ROLES.values()]
    return [found for value in values if isinstance(value, str) and (found := referenced(value)) is not None]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
