"""HTTP routes of documents: lessons as notebooks.

GET /api/learn/{lesson}.ipynb
"""

from __future__ import annotations

import asyncio
from typing import Any

from tornado.web import RequestHandler

from dashboard.api.handler import ApiHandler
from dashboard.learn.download import as_notebook
from dashboard.learn.lesson import LessonError, lesson
from dashboard.services import Services
from dashboard.store import NotFound

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


def document_routes(services: Services) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """The routes for Panel's `extra_patterns`; before those of :mod:`dashboard.routes`, which end with a refusal."""
    own = {"services": services}
    return [(r"/api/learn/([a-z0-9-]+)\.ipynb", LessonHandler, own)]
