"""Edits of a fit description: pure functions from one description to the next. The engine judges the outcome."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping
from typing import Any

import engine

Description = Mapping[str, Any]

# What a new component is called, by its model; other models lend their own name.
NAMES = {"flat sky": "sky", "sersic": "galaxy", "exponential": "disk", "point source": "star"}
WHOLE_NUMBERS = ("psf_oversampling",)


def set_cell(description: Description, key: str, column: str, value: Any) -> dict[str, Any]:
    """The description after a cell of the parameter table was changed.

    ``column`` is "value", "lower", "upper" (``value`` is the text typed; empty opens a bound) or "free" (a bool).
    engine.ParameterError for text that is no number.
    """
    changed = copy.deepcopy(dict(description))
    component, _, parameter = key.partition(".")
    parameters = _component(changed, component).setdefault("parameters", {})
    entry = parameters.get(parameter)
    entry = dict(entry) if isinstance(entry, Mapping) else {} if entry is None else {"value": entry}
    if column == "free":
        entry.pop("fixed", None)
        if not value:
            entry["fixed"] = True
    elif column == "value":
        entry["value"] = number(value, key)
    elif column in ("lower", "upper"):
        bounds = list(entry.get("bounds") or (None, None))
        bounds[column == "upper"] = (
            None if str(value).strip() == "" else number(value, f"The {column} bound of {key}")
        )
        entry.pop("bounds", None)
        if bounds != [None, None]:
            entry["bounds"] = bounds
    else:
        raise engine.ParameterError(
            f"There is no column {column!r} to change. There are value, free, lower and upper."
        )
    parameters[parameter] = entry["value"] if entry.keys() == {"value"} else entry
    return changed


def with_component(
    description: Description, model: str, parameters: Mapping[str, Any], *, name: str = ""
) -> dict[str, Any]:
    """The description with one more component at the end, under ``name`` or one that is still free."""
    changed = copy.deepcopy(dict(description))
    free = name or free_name(changed, NAMES.get(model, model))
    components = changed.setdefault("components", [])
    components.append({"name": free, "model": model, "parameters": dict(parameters)})
    return changed


def free_name(description: Description, base: str) -> str:
    """``base``, with a number behind it where a component has that name."""
    taken = {component["name"] for component in description.get("components") or []}
    name, count = base, 2
    while name in taken:
        name, count = f"{base} {count}", count + 1
    return name


def renamed(description: Description, name: str, new: str) -> dict[str, Any]:
    """The description with a component under another name; links to it follow."""
    changed = copy.deepcopy(dict(description))
    _component(changed, name)["name"] = new
    for entry in _parameter_entries(changed):
        if "link" in entry:
            entry["link"] = _names_component(name).sub(f"{new}.", str(entry["link"]))
    return changed


def without_component(description: Description, name: str, values: Mapping[str, float]) -> dict[str, Any]:
    """The description without a component. Parameters that were linked to it keep their value, free.

    ``values`` has the present value of each parameter by key.
    """
    changed = copy.deepcopy(dict(description))
    changed["components"] = [one for one in changed.get("components") or [] if one["name"] != name]
    for component in changed["components"]:
        parameters = component.get("parameters") or {}
        for parameter, entry in parameters.items():
            if isinstance(entry, Mapping) and _names_component(name).search(str(entry.get("link", ""))):
                parameters[parameter] = values[f"{component['name']}.{parameter}"]
    return changed


def with_image_number(description: Description, key: str, text: str) -> dict[str, Any]:
    """The description with a number of its image changed (gain, zero_point, window ...); empty text takes it out."""
    changed = copy.deepcopy(dict(description))
    entry = changed["images"][0]
    if text.strip() == "":
        entry.pop(key, None)
    elif key == "window":
        entry[key] = window(text)
    elif key in WHOLE_NUMBERS:
        entry[key] = round(number(text, key))
    else:
        entry[key] = number(text, key)
    return changed


def window(text: str) -> list[int]:
    """The four numbers of a window, as typed: x0, x1, y0, y1."""
    parts = [part for part in re.split(r"[\s,;:\[\]()]+", text) if part]
    if len(parts) != 4 or not all(re.fullmatch(r"-?\d+", part) for part in parts):
        raise engine.DescriptionError(
            f"The window is {text[:40]!r}, but must be four whole numbers: x0, x1, y0, y1, such as 100, 228, 80, 208."
        )
    return [int(part) for part in parts]


def number(text: Any, what: str) -> float:
    """A finite number as typed; engine.ParameterError names what it was meant for."""
    try:
        value = float(str(text).strip())
    except ValueError:
        raise engine.ParameterError(f"{what} is {str(text)[:40]!r}, which is not a number.") from None
    if not math.isfinite(value):
        raise engine.ParameterError(f"{what} is {value}; give a finite number.")
    return value


def _component(description: Mapping[str, Any], name: str) -> dict[str, Any]:
    for component in description.get("components") or []:
        if component["name"] == name:
            return component
    raise engine.DescriptionError(f"There is no component {name!r} any more. Reload the page.")


def _parameter_entries(description: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every parameter entry that is a mapping."""
    return [
        entry
        for component in description.get("components") or []
        for entry in (component.get("parameters") or {}).values()
        if isinstance(entry, dict)
    ]


def _names_component(name: str) -> re.Pattern[str]:
    """Matches the component's name and the point after it inside a link."""
    return re.compile(rf"(?<![\w.]){re.escape(name)}\.")
