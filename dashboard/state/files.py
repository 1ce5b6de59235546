"""The files of a project as the image list shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dashboard.state import images
from dashboard.store import ROLES, File
from dashboard.store.references import DRAWN_MASK, referenced
from engine.images import ExtensionInfo, FitsContents

_KEY_ROLES = {key: role for role, key in ROLES.items()}
SETTINGS = (
    ("gain", "Gain", "Electrons per unit of the image, for noise from the counts. Needs no sigma image."),
    ("read_noise", "Read noise", "Noise of the empty detector, electrons."),
    ("zero_point", "Zero point", "Magnitude of one unit of flux."),
    ("psf_oversampling", "PSF oversampling", "Pixels of the PSF image across one image pixel."),
    ("window", "Window", "Part to fit: x0, x1, y0, y1 in pixels, upper ends not included. Empty for all."),
)


def roles_of(description: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """File id to its uses by the description's first image: (role, "[extension]" or "")."""
    found: dict[str, list[tuple[str, str]]] = {}
    for entry in (description.get("images") or [])[:1]:
        for key, role in _KEY_ROLES.items():
            reference = referenced(entry[key]) if isinstance(entry.get(key), str) else None
            if reference is not None:
                found.setdefault(reference[0], []).append((role, reference[1]))
    return found


def file_rows(
    files: Iterable[File], description: Mapping[str, Any], contents: Mapping[str, FitsContents]
) -> list[dict[str, Any]]:
    """One dict for each use of a file, and one for each file that is not used.

    ``contents`` is by file id; a file that cannot be looked into is missing there.
    """
    used = roles_of(description)
    rows = []
    for file in files:
        if file.id not in used and (file.name == DRAWN_MASK or images.used_by_others(description, file.id)):
            continue
        inside = contents.get(file.id)
        inner = [one for one in inside.extensions if one.kind == "image"] if inside else []
        default = inside.default_index if inside else None
        for role, extension in used.get(file.id, [("", "")]):
            chosen = extension.strip("[]") or ("" if default is None else str(default))
            rows.append(
                {
                    "id": file.id,
                    "name": file.name,
                    "role": role,
                    "sent_as": file.role,
                    "extension": _index_of(inner, chosen),
                    "extensions": [[str(one.index), _title(one)] for one in inner],
                    "note": _shape(inner[0]) if len(inner) == 1 else "",
                }
            )
    return rows


def setting_rows(description: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The numbers of the first image, for the image list; empty without an image."""
    entries = description.get("images") or []
    if not entries or "data" not in entries[0]:
        return []
    entry = entries[0]
    rows = []
    for key, label, help_text in SETTINGS:
        value = entry.get(key)
        text = (
            ", ".join(str(v) for v in value)
            if isinstance(value, list | tuple)
            else ""
            if value is None
            else f"{value:g}"
        )
        placeholder = "x0, x1, y0, y1" if key == "window" else ""
        rows.append(
            {"key": key, "label": label, "help": help_text, "value": text, "placeholder": placeholder}
        )
    return rows


def _index_of(images: Iterable[ExtensionInfo], chosen: str) -> str:
    """The extension's index as text, when it was chosen by name."""
    for one in images:
        names = {str(one.index), one.name, f"{one.name},{one.version}"}
        if chosen in names:
            return str(one.index)
    return chosen


def _shape(one: ExtensionInfo) -> str:
    return " × ".join(str(side) for side in reversed(one.shape or ()))


def _title(one: ExtensionInfo) -> str:
    return f"{one.index} {one.name}".strip() + (f" ({_shape(one)})" if one.shape else "")
