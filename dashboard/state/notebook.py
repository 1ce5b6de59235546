"""The notebook of a project: its journal in the order people gave it, what is hidden, notes, undo, exports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import param

from dashboard.jobs.events import Event
from dashboard.jobs.tasks import TaskError
from dashboard.reports.project import draw, export
from dashboard.services import Services
from dashboard.store import NotFound, StoreError
from dashboard.store.journal import NOTE, Entry, new_note

KINDS = {"html": "HTML", "zip": "notebook", "pdf": "PDF"}
KEPT_STEPS = 100


class Notebook(param.Parameterized):
    """One person's view of the notebook of a project."""

    entries = param.List([], doc="The journal, as Entry records.")
    drawn = param.Dict(
        {}, doc="Entry id to its title, why it may surprise where it stands, source and outputs."
    )
    working = param.String("", doc="What is being done, in words; empty when nothing is.")
    error = param.String("", doc="Why the last thing was not done.")
    ready = param.Parameter(None, doc="The last export: (kind, content).")

    def __init__(self, services: Services, project_id: str, **params: Any) -> None:
        super().__init__(**params)
        self._services = services
        self._project_id = project_id
        self._past: list[list[Entry]] = []
        self._future: list[list[Entry]] = []
        self._task = ""
        self._alone = asyncio.Lock()
        self._stale = False

    @property
    def can_undo(self) -> bool:
        """Whether something was arranged here that can be taken back."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether something was taken back."""
        return bool(self._future)

    async def open(self) -> None:
        """Read the journal, and have what it shows drawn."""
        self.entries = await asyncio.to_thread(self._services.store.journal.entries, self._project_id)
        if self.entries:
            answer = await self._work(draw, {}, "drawing")
            if answer is not None:
                self.param.update(drawn=answer.get("cells", {}), error=answer.get("error", ""))

    async def move(self, entry_id: str, by: int) -> None:
        """Move an entry up (by -1) or down (by 1)."""
        entries = list(self.entries)
        at = self._at(entry_id)
        to = max(0, min(len(entries) - 1, at + by)) if at >= 0 else at
        if to != at:
            entries.insert(to, entries.pop(at))
            await self._arrange(entries)

    async def hide(self, entry_id: str, hidden: bool) -> None:
        """Leave an entry out of the report, or take it in again."""
        await self._replace(entry_id, hidden=hidden)

    async def annotate(self, entry_id: str, note: str) -> None:
        """Write Markdown above an entry; a note that is emptied is deleted."""
        at = self._at(entry_id)
        if at >= 0 and self.entries[at].kind == NOTE and not note.strip():
            await self._arrange([one for one in self.entries if one.id != entry_id])
        else:
            await self._replace(entry_id, note=note)

    async def add_note(self, after: str, text: str) -> None:
        """Write a note of its own after an entry; after none (""), at the beginning."""
        if text.strip():
            at = self._at(after) + 1 if after else 0
            await self._arrange([*self.entries[:at], new_note(text), *self.entries[at:]])

    async def undo(self) -> None:
        """Take the last arrangement back."""
        if self._past:
            self._future.append(list(self.entries))
            await self._keep(self._past.pop())

    async def redo(self) -> None:
        """Arrange it again as it was before undo."""
        if self._future:
            self._past.append(list(self.entries))
            await self._keep(self._future.pop())

    async def export(self, kind: str) -> None:
        """Make the report; it is in ``ready`` then."""
        if kind not in KINDS:
            self.error = f"A report is exported as {', '.join(KINDS)}."
            return
        answer = await self._work(export, {"export": kind}, f"making the {KINDS[kind]}")
        if answer is None:
            return
        self.error = answer.get("error", "")
        if "content" in answer:
            self.ready = (kind, answer["content"])

    def leave(self) -> None:
        """The person went away: what still runs for them is stopped."""
        if self._task:
            self._services.jobs.tasks.cancel(self._task)

    # --- inside

    def _at(self, entry_id: str) -> int:
        return next((at for at, one in enumerate(self.entries) if one.id == entry_id), -1)

    async def _replace(self, entry_id: str, **changes: Any) -> None:
        await self._arrange([replace(one, **changes) if one.id == entry_id else one for one in self.entries])

    async def _arrange(self, entries: list[Entry]) -> None:
        if entries == self.entries:
            return
        self._past = [*self._past[-KEPT_STEPS:], list(self.entries)]
        self._future = []
        await self._keep(entries)

    async def _keep(self, entries: list[Entry]) -> None:
        try:
            await asyncio.to_thread(self._services.store.journal.arrange, self._project_id, entries)
        except NotFound as error:
            self.error = str(error)
            return
        places = [
            [(one.id, one.hidden) for one in each if one.kind != NOTE] for each in (self.entries, entries)
        ]
        self.param.update(entries=entries, error="")
        if places[0] != places[1]:
            await self._reword()

    async def _reword(self) -> None:
        """A cell leads on from those above it: when one has moved, the code of others may have changed."""
        if self._stale:
            return  # the one that waits its turn sees this order too
        self._stale = True
        async with self._alone:
            self._stale = False
            answer = await self._work_alone(draw, {"words": True}, "putting it in order")
        if answer is not None and "cells" in answer:
            cells = answer["cells"].items()
            self.drawn = {**self.drawn, **{key: {**self.drawn.get(key, {}), **cell} for key, cell in cells}}

    async def _work(
        self, work: Callable[..., Any], more: dict[str, Any], words: str
    ) -> dict[str, Any] | None:
        """Have the journal worked on in a worker; None, with the reason in ``error``, when that failed."""
        async with self._alone:
            return await self._work_alone(work, more, words)

    async def _work_alone(
        self, work: Callable[..., Any], more: dict[str, Any], words: str
    ) -> dict[str, Any] | None:
        tasks = self._services.jobs.tasks
        self.param.update(working=f"{words} …", error="")
        unsubscribe: Callable[[], None] = lambda: None  # noqa: E731
        try:
            argument = {**await asyncio.to_thread(self._journal), **more}
            self._task = await asyncio.to_thread(tasks.start, work, argument)
            unsubscribe = tasks.subscribe(self._task, self._heard)
            answer: dict[str, Any] = await tasks.outcome(self._task)
            return answer
        except (TaskError, StoreError) as error:
            self.error = str(error)
            return None
        finally:
            unsubscribe()
            self._task = ""
            self.working = ""

    def _heard(self, event: Event) -> None:
        if event["type"] == "note" and self.working:
            self.working = f"{event['note']} …"

    def _journal(self) -> dict[str, Any]:
        """All that a worker needs, as plain values."""
        store = self._services.store
        runs = sorted(store.runs(self._project_id), key=lambda run: run.created)
        return {
            "title": store.project(self._project_id).title,
            "entries": [{**asdict(entry), "created": entry.created.isoformat()} for entry in self.entries],
            "runs": {
                run.id: {
                    "fitter": run.fitter,
                    "status": str(run.status),
                    "message": run.message,
                    "folder": str(store.run_folder(run.id)),
                    "stored": run.description,
                    "description": store.resolved_description(self._project_id, run.description),
                }
                for run in runs
            },
            "files": {
                file.id: {"path": str(file.path), "name": file.name} for file in store.files(self._project_id)
            },
        }
