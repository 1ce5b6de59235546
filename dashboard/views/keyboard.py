"""Keyboard shortcuts of the workbench."""

from __future__ import annotations

from typing import Any

from dashboard import ui
from dashboard.views.component import Component, script

SHORTCUTS = (
    ("f", "Fit"),
    ("Esc", "Stop the fits and keep their best values, or stop adding a component"),
    ("z", "Undo"),
    ("Shift z", "Redo"),
    ("← → ↑ ↓", "Move the selected component by a pixel; with Shift by a tenth"),
    ("s", "Snap the selected component to its optimum, the others held"),
    ("1 2 3", "Data, model or residual/σ alone; again for all chosen"),
    ("4 5 6 7", "Residual, σ, mask or PSF alone; again for all chosen"),
    ("p", "Profiles in place of the table"),
    ("b", "Blink between data and model"),
    ("0", "Whole image"),
    ("+ −", "Zoom"),
    ("c", "Crosshair"),
    ("m", "Mask by box, ellipse or polygon, in turn; Esc ends"),
    ("?", "This help"),
)


class Keyboard(Component):
    """Messages: key (fit, escape, undo, redo, snap, nudge with ``dx`` and ``dy``, help).

    The viewer's own keys never leave the browser.
    """

    _esm = script("keyboard.js")


def help_dialog() -> Any:
    """The list of shortcuts, and how the mouse works in the images."""
    lines = "".join(
        "<tr><td>" + " ".join(f"<kbd>{key}</kbd>" for key in keys.split()) + f"</td><td>{what}</td></tr>"
        for keys, what in SHORTCUTS
    )
    return ui.dialog(
        "Keyboard and mouse",
        ui.html(
            f'<table class="keys"><tbody>{lines}</tbody></table>'
            '<p class="muted">In an image: drag to pan, wheel to zoom, double-click for the whole image. '
            "The images move together. Pull a component by its center; once selected, its handles change size, axis "
            "ratio and angle, with the model drawn as you pull. Esc lets go.</p>",
            width=420,
        ),
    )
