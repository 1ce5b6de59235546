"""HTTP routes for scripts: what the pages do with projects and runs, as JSON.

GET  /api/projects                     one's own, and those that are lent
POST /api/projects                     {"title": "M 51"}: a new one; {"example": "seed"} opens an example
GET  /api/projects/{project}/runs      the newest first
POST /api/projects/{project}/runs      {"fitter": "lm", "options": {}, "description": "residua: 1 ..."}
GET  /api/runs/{run}                   where a run stands
POST /api/runs/{run}/cancel
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tornado.web import RequestHandler

import engine
from dashboard.api.handler import ApiHandler, RefusedError
from dashboard.services import Services
from dashboard.state.exchange import from_text
from dashboard.state.opening import opener
from dashboard.store import Project, Reach, Run, StoreError

KINDS: dict[type, str] = {str: "text", dict: "object"}


class ScriptHandler(ApiHandler):
    """Reads what a script sends."""

    def wanted(self, known: dict[str, type]) -> dict[str, Any]:
        """The body, an object with some of these keys."""
        try:
            wanted = json.loads(self.request.body or b"{}")
        except ValueError:
            raise RefusedError(422, "The body is not JSON.") from None
        if not isinstance(wanted, dict) or any(
            not isinstance(wanted[key], known[key]) for key in wanted.keys() & known.keys()
        ):
            parts = [f"{key} ({KINDS[kind]})" for key, kind in known.items()]
            raise RefusedError(422, f"The body is an object with {', '.join(parts[:-1])} and {parts[-1]}.")
        unknown = wanted.keys() - known.keys()
        if unknown:
            raise RefusedError(
                422, f"{sorted(unknown)[0][:40]!r} is not known. Known are: {', '.join(known)}."
            )
        return wanted


class ProjectsHandler(ScriptHandler):
    """The projects that the sender finds on the first page, and a new one."""

    async def get(self) -> None:
        projects = await asyncio.to_thread(self.services.store.projects)
        found = [{"id": one.id, "title": one.title, "updated": one.updated.isoformat()} for one in projects]
        self.answer({"projects": found})

    async def post(self) -> None:
        wanted = self.wanted({"title": str, "example": str})
        if not (wanted.get("title") or wanted.get("example")):
            raise RefusedError(422, "A new project needs a title, or an example to open.")
        project = await asyncio.to_thread(self._make, wanted.get("title", ""), wanted.get("example", ""))
        self.answer({"project": {"id": project.id, "title": project.title}}, 201)

    def _make(self, title: str, example: str) -> Project:
        if example:
            return self.services.add_example(example, title or None)
        return self.services.store.create_project(title)


class RunsHandler(ScriptHandler):
    """The runs of a project, and a new one."""

    async def get(self, project_id: str) -> None:
        runs = await asyncio.to_thread(self.services.store.runs, project_id)
        self.answer({"runs": [run_record(run) for run in runs]})

    async def post(self, project_id: str) -> None:
        run = await asyncio.to_thread(
            self._start, project_id, self.wanted({"fitter": str, "options": dict, "description": str})
        )
        self.answer({"run": run_record(run)}, 201)

    def _start(self, project_id: str, wanted: dict[str, Any]) -> Run:
        """Check all that is asked for as the workbench does, then put it into the queue. Reads files."""
        store = self.services.store
        store.require(project_id, Reach.WRITE)
        fitter, options = wanted.get("fitter", "lm"), wanted.get("options", {})
        engine.fitters.configured(fitter, options)
        if "description" in wanted:
            description = from_text(wanted["description"], store.files(project_id))
        else:
            description = store.project(project_id).description or {}
        if opener(store, project_id)(description).problem is None:
            raise StoreError("There is nothing to fit yet: the description needs an image and a component.")
        return self.services.jobs.submit(project_id, description, fitter, options)


class RunHandler(ApiHandler):
    """One run."""

    async def get(self, run_id: str) -> None:
        self.answer({"run": run_record(await asyncio.to_thread(self.services.store.run, run_id))})


class CancelHandler(ApiHandler):
    """Asks a run to stop; one that is over stays as it is."""

    async def post(self, run_id: str) -> None:
        await asyncio.to_thread(self.services.jobs.cancel, run_id)
        self.answer({"run": run_record(await asyncio.to_thread(self.services.store.run, run_id))}, 202)


def run_record(run: Run) -> dict[str, Any]:
    """What a script is told of a run; its values are in its files."""
    return {
        "id": run.id,
        "project": run.project_id,
        "status": str(run.status),
        "message": run.message,
        "fitter": run.fitter,
        "options": run.options,
        "converged": run.converged,
        "chi2_dof": run.chi2_dof,
        "created": run.created.isoformat(),
        "seconds": run.seconds,
        "files": f"/api/runs/{run.id}/files/",
    }


def script_routes(services: Services) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """The routes for Panel's `extra_patterns`."""
    own = {"services": services}
    return [
        (r"/api/projects", ProjectsHandler, own),
        (r"/api/projects/([^/]+)/runs", RunsHandler, own),
        (r"/api/runs/([^/]+)", RunHandler, own),
        (r"/api/runs/([^/]+)/cancel", CancelHandler, own),
    ]
