"""`/compare?runs=a,b,c`: any runs on the same image side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import panel as pn

import engine
from dashboard import ui
from dashboard.figures.palettes import fitter_color
from dashboard.jobs.events import Event
from dashboard.pages import links
from dashboard.pages.compare.race import RaceSection
from dashboard.pages.later import Later
from dashboard.services import Services
from dashboard.state.compare import (
    TRUTH,
    Compared,
    CompareState,
    NothingToCompare,
    choice_rows,
    loo_refusals,
    open_runs,
    run_labels,
    table_rows,
)
from dashboard.state.compare_pictures import pictures
from dashboard.state.run_all import DRAWS, run_all_options
from dashboard.store import NotAllowed, NotFound, Project, Run, StoreError
from dashboard.views import compare_words as words
from dashboard.views.compare import RunChoice, ValueTable, Wall, help_dialog
from dashboard.views.component import Message, soon
from dashboard.views.verdict import note
from engine.compare import DENOMINATOR, criteria

WIDE: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
FULL: dict[str, Any] = {"sizing_mode": "stretch_both", "margin": 0}
FLUSH_SECONDS = 0.25


class ComparePage:
    """One person's comparison."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.store = services.store
        self.later = Later(pn.state.curdoc)
        self.state = CompareState()
        self.state.read(pn.state.session_args or {})
        self.project: Project | None = None
        self.compared: Compared | None = None
        self._opening: asyncio.Future[Any] | None = None
        self._flushing = False
        self._unsubscribe: Callable[[], None] | None = None

        self.choice = RunChoice(self._on_choice, draws=list(DRAWS), **WIDE)
        self.missing = ui.html("", **WIDE)
        self.refusal = ui.html("", **WIDE)
        self.verdict = ui.html("", **WIDE)
        self.wall = Wall(self._on_wall, **WIDE, kind=self.state.kind, mode=self.state.mode)
        self.blame = ui.html("", **WIDE)
        self.race = RaceSection(self.state, self.later)
        self.table = ValueTable(self._on_table, **WIDE)
        self.matrix = ui.html("", **WIDE)
        self.criteria = ui.html("", **WIDE)
        self.loo = pn.Row(**WIDE)
        self.costs = ui.html("", **WIDE)
        self.live = ui.live_region()
        self.crumb = ui.html("", **WIDE, styles=ui.CENTERED)
        self.links = ui.html("", margin=0, styles=ui.CENTERED)
        self.help = help_dialog()
        self.empty = ui.html("", **FULL)
        self.wall.param.watch(lambda event: setattr(self.state, "kind", event.new), "kind")
        self.wall.param.watch(lambda event: setattr(self.state, "mode", event.new), "mode")
        self.state.param.watch(lambda *_: self.later(self._show_query), list(CompareState.param))
        self.state.param.watch(lambda *_: self._reopen(), "runs")

    # --- layout

    def view(self) -> Any:
        """The page."""
        left = pn.Column(
            self.choice,
            self.missing,
            self.live,
            margin=0,
            sizing_mode="stretch_height",
            width=272,
            css_classes=["card", "side"],
            stylesheets=[ui.stylesheet()],
            styles={"gap": "10px"},
            scroll="y-auto",
        )
        before = [_section("Images", self.wall, self.blame), _section("Do they agree?", self.matrix)]
        after = [
            _section("Parameters", self.table),
            _section("Costs", self.costs),
            _section("Which model?", self.criteria, self.loo),
        ]
        # A race can be watched before there is anything else to see.
        self.sections = [*before, *after]
        self.body = pn.Column(
            self.verdict,
            *before,
            _section("The race", self.race.view()),
            *after,
            **WIDE,
            styles={"gap": "24px"},
            visible=False,
        )
        stage = pn.Column(
            self.refusal,
            self.empty,
            self.body,
            **FULL,
            css_classes=["card", "side"],
            stylesheets=[ui.stylesheet()],
            scroll="y-auto",
        )
        self.empty.object = '<div class="void"><p class="muted">Opening …</p></div>'
        help_button = ui.icon_button("Keyboard help", "keyboard", lambda: setattr(self.help, "open", True))
        return ui.page(
            "Compare",
            header=[self.crumb, self.links, help_button],
            main=[
                pn.Column(
                    pn.Row(left, stage, **FULL, styles={"gap": "10px", "padding": "10px"}), self.help, **FULL
                )
            ],
        )

    def close(self) -> None:
        """Stop listening; runs go on."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    # --- opening

    async def start(self) -> None:
        """Fill the page: called when the browser has the empty one."""
        self.close()
        self._unsubscribe = self.services.jobs.subscribe(None, self._on_event)
        self.project = await asyncio.to_thread(self._find_project)
        self.later(self._show_query)
        await self._open()

    def _find_project(self) -> Project | None:
        known = []
        for run_id in self.state.runs:
            try:
                known.append(self.store.run(run_id))
            except NotFound:
                continue
        project_id = known[0].project_id if known else self.state.project
        try:
            return self.store.project(project_id)
        except NotFound:
            return None

    def _reopen(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        self._opening = soon(self._open())

    async def _open(self) -> None:
        """Open the chosen runs that have ended, and show them."""
        chosen = list(self.state.runs)
        runs, labels = await asyncio.to_thread(self._read, chosen)
        by_id = {run.id: run for run in runs}
        going = [one for one in chosen if one in by_id and not by_id[one].status.ended]
        ended = [one for one in chosen if one not in going]
        refusal, compared = "", None
        if ended:
            try:
                compared = await asyncio.to_thread(open_runs, self.store, ended)
            except NothingToCompare as reason:
                refusal = str(reason)
        waiting = {labels[one]: str(by_id[one].message or by_id[one].status) for one in going}
        self.race.going = {one: await asyncio.to_thread(self.services.jobs.events, one) for one in going}
        rows = await asyncio.to_thread(table_rows, compared) if compared else []
        map_ = await asyncio.to_thread(compared.disagreement) if compared else None
        painted = await asyncio.to_thread(pictures, compared, map_) if compared else ({}, {})
        if chosen != list(self.state.runs):
            return

        def show() -> None:
            self.compared = compared
            project_runs = [run for run in runs if self.project is None or run.project_id == self.project.id]
            self.choice.param.update(
                runs=choice_rows(project_runs, chosen),
                can_run=self.project is not None and bool((self.project.description or {}).get("components")),
                busy=bool(going),
            )
            missing = compared.missing if compared else ()
            self.missing.object = words.missing_words(missing, waiting)
            self._show_crumb()
            self.refusal.object = note("warn", refusal) if refusal else ""
            self.body.visible = bool(ended and compared) or bool(going)
            self.empty.visible = not self.body.visible
            for section in self.sections:
                section.visible = compared is not None
            colors = {one: fitter_color(by_id[one].fitter) for one in going}
            if compared is None:
                self.empty.object = words.NO_RUNS if self.project else words.NO_PROJECT
                self.verdict.object = note(
                    "info", f"Running: {', '.join(waiting)}. Each appears here when it ends."
                )
                self.race.show(None, colors, labels)
                return
            self._show(compared, rows, *painted)
            self.race.show(compared, {**colors, **self._colors(compared)}, labels)

        self.later(show)
        if compared is not None and len(compared.ids) > 1:
            await asyncio.to_thread(self._record, compared)
        if compared is not None and len(self.state.pixel) == 2:
            await self._ask(compared, *self.state.pixel)

    def _record(self, compared: Compared) -> None:
        """A comparison is an action: the notebook of the project tells it."""
        own = [one.run.id for one in compared.found if self.project and one.run.project_id == self.project.id]
        if self.project is not None and len(own) > 1:
            try:
                self.store.journal.compared(self.project.id, own)
            except (NotFound, NotAllowed):
                return  # deleted meanwhile, or open to this person for reading only

    def _read(self, chosen: list[str]) -> tuple[list[Run], dict[str, str]]:
        runs = self.store.runs(self.project.id) if self.project else []
        known = {run.id for run in runs}
        for run_id in chosen:
            if run_id not in known:
                try:
                    runs.append(self.store.run(run_id))
                except NotFound:
                    continue
        return runs, run_labels(self.store, chosen)

    # --- showing

    def _show(
        self,
        compared: Compared,
        rows: list[dict[str, Any]],
        data: dict[str, Any],
        images: dict[str, Any],
    ) -> None:
        comparison = compared.comparison
        agreement = comparison.agreement
        alone = len(compared.labels) < 2
        sentence = comparison.verdict or (
            "One run alone: tick another to compare it with." if alone else "Nothing more to say."
        )
        self.verdict.object = (
            note("info", sentence)
            if alone
            else words.verdict_note(sentence, agreement.groups, agreement.unfinished)
        )
        ui.say(self.live, sentence)
        colors = self._colors(compared)
        panels = [
            {
                "id": one.run.id,
                "label": label,
                "color": colors[label],
                "word": f"χ²/dof {one.result.chi2_dof:.4f}",
                "words": f"{one.result.status.word}, chi2/dof {one.result.chi2_dof:.4f}",
                "link": f"/run/{one.run.id}",
            }
            for label, one in zip(compared.labels, compared.found, strict=True)
        ]
        self.wall.param.update(panels=panels, images=images, data=data, pixel=self.state.pixel)
        with np.errstate(all="ignore"):
            overlap = np.nanmin(
                np.where(np.isfinite(comparison.overlap), comparison.overlap, np.inf), axis=0, initial=np.inf
            )
        self.matrix.object = (
            '<p class="muted">It takes two runs.</p>'
            if alone
            else words.matrix(compared.labels, agreement, overlap.tolist(), DENOMINATOR)
        )
        self.table.param.update(
            labels=[
                [one, label, colors[label]] for one, label in zip(compared.ids, compared.labels, strict=True)
            ],
            rows=rows,
            reference=self._reference(compared),
            has_truth=bool(compared.truths),
        )
        self.costs.object = words.cost_words(comparison.costs)
        self.criteria.object = words.criteria_words(comparison.criteria, compared.caution)
        without = loo_refusals(compared)
        button = [ui_button("Estimate LOO from the draws", self._estimate_loo)]
        sampled = [one for one in compared.found if one.result.draws is not None]
        self.loo[:] = [
            *(button if len(without) < len(sampled) else []),
            *(ui.html(f'<p class="muted small">{escape(text)}</p>', styles=ui.CENTERED) for text in without),
        ]
        if len(self.state.pixel) != 2:
            self.blame.object = ""

    def _reference(self, compared: Compared) -> str:
        wanted = self.state.reference
        if wanted in compared.ids or (wanted == TRUTH and compared.truths):
            return wanted
        from engine.compare.alignment import reference

        return compared.ids[reference(compared.results)]

    def _colors(self, compared: Compared) -> dict[str, str]:
        return {
            label: fitter_color(one.run.fitter)
            for label, one in zip(compared.labels, compared.found, strict=True)
        }

    def _show_crumb(self) -> None:
        project = self.project
        if project is None:
            self.crumb.object = '<div class="row crumb-box"><h1>Compare</h1></div>'
            return
        self.crumb.object = links.crumb(project.id, project.title, "Compare")
        self.links.object = links.navigation(project.id, "Compare", self.services.store.who)

    def _show_query(self) -> None:
        self.wall.query = self.state.query()

    # --- what a person does

    async def _on_choice(self, message: Message) -> None:
        match message:
            case {"type": "choose", "id": str(run_id), "on": bool(on)}:
                self.state.choose(run_id, on)
            case {"type": "none"}:
                self.state.project = self.project.id if self.project else ""
                self.state.runs = []
            case {"type": "cancel", "id": str(run_id)}:
                await asyncio.to_thread(self.services.jobs.cancel, run_id)
            case {"type": "run_all", "draws": int(draws)} if draws in DRAWS and self.project is not None:
                await self.run_all(self.project.id, draws)

    async def run_all(self, project_id: str, draws: int) -> None:
        """Start every fitter on the project's description as it is now, and compare what comes of it."""

        def submit() -> list[str]:
            description = self.store.project(project_id).description or {}
            started = [
                self.services.jobs.submit(project_id, description, fitter, options).id
                for fitter, options in run_all_options(draws).items()
            ]
            self.store.journal.compared(project_id, started)
            return started

        try:
            runs = await asyncio.to_thread(submit)
        except StoreError as error:
            refusal = note("bad", str(error))
            self.later(lambda: setattr(self.refusal, "object", refusal))
            return
        self.state.param.update(runs=runs, reference="", pixel=[])

    async def _on_wall(self, message: Message) -> None:
        match message:
            case {"type": "pixel", "x": int(x), "y": int(y)}:
                self.state.pixel = [x, y]
                if self.compared is not None:
                    await self._ask(self.compared, x, y)
            case {"type": "help"}:
                self.help.open = True

    async def _ask(self, compared: Compared, x: int, y: int) -> None:
        if len(compared.labels) < 2:
            return
        try:
            text = words.blame_words(await asyncio.to_thread(compared.blame, x, y))
        except engine.EngineError as error:
            text = note("warn", str(error))

        def show() -> None:
            self.wall.pixel = [x, y]
            self.blame.object = text

        self.later(show)

    def _on_table(self, message: Message) -> None:
        self.state.reference = str(message["reference"])
        if self.compared is not None:
            self.table.reference = self._reference(self.compared)

    async def _estimate_loo(self) -> None:
        compared = self.compared
        if compared is None:
            return
        self.later(
            lambda: self.loo.__setitem__(slice(None), [ui.html('<p class="muted">Rendering draws …</p>')])
        )
        rows = await asyncio.to_thread(criteria, compared.problems, compared.results, loo=True)

        def show() -> None:
            self.criteria.object = words.criteria_words(rows, compared.caution)
            self.loo[:] = []

        self.later(show)

    # --- live

    def _on_event(self, event: Event) -> None:
        run_id = event["run"]
        if run_id not in self.state.runs:
            return
        if event["type"] == "state":
            self._reopen()
            return
        self.race.follow(event)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, lambda: self.later(self._flush))

    def _flush(self) -> None:
        self._flushing = False
        self.race.draw()


def ui_button(label: str, act: Callable[[], Any]) -> Any:
    """A quiet button of words."""
    button = pn.widgets.Button(label=label, margin=0)
    button.on_click(lambda _: soon(act()))
    return button


def _section(title: str, *content: Any) -> Any:
    heading = ui.html(f'<h2 class="section-title">{escape(title)}</h2>', **WIDE)
    return pn.Column(heading, *content, **WIDE, styles={"gap": "8px"})
