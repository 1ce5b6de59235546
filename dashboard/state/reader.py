"""A reader of a lesson: the values chosen in its widgets, the cell that runs, and what it showed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import param

from dashboard.jobs.events import Event
from dashboard.jobs.tasks import TaskError
from dashboard.learn.lesson import Lesson, LessonError
from dashboard.learn.work import run_cell
from dashboard.services import Services

KEPT_POINTS = 400


class Reader(param.Parameterized):
    """One reader's state of one lesson."""

    values = param.Dict({}, doc="Widget variable to the value that the reader chose; others keep the text's.")
    refused = param.Dict({}, doc="Widget variable to the sentence that says why its last value was refused.")
    running = param.String("", doc="Name of the cell that runs; empty when none does.")
    progress = param.Dict({}, doc="Where it stands: cell, place, of, step, chi2_dof, seconds, note, curve.")
    shown = param.Dict({}, doc="Cell name to its latest outputs by this reader, with the seconds they took.")
    error = param.String("", doc="Why the last run gave nothing.")

    def __init__(self, services: Services, lesson: Lesson, **params: Any) -> None:
        super().__init__(**params)
        self.lesson = lesson
        self._services = services
        self._task = ""
        self._unsubscribe: Callable[[], None] | None = None

    def set(self, variable: str, value: Any) -> bool:
        """Choose a widget's value; False, with the reason in ``refused``, when it may not be."""
        others = {name: text for name, text in self.refused.items() if name != variable}
        try:
            widget = self.lesson.widgets.get(variable)
            if widget is None:
                raise LessonError(f"{variable[:40]!r} cannot be changed on this page.")
            checked = widget.read(value)
        except LessonError as error:
            self.refused = {**others, variable: str(error)}
            return False
        kept = {name: one for name, one in self.values.items() if name != variable}
        if checked != widget.default:
            kept[variable] = checked
        self.param.update(values=kept, refused=others)
        return True

    async def run(self, cell: str) -> None:
        """Run a cell, and those above it that it builds on, in a worker."""
        if self.running:
            return
        argument = {"lesson": self.lesson.key, "cell": cell, "values": dict(self.values)}
        tasks = self._services.jobs.tasks
        try:
            self.lesson.needed(cell)
            self._task = await asyncio.to_thread(tasks.start, run_cell, argument)
        except (LessonError, TaskError) as error:
            self.error = str(error)
            return
        self.param.update(running=cell, error="", progress={"note": "waiting for a free worker", "curve": []})
        self._unsubscribe = tasks.subscribe(self._task, self._heard)
        try:
            answer = await tasks.outcome(self._task)
            took = {"outputs": answer["outputs"], "seconds": answer["seconds"]}
            stopped = "Stopped on request." if answer["stopped"] else ""
            self.param.update(
                shown={**self.shown, cell: took} if took["outputs"] or not stopped else self.shown,
                error=stopped,
            )
        except TaskError as error:
            self.error = str(error)
        finally:
            self.close()
            self.param.update(running="", progress={})

    async def stop(self) -> None:
        """Ask the running cell to stop."""
        if self._task:
            await asyncio.to_thread(self._services.jobs.tasks.cancel, self._task)

    def close(self) -> None:
        """Stop listening."""
        self._task = ""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def leave(self) -> None:
        """The reader went away: what still runs for them is stopped."""
        if self._task:
            self._services.jobs.tasks.cancel(self._task)

    def reset(self) -> None:
        """Back to the text's values and the stored outputs."""
        self.param.update(values={}, refused={}, shown={}, error="")

    def _heard(self, event: Event) -> None:
        if not self.running:
            return
        match event:
            case {"type": "cell"}:
                self.progress = {
                    **{key: event[key] for key in ("cell", "place", "of")},
                    "note": "",
                    "curve": [],
                }
            case {"type": "step"}:
                curve = [*self.progress.get("curve", []), event["chi2_dof"]]
                if len(curve) > KEPT_POINTS:
                    curve = curve[::2]
                phase = event["info"].get("phase")
                self.progress = {
                    **self.progress,
                    "note": "",
                    "step": event["number"],
                    "chi2_dof": event["chi2_dof"],
                    "seconds": event["seconds"],
                    "phase": phase if isinstance(phase, str) else "",
                    "draw": event["info"].get("draw"),
                    "curve": curve,
                }
