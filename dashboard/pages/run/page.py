"""The page of one run: at the left what it came to and the sections, at the right the one that is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from typing import Any

import panel as pn

import engine
from dashboard import ui
from dashboard.figures.convergence import convergence_curves
from dashboard.figures.palettes import fitter_color
from dashboard.jobs.events import Event, is_end
from dashboard.pages import links as pages
from dashboard.pages.later import Later
from dashboard.pages.run.chains import DiagnosticsSection, TracesSection
from dashboard.pages.run.corner import CornerSection
from dashboard.pages.run.correlations import CorrelationsSection
from dashboard.pages.run.film import FilmSection
from dashboard.pages.run.images import ImagesSection, ResidualSection
from dashboard.pages.run.result import ResultSection
from dashboard.pages.run.section import FULL, WIDE, Section, bokeh
from dashboard.services import Services
from dashboard.state.posterior import fitter_title
from dashboard.state.queue import without_gpu
from dashboard.state.run_opening import RunOpened, open_run
from dashboard.state.run_page import RunState
from dashboard.state.runs import clock, kind_of
from dashboard.store import Project, Run, RunStatus, StoreError
from dashboard.views import verdict
from dashboard.views.component import soon
from dashboard.views.run import Sections

FLUSH_SECONDS = 0.2
KINDS: tuple[type[Section], ...] = (
    ResultSection,
    CornerSection,
    CorrelationsSection,
    TracesSection,
    DiagnosticsSection,
    FilmSection,
    ImagesSection,
    ResidualSection,
)
KEYS = (
    ("[ ]", "Section before, section after"),
    ("Esc", "From one pair back to all; or nothing selected"),
    ("← →", "Film strip: draw before, draw after"),
    ("Space", "Film strip: play, pause"),
    ("?", "This help"),
)


class RunPage:
    """One person's view of one run."""

    def __init__(self, services: Services, run: Run, project: Project) -> None:
        self.services = services
        self.run = run
        self.project = project
        self.later = Later(pn.state.curdoc)
        self.arguments = dict(pn.state.session_args or {})
        self.state: RunState | None = None
        self.made: dict[str, Section] = {}
        self._steps: list[Event] = []
        self._last = -1
        self._lacking = ""
        self._unsubscribe: Callable[[], None] | None = None
        self._showing: asyncio.Task[None] | None = None

        self.outcome = ui.html("", **WIDE)
        self.sections = Sections(self._on_sections, **WIDE)
        self.controls = pn.Column(**WIDE)
        self.files = ui.html("", **WIDE)
        self.live = ui.live_region()
        self.stage = pn.Column(
            **FULL, css_classes=["card", "side"], stylesheets=[ui.stylesheet()], scroll="y-auto"
        )
        self.links = ui.html("", margin=0, styles=ui.CENTERED)
        self.help = _help()
        self.waiting = ui.html('<div class="void"><p class="muted">Drawing …</p></div>', **FULL)
        self.filled: set[str] = set()

    def view(self) -> Any:
        """The page."""
        left = pn.Column(
            self.outcome,
            self.sections,
            self.controls,
            self.files,
            self.live,
            margin=0,
            sizing_mode="stretch_height",
            width=264,
            css_classes=["card", "side"],
            stylesheets=[ui.stylesheet()],
            styles={"gap": "12px"},
            scroll="y-auto",
        )
        self.stage[:] = [self.waiting]
        body = pn.Row(left, self.stage, **FULL, styles={"gap": "10px", "padding": "10px"})
        name = f"{fitter_title(self.run.fitter)}, {clock(self.run.created)}"
        crumb = ui.html(
            f'<div class="row crumb-box"><a href="/fit/{escape(self.project.id)}">{escape(self.project.title)}</a>'
            f'<span class="muted" aria-hidden="true">/</span>'
            f'<span class="round" style="background:{fitter_color(self.run.fitter)}"></span>'
            f"<h1>{escape(name)}</h1></div>",
            **WIDE,
            styles=ui.CENTERED,
        )
        help_button = ui.icon_button("Keyboard help", "keyboard", lambda: setattr(self.help, "open", True))
        return ui.page(
            f"{fitter_title(self.run.fitter)} · {self.project.title}",
            header=[crumb, self.links, help_button],
            main=[pn.Column(body, self.help, **FULL)],
        )

    def close(self) -> None:
        """Stop listening to the run; it goes on."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    async def start(self) -> None:
        """Open the run; while it has not ended, follow it."""
        self.run = await asyncio.to_thread(self.services.store.run, self.run.id)
        others = await asyncio.to_thread(self.services.store.runs, self.project.id)
        self.later(lambda: self._show_links(others))
        if not self.run.status.ended:
            await self._follow()
            # It may have ended between the two.
            if (await asyncio.to_thread(self.services.store.run, self.run.id)).status.ended:
                self.close()
                await self.start()
            return
        try:
            opened = await asyncio.to_thread(open_run, self.services.store, self.run.id)
        except (StoreError, engine.EngineError) as error:
            reason = str(error)
            self.later(lambda: self._show_failure(reason))
            return
        state = RunState(opened.result.names, opened.result.draws is not None)
        state.read(self.arguments, [other.id for other in opened.others])
        self.later(lambda: self._open(opened, state))

    # --- a run that goes on, or left nothing

    async def _follow(self) -> None:
        self.curve = convergence_curves()
        self.curve.figure.height = 320
        self.progress = ui.html("", **WIDE)
        has_gpu = await asyncio.to_thread(lambda: self.services.jobs.has_gpu)
        self._lacking = without_gpu(self.run, has_gpu)
        events = await asyncio.to_thread(self.services.jobs.events, self.run.id)
        self._unsubscribe = self.services.jobs.subscribe(self.run.id, self._on_event)

        def put() -> None:
            self._show_state(str(self.run.status), self.run.message)
            self.stage[:] = [
                ui.html(
                    '<h2 class="panel-title">χ²/dof against step, as it comes</h2><p class="muted">The result, and of '
                    "samplers the posterior, appear here when the run has ended.</p>",
                    **WIDE,
                ),
                self.progress,
                bokeh(self.curve.figure, height=320),
            ]

        self.later(put)
        for event in self.services.jobs.recent(self.run.id) or events:
            self._on_event(event)

    def _show_state(self, status: str, message: str) -> None:
        """Where a run that goes on stands: also that its worker went away, and what becomes of it."""
        if status == RunStatus.QUEUED and self._lacking:
            message = f"{message} {self._lacking}"
        self.outcome.object = verdict.note("info", f"{message} This page changes when the run ends.")
        ui.say(self.live, f"{status}: {message}")

    def _on_event(self, event: Event) -> None:
        if event["type"] == "step":
            if not self._steps:
                asyncio.get_running_loop().call_later(FLUSH_SECONDS, lambda: self.later(self._flush))
            self._steps.append(event)
        elif is_end(event):
            self.close()
            soon(self.start())
        else:
            self.later(partial(self._show_state, event["status"], event["message"]))

    def _flush(self) -> None:
        events, self._steps = [event for event in self._steps if event["number"] > self._last], []
        if not events:
            return
        self._last = events[-1]["number"]
        names = {"number": "step", "chi2_dof": "chi2_dof", "seconds": "seconds"}
        columns = {to: [event[name] for event in events] for name, to in names.items()}
        self.curve.add(self.run.id, columns, fitter_color(self.run.fitter), self.run.fitter)
        last = events[-1]
        doing = "compiling · " if last.get("info", {}).get("phase") == "compiling" else ""
        self.progress.object = (
            f'<p class="num" role="status">{doing}step <b>{last["number"]}</b> · '
            f"χ²/dof <b>{last['chi2_dof']:.5g}</b> · {last['seconds']:.1f} s</p>"
        )

    def _show_failure(self, reason: str) -> None:
        kind = kind_of(self.run.status, self.run.converged)
        self.outcome.object = verdict.note(kind, self.run.message or reason)
        self.stage[:] = [
            ui.html(
                f'<div class="void"><h2>This run left no values</h2><p>{escape(reason)}</p>'
                f'<p><a href="/fit/{escape(self.project.id)}">Back to the workbench</a></p></div>',
                **FULL,
            )
        ]

    # --- an ended run

    def _show_links(self, runs: list[Run]) -> None:
        ended = [run.id for run in runs if run.chi2_dof is not None and run.id != self.run.id][:6]
        address = pages.compare([self.run.id, *ended]) if self.run.chi2_dof is not None else ""
        instead = {"Compare": address} if address else {}
        self.links.object = pages.navigation(self.project.id, "Run", self.services.store.who, instead)

    def _open(self, opened: RunOpened, state: RunState) -> None:
        self.state = state
        result = opened.result
        figures = [
            ("χ² / dof", f"{result.chi2_dof:.4f}"),
            ("seconds", f"{result.seconds:.2f}"),
            ("seed", "–" if result.seed is None else str(result.seed)),
        ]
        numbers = "".join(
            f"<div><dt>{escape(n)}</dt><dd class='num'>{escape(v)}</dd></div>" for n, v in figures
        )
        kind = kind_of(opened.run.status, opened.run.converged)
        self.outcome.object = (
            f'<div class="stack verdict">{verdict.note(kind, opened.run.message or result.message)}'
            f'<dl class="figures">{numbers}</dl></div>'
        )
        ui.say(self.live, opened.run.message)
        self.files.object = verdict.downloads(opened.run.id, draws=result.draws is not None)
        kinds = {kind.key: kind for kind in KINDS}
        self.made = {}

        def make(key: str) -> Section:
            if key not in self.made:
                self.made[key] = kinds[key](self.services, opened, state, self.later)
            return self.made[key]

        self._make = make
        self.stage[:] = [self.waiting]
        self.sections.sections = [list(pair) for pair in state.sections]
        names = ["section", "overlays", "chosen", "pair", "frame", "order", "brushed"]
        state.param.watch(self._on_state, names)
        self._show_section()

    def _on_state(self, *events: Any) -> None:
        changed = {event.name for event in events}
        self.later(self._show_query)
        if "section" in changed:
            self.later(self._show_section)
        elif self.state is not None and changed & set(self._make(self.state.section).follows):
            soon(self._make(self.state.section).show())

    def _show_section(self) -> None:
        assert self.state is not None
        fresh = self.state.section not in self.made
        section = self._make(self.state.section)
        self.sections.shown = self.state.section
        self._show_one()
        soon(self._fill(section) if fresh else section.show())
        self._show_query()

    async def _fill(self, section: Section) -> None:
        """Draw a new section, then put it into the document: changes sent with it might overtake it on their way."""
        await section.show()

        def put() -> None:
            self.controls.append(section.controls)
            self.stage.append(section.view)
            self.filled.add(section.key)
            self._show_one()

        self.later(put)

    def _show_one(self) -> None:
        """Sections stay in the document: what is still under way to one of them would find nobody there."""
        assert self.state is not None
        for key, section in self.made.items():
            section.view.visible = section.controls.visible = key == self.state.section
        self.waiting.visible = self.state.section not in self.filled

    def _show_query(self) -> None:
        assert self.state is not None
        self.sections.query = self.state.query()

    def _on_sections(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "help":
            self.help.open = True
        elif self.state is None:
            return
        elif message["type"] == "section" and message["section"] in dict(self.state.sections):
            self.state.section = message["section"]
        elif message["type"] == "escape":
            if self.state.brushed is not None:
                self.state.brushed = None
            else:
                self.state.pair = []


def _help() -> Any:
    lines = "".join(
        "<tr><td>"
        + " ".join(f"<kbd>{escape(key)}</kbd>" for key in keys.split())
        + f"</td><td>{what}</td></tr>"
        for keys, what in KEYS
    )
    return ui.dialog(
        "Keyboard and mouse",
        ui.html(
            f'<table class="keys"><tbody>{lines}</tbody></table><p class="muted">In a plot: drag to pan, wheel to '
            "zoom. In one pair: drag a box, or choose the lasso, to select draws; they are marked everywhere.</p>",
            width=420,
        ),
    )
