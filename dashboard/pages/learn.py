"""`/learn` and `/learn/{page}`: the tutorial."""

from __future__ import annotations

import asyncio
from html import escape
from typing import Any

import panel as pn

import engine
from dashboard import ui
from dashboard.learn.lesson import Cell, Lesson, LessonError, Text, Widget, keys, lesson
from dashboard.learn.stored import stored
from dashboard.pages import links
from dashboard.reports.markup import markdown, python
from dashboard.reports.outputs import outputs
from dashboard.services import Services
from dashboard.state.reader import Reader
from dashboard.store import StoreError
from dashboard.views.component import Message
from dashboard.views.lesson import LessonView

WIDE = {"sizing_mode": "stretch_width", "margin": 0}
INTRODUCTION = (
    '<div class="intro"><h1>Learn to fit, method by method</h1>'
    '<p class="muted">One image, one start, seven fitters. Each page is a notebook whose cells run here: change an '
    "option, press Run, and see what it does. Two more pages tell how to recognize a fit that lies, and how to begin "
    "with an image of your own.</p></div>"
)


def index(services: Services) -> Any:
    """What there is to learn."""
    ui.setup()
    cards = []
    for number, key in enumerate(keys(), start=1):
        page = lesson(key)
        cards.append(
            f'<li><div class="card lesson-card"><span class="number">{number}</span>'
            f'<a href="/learn/{key}">{escape(page.title)}</a><p>{escape(page.summary)}</p>'
            f'<p class="muted small cost">{escape(page.cost)}</p></div></li>'
        )
    body = pn.Column(
        ui.html(INTRODUCTION, **WIDE),
        pn.pane.HTML(
            f'<ol class="lesson-list" aria-label="Pages of the tutorial">{"".join(cards)}</ol>',
            stylesheets=[ui.stylesheet(), ui.static_text("notebook.css")],
            **WIDE,
        ),
        **WIDE,
        max_width=1160,
        styles={"gap": "22px", "padding": "26px 24px 60px", "margin": "0 auto"},
    )
    return ui.page("Learn", header=_header(), main=[body])


def learn(services: Services, key: str) -> Any:
    """One page of the tutorial, or a sentence when there is none of this name."""
    ui.setup()
    try:
        page = lesson(key)
    except LessonError as error:
        return ui.message_page("No such page", str(error))
    made = LearnPage(services, page)
    pn.state.on_session_destroyed(lambda _: made.reader.leave())
    return made.view()


class LearnPage:
    """One reader's view of one lesson."""

    def __init__(self, services: Services, page: Lesson) -> None:
        self.services = services
        self.lesson = page
        self.reader = Reader(services, page)
        self.view_of = LessonView(self._on_message, **_contents(page), **WIDE)
        watch = self.reader.param.watch
        watch(lambda *_: self._show_values(), ["values", "refused"])
        watch(lambda *_: self._show_outputs(), ["shown"])
        watch(lambda *_: self._show_progress(), ["running", "progress", "error"])

    def view(self) -> Any:
        """The page."""
        return ui.page(self.lesson.title, header=_header(), main=[self.view_of])

    def _show_values(self) -> None:
        reader = self.reader
        sources = {
            cell.name: python(self.lesson.source(cell, reader.values))
            for cell in self.lesson.cells.values()
            if any(widget.variable in reader.values for widget in cell.widgets)
        }
        self.view_of.param.update(
            sources=sources,
            values={name: _written(value) for name, value in reader.values.items()},
            refused=dict(reader.refused),
        )

    def _show_outputs(self) -> None:
        self.view_of.outputs = {
            name: {"html": outputs(one["outputs"]), "seconds": f"{one['seconds']:.2g} s"}
            for name, one in self.reader.shown.items()
        }

    def _show_progress(self) -> None:
        reader = self.reader
        cell = reader.running or self.view_of.error_cell
        words = {"words": progress_words(reader.progress), "curve": reader.progress.get("curve", [])}
        self.view_of.param.update(running=reader.running, progress=words, error=reader.error, error_cell=cell)

    async def _on_message(self, message: Message) -> None:
        match message:
            case {"type": "set", "variable": str(variable), "value": value}:
                self.reader.set(variable, value)
            case {"type": "run", "cell": str(cell)}:
                self.view_of.error_cell = cell
                await self.reader.run(cell)
            case {"type": "stop"}:
                await self.reader.stop()
            case {"type": "reset"}:
                self.reader.reset()
            case {"type": "open"}:
                await self._open()

    async def _open(self) -> None:
        title = engine.examples()[self.lesson.example].partition(",")[0]
        try:
            project = await asyncio.to_thread(
                self.services.add_example, self.lesson.example, f"{self.lesson.title}: {title}"[:120]
            )
        except (engine.EngineError, StoreError) as error:
            self.view_of.error = str(error)
            return
        self.view_of.go = f"/fit/{project.id}"


