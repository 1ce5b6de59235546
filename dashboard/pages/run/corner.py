"""Section Corner plot: all pairs, one pair at full resolution, draws selected in it and what they look like."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import urlencode

import numpy as np
import panel as pn
from bokeh.events import Tap

from dashboard import ui
from dashboard.figures.corner import corner_figure, corner_words, mark_columns, pair_at
from dashboard.figures.corner_shapes import CornerShapes, corner_shapes
from dashboard.figures.maps import SIGNED, map_panel, shared_ranges, show
from dashboard.figures.pair import pair_figure
from dashboard.figures.posterior_view import PosteriorView
from dashboard.pages.run.section import FULL, WIDE, Section, bokeh, title
from dashboard.state.run_page import overlay_rows, parameter_groups
from dashboard.views.component import soon
from dashboard.views.run import Brush, Picker

MOST_MARKED = 8000  # points in all cells; more would hide what is under them
LOOKED_AT = 3.0  # residuals are shown from -3 to 3 sigma


class CornerSection(Section):
    key = "corner"
    follows = ("overlays", "chosen", "pair", "brushed")

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.picker = Picker(self._on_picker, **WIDE)
        self.controls = pn.Column(self.picker, **WIDE)
        self.exports = ui.html("", margin=0, styles={"align-self": "center"})
        self.sheet = pn.pane.Bokeh(None, **FULL, min_height=540)
        self.pair_sheet = pn.pane.Bokeh(None, **WIDE, height=560)
        image = self.opened.problem.image
        self.brush = Brush(self._on_brush, **WIDE)
        ranges = shared_ranges(image.shape, image.origin)
        self.residual = map_panel("brushed-residual", ranges, SIGNED, height=250, grows=False)
        self.change = map_panel("brushed-change", ranges, SIGNED, height=250, grows=False)
        self.brush_words = ui.html("", **WIDE)
        self.maps = pn.Column(
            title("Mean residual / σ of the selected draws"),
            bokeh(self.residual.figure, height=250),
            title("Their mean model minus that of all, / σ"),
            bokeh(self.change.figure, height=250),
            margin=0,
            width=300,
            styles={"gap": "4px"},
            visible=False,
        )
        self.alone = pn.Column(
            pn.Row(self.pair_sheet, self.maps, **WIDE, styles={"gap": "12px"}),
            self.brush,
            **WIDE,
            styles={"gap": "6px"},
            visible=False,
        )
        self.view = pn.Column(
            pn.Row(self.words, self.exports, **WIDE, styles={"gap": "16px"}),
            self.sheet,
            self.alone,
            **FULL,
            styles={"gap": "4px"},
        )
        self._drawn: tuple[Any, ...] | None = None
        self._shapes: CornerShapes | None = None
        self._all: np.ndarray | None = None

    async def show(self) -> None:
        """Draw the plot anew if what it depends on changed, else only what is selected in it."""
        state = self.state
        wanted = (tuple(state.overlays), tuple(state.chosen), tuple(state.pair))
        if wanted != self._drawn:
            self._drawn = wanted
            self.later(self._show_picker)
            views = await self.views()
            shapes, figure = await asyncio.to_thread(
                _drawing,
                views,
                state.pair or state.chosen,
                self.opened.truths,
                self.opened.labels,
                bool(state.pair),
            )
            if wanted != self._drawn:
                return  # something newer is on its way
            self._shapes = shapes
            marks = self._marks(shapes)
            self.later(lambda: self._put(shapes, figure, marks))
            self.later(self._show_count)
        else:
            marks = self._marks(self._shapes)
            self.later(lambda: self._put_marks(marks))
        await self._show_maps()

    def _show_picker(self) -> None:
        state, opened = self.state, self.opened
        self.picker.param.update(
            runs=overlay_rows(opened.others, state.overlays),
            groups=parameter_groups(opened.problem, state.names, state.chosen),
            pair=list(state.pair),
        )
        said = {"parameters": ",".join(state.pair or ([] if state.chosen == state.names else state.chosen))}
        said["with"] = ",".join(state.overlays)
        query = urlencode({key: value for key, value in said.items() if value}, safe=",")
        links = "".join(
            f'<a href="{escape(f"/api/runs/{opened.run.id}/corner.{kind}" + (f"?{query}" if query else ""))}" download>'
            f"{kind.upper()}</a>"
            for kind in ("pdf", "png")
        )
        self.exports.object = (
            f'<nav class="row nowrap" aria-label="Save the corner plot">Save as {links}</nav>'
        )

    def _put(self, shapes: CornerShapes, figure: Any, marks: np.ndarray) -> None:
        alone = len(self.state.pair) == 2
        self.sheet.visible, self.alone.visible = not alone, alone
        self.say(corner_words(shapes), "" if alone else "Click a cell to see its draws.")
        if alone:
            source = figure.select_one({"name": "draws-source"})
            if source is not None:
                source.selected.on_change("indices", lambda _a, _o, new: self._on_selected(new))
                if self.state.brushed is not None:
                    source.selected.indices = self.state.brushed.tolist()
            self.pair_sheet.object = figure
        else:
            figure.on_event(Tap, self._on_tap)
            # Before the figure is in the document: a change sent after it might overtake it.
            figure.select_one({"name": "brushed-source"}).data = mark_columns(marks)
            self.sheet.object = figure

    # --- brushing

    def _marks(self, shapes: CornerShapes | None) -> np.ndarray:
        numbers = self.state.brushed
        flat = None if shapes is None else shapes.sheets[0].draws
        return (
            np.empty((0, 2))
            if shapes is None or numbers is None or flat is None
            else shapes.marks(flat[numbers], MOST_MARKED)
        )

    async def _show_maps(self) -> None:
        numbers = self.state.brushed
        if numbers is None or not self.state.pair or self.opened.result.draws is None:
            return
        mean, reference = await asyncio.to_thread(self._means, numbers)
        if self.state.brushed is numbers:
            self.later(lambda: self._put_maps(mean, reference))

    def _means(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self._all is None:
            draws = self.opened.result.draws
            assert draws is not None
            self._all = self.opened.model_of(np.arange(draws.shape[0] * draws.shape[1]))
        return self.opened.model_of(numbers), self._all

    def _show_count(self) -> None:
        draws, numbers = self.opened.result.draws, self.state.brushed
        total = 0 if draws is None else draws.shape[0] * draws.shape[1]
        count = 0 if numbers is None else len(numbers)
        names = [(name, self.opened.labels[name]) for name in self.state.names]
        self.brush.param.update(names=names, count=count, total=total)
        self.brush.visible = total > 0
        self.maps.visible = bool(count)

    def _put_marks(self, marks: np.ndarray) -> None:
        self._show_count()
        if self.state.pair:
            source = self.pair_sheet.object and self.pair_sheet.object.select_one({"name": "draws-source"})
            if source and self.state.brushed is None and source.selected.indices:
                source.selected.indices = []
        elif self.sheet.object is not None:
            self.sheet.object.select_one({"name": "brushed-source"}).data = mark_columns(marks)

    def _put_maps(self, mean: np.ndarray, reference: np.ndarray) -> None:
        image = self.opened.problem.image
        sigma = np.sqrt(image.weight)
        pull = np.where(image.weight > 0, (image.data - mean) * sigma, np.nan)
        change = np.where(image.weight > 0, (mean - reference) * sigma, np.nan)
        reach = max(float(np.nanmax(np.abs(change))), 1e-6)
        show(self.residual, pull, (-LOOKED_AT, LOOKED_AT), image.origin)
        show(self.change, change, (-reach, reach), image.origin)

    # --- from the views

    def _on_tap(self, event: Any) -> None:
        pair = pair_at(self._shapes, event.x, event.y) if self._shapes is not None else None
        if pair is not None:
            self.state.pair = list(pair)

    def _on_selected(self, indices: Sequence[int]) -> None:
        self.state.brushed = np.array(sorted(indices), dtype=int) if len(indices) else None

    def _on_picker(self, message: Mapping[str, Any]) -> None:
        match message:
            case {"type": "overlay", "id": run_id, "on": on}:
                self.state.overlay(str(run_id), bool(on))
            case {"type": "choose", "names": names, "on": on}:
                self.state.choose([str(name) for name in names], bool(on))
            case {"type": "pair", "pair": pair}:
                self.state.pair = [name for name in pair if name in self.state.names]

    def _on_brush(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "clear":
            self.state.brushed = None
        elif message["type"] == "range" and message["name"] in self.state.names:
            soon(self._select(str(message["name"]), message["low"], message["high"]))

    async def _select(self, name: str, low: float | None, high: float | None) -> None:
        draws = await asyncio.to_thread(lambda: self.opened.draws)
        values = draws[..., self.state.names.index(name)].ravel()
        chosen = (values >= (-np.inf if low is None else low)) & (
            values <= (np.inf if high is None else high)
        )
        numbers = np.flatnonzero(chosen)
        self.later(lambda: self._take(numbers))

    def _take(self, numbers: np.ndarray) -> None:
        self.state.brushed = numbers if len(numbers) else None
        source = self.pair_sheet.object and self.pair_sheet.object.select_one({"name": "draws-source"})
        if source:
            source.selected.indices = numbers.tolist()


def _drawing(
    views: list[PosteriorView],
    names: Sequence[str],
    truths: Mapping[str, float],
    labels: Mapping[str, str],
    alone: bool,
) -> tuple[CornerShapes, Any]:
    shapes = corner_shapes(views, names, truths=truths, labels=labels)
    if alone:
        return shapes, pair_figure(shapes, truths)
    figure = corner_figure(shapes)
    figure.sizing_mode = "stretch_both"
    return shapes, figure
