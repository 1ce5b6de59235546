"""The linked image viewers: data, model, residuals, sigma, mask and PSF, with their tool bar and readout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
import param
from bokeh.events import Tap

from dashboard import ui
from dashboard.figures.image import KINDS, ImagePanels
from dashboard.figures.palettes import IMAGE_PALETTES, RESIDUAL_PALETTES
from dashboard.views.component import Component, script, soon, styles

EMPTY = {
    "opening": '<div class="void"><p class="muted">Opening …</p></div>',
    "no image": (
        '<div class="void"><h2>Drop a FITS file anywhere on this page</h2>'
        '<p class="muted">Then click a galaxy, and press Fit.</p></div>'
    ),
    "refused": (
        '<div class="void"><h2>This image cannot be used yet</h2>'
        '<p class="muted">The reason stands at the left, under Images. Choose another extension or file.</p></div>'
    ),
}
TITLES = {
    "data": "Data",
    "model": "Model",
    "pull": "Residual/σ",
    "residual": "Residual",
    "sigma": "σ",
    "mask": "Mask",
    "psf": "PSF",
}
# On the page from the start, as most people look at these.
FIRST = ("data", "model", "pull")


class ViewerBar(Component):
    """Tool bar and readout. Holds what the browser needs to draw and to read values; the look stays there."""

    palettes = param.Dict(IMAGE_PALETTES, doc="Colours of each map for data and model.")
    residual_palettes = param.Dict(RESIDUAL_PALETTES, doc="Colours of each map for the residual.")
    limits = param.Dict({"min-max": [0, 1]}, doc="Preset name to lower and upper limit.")
    extent = param.Dict({"x0": -0.5, "x1": 0.5, "y0": -0.5, "y1": 0.5}, doc="Edges of the image in pixels.")
    sky = param.Dict({}, doc="Coarse grid of sky positions and their frame; empty without WCS.")
    has_image = param.Boolean(False, doc="Whether there is an image to show.")
    has_model = param.Boolean(False, doc="Whether there are a model and residuals to show.")
    has_psf = param.Boolean(False, doc="Whether there is a PSF to show.")
    titles = param.Dict(TITLES, doc="What each panel is called, by kind, in order.")
    crowded = param.Boolean(False, doc="Whether the panels take more than one row; the browser tells.")
    wanted = param.List([], doc="Kinds of the panels that were looked at; the browser fills it.")
    made = param.List([], doc="Kinds of the panels that are on the page.")
    pixel_scale = param.Number(None, allow_None=True, doc="Arcsec a pixel; none without WCS.")
    components = param.List([], doc="Name and color of each component, in the order of their numbers.")
    wants_components = param.Boolean(False, doc="Whether it was asked which component is the brightest.")
    profiles = param.Boolean(False, doc="Whether the profiles are shown.")
    place = param.List(
        [], doc="Where the cuts go through until the cursor moves: x and y of a component, or empty."
    )
    placing = param.Boolean(False, doc="Whether the next click puts a component.")
    descriptions = param.Dict({}, doc="What each image shows, in words, by kind.")
    hint = param.String("", doc="Shown in place of the readout while the cursor is elsewhere.")

    _esm = script("sky.js", "pixels.js", "readout.js", "cuts.js", "viewer.js")
    _stylesheets = styles("viewer.css")


class ImageViewer(pn.viewable.Viewer):
    """Linked images. ``on_click(x, y)`` is told of clicks in pixels of the full image.

    A page is laid out once if it is told what it will hold: ``has_image`` and ``has_model``. Panels that nobody looks
    at are not on the page.
    """

    def __init__(
        self,
        on_click: Callable[[float, float], Any],
        *,
        has_image: bool = False,
        has_model: bool = False,
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self.panels = ImagePanels()
        self.panels.on_each(lambda plot: plot.on_event(Tap, lambda event: soon(on_click(event.x, event.y))))
        self.bar = ViewerBar(
            sizing_mode="stretch_width", margin=0, has_image=has_image, has_model=has_model, made=list(FIRST)
        )
        self.bar.param.watch(lambda *_: self._make(), "wanted")
        self.titles = {
            kind: ui.html(f'<h2 class="panel-title">{title}</h2>', sizing_mode="stretch_width", height=24)
            for kind, title in TITLES.items()
        }
        self.empty = ui.html(EMPTY["opening"], sizing_mode="stretch_both", visible=not has_image)
        there = FIRST if has_model else FIRST[:1] if has_image else ()
        self._boxes = {
            kind: pn.Column(
                self.titles[kind],
                *([self._pane(kind)] if kind in FIRST else []),
                name=f"panel-{kind}",
                sizing_mode="stretch_both",
                margin=0,
                visible=kind in there,
                stylesheets=[ui.stylesheet()],
            )
            for kind in KINDS
        }
        self._layout = pn.Column(
            self.bar,
            self.empty,
            pn.Row(
                *self._boxes.values(),
                sizing_mode="stretch_both",
                margin=0,
                css_classes=["panels"],
                stylesheets=[ui.stylesheet(), ui.static_text("viewer.css")],
            ),
            sizing_mode="stretch_both",
            margin=0,
            css_classes=["card"],
            stylesheets=[ui.stylesheet()],
        )

    def _make(self) -> None:
        """Put the panels that are wanted on the page."""
        new = [kind for kind in KINDS if kind in self.bar.wanted and kind not in self.bar.made]
        for kind in new:
            self._boxes[kind].append(self._pane(kind))
        if new:
            self.bar.made = [*self.bar.made, *new]

    def _pane(self, kind: str) -> pn.pane.Bokeh:
        figure = self.panels.figure_of(kind)
        return pn.pane.Bokeh(figure, sizing_mode="stretch_both", margin=0, min_height=60)

    def show_empty(self, why: str) -> None:
        """Words in place of the images: "opening", "no image" or "refused"; "" when there is an image."""
        self.empty.param.update(object=EMPTY.get(why, ""), visible=bool(why))
        self.bar.has_image = not why

    def set_title(self, kind: str, note: str = "") -> None:
        """Title of one panel, with a muted note such as "start values"."""
        extra = f' <span class="muted">{note}</span>' if note else ""
        self.titles[kind].object = f'<h2 class="panel-title">{TITLES[kind]}{extra}</h2>'

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout
