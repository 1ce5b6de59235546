"""What the sections of a run's page share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from html import escape
from typing import Any

import panel as pn

from dashboard import ui
from dashboard.figures.maps import tall
from dashboard.figures.posterior_view import PosteriorView
from dashboard.pages.later import Later
from dashboard.services import Services
from dashboard.state.run_opening import RunOpened, views_of
from dashboard.state.run_page import RunState

WIDE: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
FULL: dict[str, Any] = {"sizing_mode": "stretch_both", "margin": 0}


class Section:
    """One section: what is seen at the right, and its controls at the left.

    ``show`` draws it anew; it is called when the section comes on screen and when one of ``follows`` changes meanwhile.
    """

    key = ""
    follows: tuple[str, ...] = ()

    def __init__(self, services: Services, opened: RunOpened, state: RunState, later: Later) -> None:
        self.services = services
        self.opened = opened
        self.state = state
        self.later = later
        self.words = ui.html("", **WIDE)
        self.controls = pn.Column(**WIDE)
        self.view: Any = pn.Column(**WIDE)

    async def show(self) -> None:
        """Draw what the state says."""

    def say(self, *sentences: str) -> None:
        """The summary in words above the section's figures."""
        text = " ".join(sentence for sentence in sentences if sentence)
        self.words.object = f'<p class="muted summary">{escape(text)}</p>'

    async def views(self, overlays: Sequence[str] | None = None) -> list[PosteriorView]:
        """The run's posterior and those laid over it."""
        chosen = list(self.state.overlays if overlays is None else overlays)
        return await asyncio.to_thread(views_of, self.services.store, self.opened, chosen)

    @property
    def labels(self) -> list[str]:
        """Short names of the chosen parameters."""
        return [self.opened.labels.get(name, name) for name in self.state.chosen]

    @property
    def columns(self) -> list[int]:
        """Where the chosen parameters stand in the result."""
        return [self.opened.result.names.index(name) for name in self.state.chosen]


def title(text: str) -> Any:
    """A small heading; not in capitals, which would make another letter of sigma."""
    return ui.html(f'<h2 class="panel-title">{escape(text)}</h2>', **WIDE)


def bokeh(figure: Any, **options: Any) -> pn.pane.Bokeh:
    """A figure as Panel shows it."""
    return pn.pane.Bokeh(figure, **{**WIDE, **options})


def high(figure: Any) -> pn.pane.Bokeh:
    """A figure that takes its height in pixels, and more on a high screen."""
    # Bokeh gives its own figures their heights in pixels, whatever the styles: only a least height stands above that.
    least = {"min-height": tall(figure.height)}
    figure.styles = {**figure.styles, **least}
    return bokeh(figure, height=figure.height, styles=least)
