"""What the page that compares runs is put together from."""

from __future__ import annotations

from typing import Any

import param

from dashboard import ui
from dashboard.figures.palettes import IMAGE_PALETTES, RESIDUAL_PALETTES
from dashboard.views.component import Component, script, styles

KEYS = (
    ("r m d", "Residual, model, data"),
    ("t b s", "Side by side, blink, swipe"),
    ("← →", "Blink: image before, after; swipe: move the line"),
    ("+ −", "Zoom"),
    ("0", "Whole image"),
    ("?", "This help"),
)


class RunChoice(Component):
    """Messages: choose (``id``, ``on``), none, run_all (``draws``), cancel (``id``)."""

    changing = ".run-all button, .checks button"

    runs = param.List(
        [], doc="One dict a run: id, title, number, color, when, kind, word, chi2_dof, chosen, tags."
    )
    draws = param.List([], doc="Choices of draws a chain for Run all fitters.")
    can_run = param.Boolean(False, doc="Whether there is a project whose fitters can be run.")
    busy = param.Boolean(False, doc="Whether runs of the selection go on.")

    _esm = script("run_choice.js")
    _stylesheets = styles("run.css", "compare.css")


class Wall(Component):
    """The images of the runs, linked. Messages: pixel (``x``, ``y``), help. ``kind`` and ``mode`` change there too."""

    panels = param.List([], doc="One dict a run: id, label, color, word, link.")
    images = param.Dict({}, doc="Run id to its model and residual / sigma, flat float32 arrays, row 0 first.")
    data = param.Dict({}, doc="The data: array, shape, origin, block, limits; and the disagreement map.")
    kind = param.String("residual", doc="Which image of each run.")
    mode = param.String("tiles", doc="tiles, blink or swipe.")
    pixel = param.List([], doc="The pixel that is marked, or none.")
    palette = param.List(IMAGE_PALETTES["viridis"], doc="For data and model.")
    residual_palette = param.List(RESIDUAL_PALETTES["blue-red"], doc="For residuals.")
    map_palette = param.List(IMAGE_PALETTES["magma"], doc="For the disagreement.")
    query = param.String(None, allow_None=True, doc="What the address is to say, from its question mark on.")

    _esm = script("wall.js")
    _stylesheets = styles("compare.css")


class ValueTable(Component):
    """Values of all runs, and how far they differ. Messages: reference (``reference``)."""

    labels = param.List([], doc="(id, label, color) of each run.")
    rows = param.List([], doc="One dict a parameter; see dashboard.state.compare.table_rows.")
    reference = param.String("", doc="Id of the run that others are set against, or truth.")
    has_truth = param.Boolean(False, doc="Whether true values are known.")

    _esm = script("value_table.js")
    _stylesheets = styles("table.css", "run.css", "compare.css")


class AxisChoice(Component):
    """Messages: axis (``axis``)."""

    axes = param.List([], doc="(key, title) of each axis.")
    shown = param.String("seconds", doc="The one that is.")

    _esm = script("axis_choice.js")
    _stylesheets = styles("run.css", "compare.css")


def help_dialog() -> Any:
    """The list of shortcuts, and how the mouse works in the images."""
    lines = "".join(
        "<tr><td>" + " ".join(f"<kbd>{key}</kbd>" for key in keys.split()) + f"</td><td>{what}</td></tr>"
        for keys, what in KEYS
    )
    return ui.dialog(
        "Keyboard and mouse",
        ui.html(
            f'<table class="keys"><tbody>{lines}</tbody></table><p class="muted">In an image: drag to pan, wheel to '
            "zoom, double-click for the whole image; all of them move together. Click a pixel to see what makes the "
            "models differ there.</p>",
            width=440,
        ),
    )
