"""HTTP routes of documents: lessons as notebooks, and exported reports.

GET /api/learn/{lesson}.ipynb
GET /api/exports/{project}/{token}/{name}     what a page had made, for its own reader, a short while
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from typing import Any

from tornado.web import RequestHandler

from dashboard.api.handler import ApiHandler
from dashboard.learn.download import as_notebook
from dashboard.learn.lesson import LessonError, lesson
from dashboard.services import Services
from dashboard.store import NotFound

KINDS = {"html": "text/html; charset=utf-8", "zip": "application/zip", "pdf": "application/pdf"}
KEPT_EXPORTS = 6

# Token to the project, the file's name and the content. A token cannot be guessed: whoever has it asked for the export.
_exports: OrderedDict[str, tuple[str, str, bytes]] = OrderedDict()
NOTEBOOK = "application/x-ipynb+json; charset=utf-8"


class LessonHandler(ApiHandler):
    """A lesson as a Jupyter notebook."""

    async def get(self, key: str) -> None:
        try:
            page = lesson(key)
        except LessonError as error:
            raise NotFound(str(error)) from None
        text = await asyncio.to_thread(as_notebook, page)
        self.set_header("Content-Type", NOTEBOOK)
        self.set_header("Content-Disposition", f'attachment; filename="residua-{page.key}.ipynb"')
        self.finish(text)


class ExportHandler(ApiHandler):
    """A report that was made for somebody's page, as a download."""

    async def get(self, project: str, token: str, name: str) -> None:
        found = _exports.get(token)
        if found is None or found[:2] != (project, name):
            raise NotFound("This export is gone. Make it again on the report's page.")
        self.set_header("Content-Type", KINDS[name.rpartition(".")[2]])
        self.set_header("Content-Disposition", f'attachment; filename="residua-{name}"')
        self.finish(found[2])


def keep_export(project: str, name: str, content: bytes) -> str:
    """Keep a report until it is fetched, or until some others were made; returns its address."""
    token = secrets.token_urlsafe(24)
    _exports[token] = (project, name, content)
    while len(_exports) > KEPT_EXPORTS:
        _exports.popitem(last=False)
    return f"/api/exports/{project}/{token}/{name}"


def document_routes(services: Services) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """The routes for Panel's `extra_patterns`; before those of :mod:`dashboard.routes`, which end with a refusal."""
    own = {"services": services}
    return [
        (r"/api/learn/([a-z0-9-]+)\.ipynb", LessonHandler, own),
        (r"/api/exports/([^/]+)/([A-Za-z0-9_-]+)/([a-z.]+)", ExportHandler, own),
    ]
