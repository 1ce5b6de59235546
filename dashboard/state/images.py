"""The images of a project: a description may list several, and the first one is worked on. Pure functions.

The engine fits one image at a time. The other entries wait behind the first, each with its own noise, mask and PSF;
one whose pixels do not match keeps its own scene under ``components``, which is taken out when it comes to the front.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

Description = Mapping[str, Any]


def entries(description: Description) -> list[dict[str, Any]]:
    """The image entries, the one that is worked on first."""
    return list(description.get("images") or [])


def of_first(description: Description) -> dict[str, Any]:
    """The description with only the image that is worked on: what the engine is given."""
    return {**description, "images": entries(description)[:1]}


def with_first(description: Description, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The description with ``entry`` at the front, in place of the one of its name; the scene stays."""
    others = [one for one in entries(description) if one.get("name") != entry.get("name")]
    return {**description, "images": [copy.deepcopy(dict(entry)), *others]}
