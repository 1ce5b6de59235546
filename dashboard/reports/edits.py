"""An edit as Python: the statements that lead one description to the next, and what to call it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pprint import pformat
from typing import Any

WIDTH = 96
START: dict[str, Any] = {"residua": 1, "images": [], "components": []}
_FILES = ("data", "sigma", "variance", "weight", "mask", "psf")


def statements(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Lines of Python that turn ``description``, as ``before``, into ``after``."""
    return list(_mapping("description", before, after))


def title(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What the edit was, in a few words."""
    words = []
    first, second = ((one.get("images") or [{}])[0] for one in (before, after))
    if "data" in second and first.get("data") != second["data"]:
        words.append("Image loaded")
    words += [
        f"{'Mask' if key == 'mask' else key.upper() if key == 'psf' else key.capitalize()} "
        f"{'set' if key in second else 'removed'}"
        for key in _FILES[1:]
        if first.get(key) != second.get(key)
    ]
    if not words and first != second:
        words.append("Image settings changed")
    old, new = ({one["name"]: one for one in each.get("components") or ()} for each in (before, after))
    added = [f"{new[name]['model']} '{name}' added" for name in new if name not in old]
    words += added if len(added) <= 2 else [f"{len(added)} components added"]
    words += [f"'{name}' removed" for name in old if name not in new]
    changed = [name for name in new if name in old and old[name] != new[name]]
    if changed and len(words) == 0:
        words.append(f"Parameters of {', '.join(changed)} changed")
    text = ", ".join(words) or "Description changed"
    return text[0].upper() + text[1:]


def _mapping(path: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for key in before:
        if key not in after:
            yield f"del {path}[{key!r}]"
    for key, value in after.items():
        place = f"{path}[{key!r}]"
        old = before.get(key)
        if key in before and old == value:
            continue
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            yield from _mapping(place, old, value)
        elif isinstance(value, list) and isinstance(old, list) and _entries(value) and _entries(old):
            yield from _list(place, old, value)
        else:
            yield _written(f"{place} = ", value)


def _written(before: str, value: Any, after: str = "") -> str:
    """A statement with a value in it, on several lines where it is long."""
    literal = pformat(value, width=max(WIDTH - len(before), WIDTH // 2), sort_dicts=False)
    return before + literal.replace("\n", "\n" + " " * len(before)) + after


def _entries(value: Sequence[Any]) -> bool:
    """Whether a list is one of images or components, not of numbers."""
    return all(isinstance(one, Mapping) for one in value)


def _list(path: str, before: list[Any], after: list[Any]) -> Iterator[str]:
    names = [[one.get("name") for one in each] for each in (before, after)]
    kept = [name for name in names[0] if name in names[1]]
    if None in names[0] or names[1][: len(kept)] != kept:  # reordered, or nothing to tell them apart by
        if len(before) == len(after) == 1:
            yield from _mapping(f"{path}[0]", before[0], after[0])
        else:
            yield _written(f"{path} = ", after)
        return
    for number in reversed(range(len(before))):
        if names[0][number] not in names[1]:
            yield f"del {path}[{number}]"
    left = [one for one in before if one.get("name") in names[1]]
    for number, (old, new) in enumerate(zip(left, after, strict=False)):
        yield from _mapping(f"{path}[{number}]", old, new)
    for new in after[len(left) :]:
        yield _written(f"{path}.append(", new, ")")
