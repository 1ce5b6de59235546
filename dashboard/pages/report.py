"""`/report/{project}`: the notebook of a project, and its exports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn

from dashboard import ui
from dashboard.api.documents import keep_export
from dashboard.pages import links
from dashboard.pages.later import patient
from dashboard.reports.export import NAMES
from dashboard.reports.markup import markdown, python
from dashboard.reports.outputs import outputs
from dashboard.services import Services
from dashboard.state.notebook import Notebook
from dashboard.state.runs import clock
from dashboard.store import NotFound, Project
from dashboard.views.component import Message
from dashboard.views.notebook import NotebookView

WIDE = {"sizing_mode": "stretch_width", "margin": 0}


def report(services: Services, project_id: str) -> Any:
    """The notebook of a project, or a page that says there is none."""
    ui.setup()
    try:
        project = services.project(project_id)
    except NotFound as error:
        return ui.message_page("No such project", str(error))
    page = ReportPage(services, project)
    pn.state.onload(patient(page.notebook.open))
    pn.state.on_session_destroyed(lambda _: page.notebook.leave())
    return page.view()


class ReportPage:
    """One person's view of the notebook of a project."""

    def __init__(self, services: Services, project: Project) -> None:
        self.project = project
        self.who = services.store.who
        self.document = pn.state.curdoc
        self.notebook = Notebook(services, project.id)
        self.shown = NotebookView(
            self._on_message, title=project.title, project=f"/fit/{project.id}", working="opening …", **WIDE
        )
        watch = self.notebook.param.watch
        watch(lambda *_: self._later(self._show), ["entries", "drawn", "working", "error"])
        watch(lambda *_: self._later(self._give), ["ready"])

    def view(self) -> Any:
        """The page."""
        project = self.project
        crumb = ui.html(links.crumb(project.id, project.title, "Report", "span"), **WIDE, styles=ui.CENTERED)
        around = ui.html(links.navigation(project.id, "Report", self.who), margin=0, styles=ui.CENTERED)
        return ui.page(f"{project.title}: report", header=[crumb, around], main=[self.shown])

    def _show(self) -> None:
        book = self.notebook
        self.shown.param.update(
            cells=[self._cell(entry) for entry in book.entries],
            working=book.working,
            error=book.error,
            can_undo=book.can_undo,
            can_redo=book.can_redo,
        )

    def _cell(self, entry: Any) -> dict[str, Any]:
        drawn = self.notebook.drawn.get(entry.id, {})
        titles = {"note": "Note", "run": "Fit", "edit": "Edit", "comparison": "Comparison"}
        return {
            "id": entry.id,
            "kind": entry.kind,
            "title": drawn.get("title", titles[entry.kind]),
            "moved": drawn.get("moved", ""),
            "source": python(drawn["source"]) if drawn.get("source") else "",
            "outputs": outputs(drawn.get("outputs", ())),
            "note": entry.note,
            "note_html": markdown(entry.note) if entry.note.strip() else "",
            "hidden": entry.hidden,
            "when": clock(entry.created),
        }

    def _give(self) -> None:
        """Have the browser fetch what was exported."""
        if self.notebook.ready is not None:
            kind, content = self.notebook.ready
            self.shown.download = keep_export(self.project.id, NAMES[kind], content)

    def _later(self, change: Callable[[], None]) -> None:
        if self.document is not None:
            self.document.add_next_tick_callback(change)

    async def _on_message(self, message: Message) -> None:
        book = self.notebook
        match message:
            case {"type": "move", "id": str(entry), "by": int(by)}:
                await book.move(entry, 1 if by > 0 else -1)
            case {"type": "hide", "id": str(entry), "hidden": bool(hidden)}:
                await book.hide(entry, hidden)
            case {"type": "annotate", "id": str(entry), "text": str(text)}:
                await book.annotate(entry, text)
            case {"type": "note", "after": str(after), "text": str(text)}:
                await book.add_note(after, text)
            case {"type": "undo"}:
                await book.undo()
            case {"type": "redo"}:
                await book.redo()
            case {"type": "export", "kind": str(kind)}:
                await book.export(kind)
