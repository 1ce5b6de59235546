"""Scenes that are put down with one click: components with their links, started from the data at that place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import engine
from dashboard.state import edits

Start = Callable[[str], Mapping[str, Any]]
Parts = list[tuple[str, str, dict[str, Any]]]

# A bulge starts with this part of the disk's half-light radius and this index, between a disk's and a spheroid's.
BULGE_SIZE = 0.35
BULGE_INDEX = 2.0


@dataclass(frozen=True)
class Preset:
    """A small scene.

    Attributes:
        key: Names it in messages.
        title: What a person reads.
        summary: One sentence on it.
        parts: From the start values of a model at the click, (name, model, parameters) of each component; what a
            parameter leaves out, the engine starts from the data.
    """

    key: str
    title: str
    summary: str
    parts: Callable[[Start], Parts]


def _one_sersic(start: Start) -> Parts:
    return [("galaxy", "sersic", dict(start("sersic")))]


def _bulge_and_disk(start: Start) -> Parts:
    disk = {name: value for name, value in start("exponential").items() if not name.startswith("intensity")}
    bulge = {
        **_linked_center("disk"),
        "axis_ratio": min(1.0, 0.5 + disk["axis_ratio"] / 2),
        "position_angle": disk["position_angle"],
        "n": BULGE_INDEX,
        "radius_e": BULGE_SIZE * disk["radius_e"],
    }
    return [("disk", "exponential", disk), ("bulge", "sersic", bulge)]


def _star_and_sersic(start: Start) -> Parts:
    galaxy = {name: value for name, value in start("sersic").items() if not name.startswith("intensity")}
    return [("galaxy", "sersic", galaxy), ("nucleus", "point source", _linked_center("galaxy"))]


def _linked_center(name: str) -> dict[str, Any]:
    return {"center": {"link": f"{name}.center"}}


PRESETS = {
    preset.key: preset
    for preset in (
        Preset("preset one sersic", "Sersic on a sky", "One galaxy and a flat sky.", _one_sersic),
        Preset(
            "preset bulge disk",
            "Bulge + disk",
            "An exponential disk and a Sersic bulge at the same center, on a flat sky.",
            _bulge_and_disk,
        ),
        Preset(
            "preset nucleus",
            "Point source + Sersic",
            "A galaxy with an unresolved nucleus at its center, on a flat sky. Needs a PSF.",
            _star_and_sersic,
        ),
    )
}


def added(
    description: Mapping[str, Any], preset: Preset, image: engine.Image, x: float, y: float
) -> dict[str, Any]:
    """The description with the preset's components at (x, y), pixels of the full image, and a sky if it has none.

    engine.EngineError where a component cannot start there.
    """
    parts = preset.parts(lambda model: engine.start_values(image, model, x, y))
    changed = dict(description)
    skies = ("flat sky", "plane sky")
    if not any(one["model"] in skies for one in changed.get("components") or []):
        changed = edits.with_component(changed, "flat sky", {})
    names: dict[str, str] = {}
    for wanted, model, parameters in parts:
        names[wanted] = edits.free_name(changed, wanted)
        entries = {key: _renamed_link(entry, names) for key, entry in parameters.items()}
        changed = edits.with_component(changed, model, entries, name=names[wanted])
    return changed


def _renamed_link(entry: Any, names: Mapping[str, str]) -> Any:
    """A link to another part of the preset follows the name that this part was given."""
    if not isinstance(entry, Mapping):
        return entry
    component, _, parameter = str(entry["link"]).partition(".")
    return {"link": f"{names[component]}.{parameter}"}