def progress_words(progress: dict[str, Any]) -> str:
    """Where a running cell stands, in a few words."""
    if progress.get("note"):
        return f"{progress['note']} …"
    words = []
    if progress.get("of", 1) > 1:
        words.append(f"cell {progress['place']} of {progress['of']}")
    if progress.get("draw") is not None:
        words.append(f"{progress.get('phase') or 'draw'} {progress['draw']:.0f}")
    elif progress.get("phase") == "compiling":
        words.append("compiling")
    elif "step" in progress:
        words.append(f"step {progress['step']}")
    if "chi2_dof" in progress:
        words += [f"χ²/dof {progress['chi2_dof']:.5g}", f"{progress['seconds']:.1f} s"]
    return " · ".join(words) or "running …"


def _contents(page: Lesson) -> dict[str, Any]:
    """What does not change while the page is open."""
    order = keys()
    place = order.index(page.key)
    kept = stored(page.key)
    versions = ", ".join(f"{name} {version}" for name, version in kept["versions"].items())
    parts = []
    for part in page.parts:
        if isinstance(part, Text):
            parts.append({"kind": "text", "html": markdown(part.markdown)})
        else:
            seconds = kept["seconds"].get(part.name)
            parts.append(_cell(part, outputs(kept["cells"].get(part.name, [])), seconds))
    return {
        "title": page.title,
        "summary": page.summary,
        "cost": page.cost,
        "made": f"Stored outputs: {versions}."
        if versions
        else "No outputs are stored yet: run make tutorials.",
        "download": f"/api/learn/{page.key}.ipynb",
        "pages": [{**_link(key), "current": key == page.key} for key in order],
        "before": _link(order[place - 1]) if place > 0 else None,
        "after": _link(order[place + 1]) if place + 1 < len(order) else None,
        "parts": parts,
    }


def _link(key: str) -> dict[str, Any]:
    return {"title": lesson(key).title, "href": f"/learn/{key}"}


def _cell(cell: Cell, html: str, seconds: float | None) -> dict[str, Any]:
    return {
        "kind": "cell",
        "name": cell.name,
        "source": python(cell.source),
        "widgets": [_widget(widget) for widget in cell.widgets],
        "outputs": html,
        "about": "not run yet" if seconds is None else f"stored run, {seconds:.2g} s",
    }


def _widget(widget: Widget) -> dict[str, Any]:
    return {
        "variable": widget.variable,
        "kind": widget.kind,
        "value": _written(widget.default),
        "low": widget.low,
        "high": widget.high,
        "choices": list(widget.choices),
        "help": widget.help,
        "range": widget.range if widget.kind in ("number", "whole") else "",
    }


def _written(value: Any) -> Any:
    return f"{value:g}" if isinstance(value, float) else value if isinstance(value, bool) else str(value)


def _header() -> list[Any]:
    crumb = ui.html('<div class="crumb-box"><a href="/learn">Learn</a></div>', styles=ui.CENTERED, **WIDE)
    return [crumb, ui.html(links.around("Learn"), margin=0, styles=ui.CENTERED)]
