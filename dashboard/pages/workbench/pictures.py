"""The images of the workbench follow the state: pixels, markers, titles, words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import engine
from dashboard import ui
from dashboard.figures.overlays import marker_columns
from dashboard.pages.later import Later
from dashboard.state.pictures import (
    ImagePictures,
    ModelPictures,
    brightest_columns,
    image_pictures,
    model_pictures,
)
from dashboard.state.session import Session
from dashboard.state.table import component_rows, markers, nearest
from dashboard.views.viewer import ImageViewer

COLORS = ui.COMPONENT_COLORS
SETTLED = 0.2


class PicturesPart:
    """Draws what is open, off the event loop, and reports clicks."""

    def __init__(
        self, session: Session, later: Later, *, has_image: bool = False, has_model: bool = False
    ) -> None:
        self.session = session
        self.state = session.state
        self.later = later
        self.viewer = ImageViewer(self._on_click, has_image=has_image, has_model=has_model)
        self._image: engine.Image | None = None
        self._drawing: asyncio.Task[None] | None = None
        self._watch(self.redraw, ["opened"])
        self._watch(lambda: self.later(self._say_fitted), ["result"])
        self.viewer.bar.param.watch(lambda *_: self.redraw(), "wants_components")
        self._watch(
            lambda: self.later(self.show_scene), ["description", "opened", "selected", "placing", "result"]
        )

    def _watch(self, act: Callable[[], Any], names: list[str]) -> None:
        self.state.param.watch(lambda *_: act(), names)

    def show_scene(self) -> None:
        """Markers of the components, and what a click would do."""
        state = self.state
        columns = marker_columns(markers(state.opened.problem, state.selected, COLORS))
        _set(self.viewer.panels.ellipses, columns)
        waiting = bool(state.placing) or (state.opened.image is not None and not state.names)
        self.viewer.bar.param.update(placing=waiting, hint=self._hint())

    def _hint(self) -> str:
        state = self.state
        if state.opened.image is None:
            return "Drop a FITS file to begin."
        if state.placing:
            return "Click the center of the galaxy or star. Esc stops."
        if state.opened.problem is None:
            return "Click a galaxy: a Sersic model and a sky start from the data. Or choose a component at the left."
        return "Drag to pan, wheel to zoom. Press ? for keys."

    def show_nothing(self) -> None:
        """Words in place of the images."""
        self.later(lambda: self.viewer.show_empty("refused" if self.state.error else "no image"))

    # --- drawing

    def redraw(self) -> None:
        """Start drawing what is open now; a drawing that is under way for older values is dropped."""
        if self._drawing is not None:
            self._drawing.cancel()
        self._drawing = asyncio.ensure_future(self._draw())

    async def _draw(self) -> None:
        opened = self.state.opened
        if opened.image is None:
            self._image = None
            self.show_nothing()
            return
        if self._image is None or not same_pixels(self._image, opened.image):
            pictures = await asyncio.to_thread(image_pictures, opened.image)
            self._image = opened.image
            self.later(lambda: self._put_image(pictures))
        if opened.problem is None:
            self.later(lambda: setattr(self.viewer.bar, "has_model", False))
            return
        drawn = await asyncio.to_thread(model_pictures, opened.problem)
        self.later(lambda: self._put_model(drawn))
        if self.viewer.bar.wants_components:
            await asyncio.sleep(SETTLED)  # while a component is dragged, its redrawing ends this one here
            numbers = await asyncio.to_thread(brightest_columns, opened.problem)
            self.later(lambda: self._put_components(numbers))

    def _put_components(self, columns: dict[str, Any]) -> None:
        _set(self.viewer.panels.components, columns)
        self.viewer.bar.components = [
            {"name": row["name"], "color": row["color"]}
            for row in component_rows(self.state.opened.problem, "", COLORS)
        ]

    def _put_image(self, pictures: ImagePictures) -> None:
        panels = self.viewer.panels
        _set(panels.sources["sigma"], pictures.sigma)
        _set(panels.sources["data"], pictures.columns)
        if pictures.psf is not None:
            _set(panels.sources["psf"], pictures.psf)
        _set(panels.compass, pictures.compass)
        self.viewer.bar.param.update(limits=pictures.limits, extent=pictures.extent, sky=pictures.sky)
        self.viewer.bar.param.update(has_psf=pictures.psf is not None, pixel_scale=pictures.pixel_scale)
        self.viewer.set_title("data", pictures.note)
        self._describe(**pictures.words)
        self.viewer.show_empty("")

    def _put_model(self, drawn: ModelPictures) -> None:
        _set(self.viewer.panels.sources["model"], drawn.model)
        self.viewer.bar.has_model = True
        self._say_fitted()
        self.viewer.set_title("pull", f"χ²/dof {drawn.chi2_dof:.4g}")
        self._describe(
            pull=f"Data minus model in sigma, chi2/dof {drawn.chi2_dof:.4g}",
            residual="Data minus model",
        )

    def _say_fitted(self) -> None:
        """Whether the model is that of a fit: so too where a fit ends at the values that it began with."""
        if not self.viewer.bar.has_model:
            return
        fitted = self.state.result_is_current
        self.viewer.set_title("model", "fitted" if fitted else "at the values below")
        words = f"Model of {len(self.state.names)} components, {'fitted' if fitted else 'not fitted'}"
        self._describe(model=words)

    def _describe(self, **words: str) -> None:
        self.viewer.bar.descriptions = {**self.viewer.bar.descriptions, **words}

    # --- what a person does

    async def _on_click(self, x: float, y: float) -> None:
        state = self.state
        if state.placing or not state.names:
            await self.session.place(x, y)
            return
        state.selected = nearest(markers(state.opened.problem, "", COLORS), x, y, self._reach())

    def _reach(self) -> float:
        """How near to a center a click counts as on it: 2 % of what is shown."""
        shown = self.viewer.panels.figure_of("data").x_range
        return 0.02 * abs(float(shown.end) - float(shown.start))


def _set(source: Any, columns: dict[str, Any]) -> None:
    source.data = columns


def same_pixels(one: engine.Image, other: engine.Image) -> bool:
    """Whether two images show the same: the same files by their hashes, the same part of them, the same mask."""
    return one is other or (
        one.shape == other.shape
        and one.origin == other.origin
        and one.hashes == other.hashes
        and one.sources == other.sources
    )
