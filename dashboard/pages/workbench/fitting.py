"""The right side of the workbench at work: fitters, progress, curves, verdict and runs follow the state."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

from dashboard import ui
from dashboard.figures.palettes import fitter_color
from dashboard.jobs.events import Event
from dashboard.pages import links
from dashboard.pages.later import Later, Looked
from dashboard.services import Services
from dashboard.state import forecast, images
from dashboard.state.fit_form import FitForm
from dashboard.state.fitting import Fitting
from dashboard.state.runs import last_started, outcome, run_rows
from dashboard.state.session import Session
from dashboard.store import Run, StoreError
from dashboard.views import verdict
from dashboard.views.component import Message, soon
from dashboard.views.fit_panel import FitPanel

FLUSH_SECONDS = 0.1


class FittingPart:
    """Shows the runs of a project and reports what a person does with them."""

    def __init__(self, services: Services, session: Session, later: Later) -> None:
        self.services = services
        self.session = session
        self.state = session.state
        self.later = later
        self.form = FitForm()
        self._at_first = self.form.choice, self.form.computer
        self.fitting = Fitting(services, session, self._step)
        self.panel = FitPanel(self.form, on_fit=self._on_fit, on_run=self._on_run)
        # What is not on screen yet, each with its fitter: by then the run may have ended.
        self._steps: list[tuple[str, Event]] = []
        self._measured: tuple[Any, ...] = ()
        self._cost: forecast.Cost | None = None
        self.state.param.watch(lambda *_: soon(self._measure()), ["opened"])
        self.form.param.watch(lambda *_: self.later(self._show_forecast), ["ticked", "changed", "chain"])
        # A curve that came whole, from the history of an ended run, has nothing to come.
        self._last_step: dict[str, float] = {}
        self.look = Looked(later, lambda: services.store.runs(session.project_id), self.show)
        self.state.param.watch(lambda *_: self.look(), ["active", "run", "result", "opened", "deleted"])

    async def open(self) -> None:
        """Show the runs there are, and tick the fitters that were used last."""
        await self.fitting.open()
        runs = await asyncio.to_thread(self.services.store.runs, self.session.project_id)
        problem = self.state.opened.problem
        last = {"device": runs[0].device, **runs[0].description} if runs else {}
        # The page was on screen all the while: what a person has chosen by now stays.
        choice, computer = self._at_first
        if self.form.computer == computer:
            self.form.follow({**last, **self.state.description})
        if self.form.choice == choice:
            if runs:
                self.form.use_all((run.fitter, run.options) for run in last_started(runs))
            elif problem is not None and problem.fitters:
                self.form.use(*problem.fitters[0])
        self._image = images.name_of(self.state.description)
        self._computer = _computer(self.state.description)
        self.state.param.watch(self._follow_description, ["description"])
        self.look()
        soon(self._find_devices(last))

    async def _find_devices(self, last: Mapping[str, Any]) -> None:
        """Offer what the workers have; the scheduler, which knows it, may take its time."""
        before = self.form.computer
        has_gpu = await asyncio.to_thread(lambda: self.services.jobs.has_gpu)

        def offer() -> None:
            self.form.has_gpu = has_gpu
            if self.form.computer == before:
                self.form.follow({**last, **self.state.description})

        self.later(offer)

    async def _follow_description(self, *_: Any) -> None:
        """Another image is worked on: its own latest run goes on screen. Or a text names device or precision."""
        description = self.state.description
        if _computer(description) != self._computer:
            self._computer = _computer(description)
            self.later(lambda: self.form.follow(description))
        image = images.name_of(description)
        if image != self._image:
            self._image = image
            if self.state.run is None or self.state.run.get("image") != image:
                await self.fitting.show_latest()
            self.look()

    # --- what a person does

    async def fit(self) -> None:
        """Run the ticked fitters."""
        await self._start(self.form.chosen())

    async def fit_all(self) -> None:
        """Run the fitters of the comparison from the same start, and go where they are compared."""
        started = await self._start(self.form.compared())
        address = links.compare(started)
        if address:
            self.later(lambda: setattr(self.panel.controls, "go", address))

    async def _start(self, requests: list[tuple[str, dict[str, Any]]]) -> list[str]:
        self._steps.clear()
        self._last_step.clear()
        self.later(self.panel.curves.clear)
        started = await self.fitting.fit(requests, [self._expected(*one) for one in requests], self.form)
        self.later(lambda: setattr(self.panel.controls, "asked", self.panel.controls.asked + 1))
        return started

    async def _on_fit(self, message: Message) -> None:
        if message["type"] == "compute":
            self.form.compute_on(str(message["device"]), str(message["precision"]))
            return
        await (self.fit_all() if message["type"] == "all" else self.fit())

    async def _on_run(self, message: Message) -> None:
        actions = {
            "show": self.fitting.show,
            "restart": self.fitting.restart_from,
            "stop": self.fitting.stop,
            "discard": self.fitting.discard,
            "delete": self.fitting.delete,
            "restore": self.fitting.restore,
        }
        if message["type"] in actions:
            try:
                await actions[message["type"]](str(message["id"]))
            except StoreError as error:
                self.state.refused = str(error)

    # --- forecast

    async def _measure(self) -> None:
        """Time one model of this problem, when it is another problem and not only another start."""
        problem = self.state.opened.problem
        if problem is None:
            return
        kind = forecast.kind_of(problem)
        if kind == self._measured:
            return
        self._measured = kind
        self._cost = await asyncio.to_thread(forecast.cost_of, problem)
        self.later(self._show_forecast)

    def _expected(self, fitter: str, options: dict[str, Any]) -> float | None:
        """Seconds that a fit is forecast to take, for the queue."""
        found = None if self._cost is None else forecast.forecast(fitter, options, self._cost)
        return None if found is None else found.seconds

    def _show_forecast(self) -> None:
        cost = self._cost
        if cost is None:
            return
        each = {key: forecast.forecast(*self.form.request(key), cost) for key in self.form.keys}
        words = {key: forecast.in_words(one.seconds) for key, one in each.items() if one is not None}
        self.panel.show_forecasts(words, forecast.together([each[key] for key in self.form.ticked]))

    # --- progress

    def _step(self, event: Event) -> None:
        if not self._steps:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, lambda: self.later(self._flush))
        self._steps.append((self.state.active[event["run"]]["fitter"], event))

    def _flush(self) -> None:
        events, self._steps = self._steps, []
        by_run: dict[tuple[str, str], list[Event]] = {}
        for fitter, event in events:
            if event["number"] > self._last_step.get(event["run"], -1):
                by_run.setdefault((event["run"], fitter), []).append(event)
        for (run_id, fitter), steps in by_run.items():
            self._last_step[run_id] = steps[-1]["number"]
            columns = {
                "step": [step["number"] for step in steps],
                "chi2_dof": [step["chi2_dof"] for step in steps],
                "seconds": [step["seconds"] for step in steps],
            }
            self.panel.curves.add(run_id, columns, fitter_color(fitter), self.form.title_of(fitter))
        if by_run:
            self.panel.curve_box.visible = True
            self.fitting.note_steps({run_id: steps[-1] for (run_id, _), steps in by_run.items()})

    # --- from state to views

    def show(self, runs: list[Run]) -> None:
        """Bring runs, verdict and curve up to date."""
        state, panel = self.state, self.panel
        shown = state.run["id"] if state.run else None
        rows = run_rows(
            runs,
            shown=shown,
            active=state.active,
            title_of=self.form.title_of,
            several_images=bool(images.waiting(state.description)),
            page=links.RUN,
        )
        panel.under_way.runs = [row for row in rows if not row["ended"]]
        panel.runs.param.update(
            runs=[row for row in rows if row["ended"]],
            compare=links.compare(run.id for run in runs if run.status.ended),
            deleted=state.deleted,
        )
        if state.refused and state.opened.problem is None:
            # Without a table it stands here, and what was read meanwhile must not take its place.
            panel.show_verdict(verdict.note("bad", state.refused), None)
            return
        if state.run is None:
            panel.show_verdict("", None)
            return
        result = state.result or {}
        if result:
            self._show_curve(state.run, result.get("history") or {})
        html = verdict.verdict(**outcome(state.run, result, state.result_is_current))
        panel.show_verdict(html, shown if result else None)
        ui.say(panel.live, state.run["message"])

    def _show_curve(self, run: dict[str, Any], history: dict[str, Any]) -> None:
        columns = {name: list(history.get(name) or []) for name in ("step", "chi2_dof", "seconds")}
        if len({len(column) for column in columns.values()}) == 1 and columns["step"]:
            if not self.state.active and run["id"] not in self._last_step:
                self.panel.curves.clear()
            self._last_step[run["id"]] = math.inf
            fitter = run["fitter"]
            self.panel.curves.show(run["id"], columns, fitter_color(fitter), self.form.title_of(fitter))
            self.panel.curve_box.visible = True


def _computer(description: Mapping[str, Any]) -> tuple[Any, Any]:
    """The device and the precision that a description states."""
    return description.get("device"), description.get("precision")
