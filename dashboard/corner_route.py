"""GET /api/runs/{run}/corner.pdf and .png: the corner plot for a paper.

?parameters=a,b chooses parameters, in their order; ?with=run,run lays other runs of the same project over it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from tornado.web import RequestHandler

from dashboard.api.handler import ApiHandler, RefusedError
from dashboard.figures.corner_shapes import corner_shapes
from dashboard.figures.print.corner import FORMATS, corner_bytes
from dashboard.services import Services
from dashboard.state.run_opening import open_run, views_of
from dashboard.state.run_page import MOST_OVERLAYS


class CornerHandler(ApiHandler):
    """Draws on a thread; matplotlib's figures are kept apart, so several may be drawn at once."""

    async def get(self, run_id: str, kind: str) -> None:
        names = [name for name in self.get_query_argument("parameters", "").split(",") if name]
        overlays = [one for one in self.get_query_argument("with", "").split(",") if one]
        data = await asyncio.to_thread(self._draw, run_id, kind, names, overlays)
        self.set_header("Content-Type", FORMATS[kind])
        self.set_header("Content-Disposition", f'attachment; filename="residua-{run_id}-corner.{kind}"')
        self.finish(data)

    def _draw(self, run_id: str, kind: str, names: list[str], overlays: list[str]) -> bytes:
        store = self.services.store
        opened = open_run(store, run_id)
        unknown = [name for name in names if name not in opened.result.names]
        if unknown:
            raise RefusedError(
                422,
                f"{unknown[0][:60]!r} is no free parameter of this run. Free are: {', '.join(opened.result.names)}.",
            )
        others = {run.id for run in opened.others}
        strangers = [one for one in overlays if one not in others]
        if strangers:
            raise RefusedError(
                422, f"{strangers[0][:60]!r} is no ended run of the same image in this project."
            )
        views = views_of(store, opened, overlays[:MOST_OVERLAYS])
        shapes = corner_shapes(views, names or None, truths=opened.truths, labels=opened.labels)
        return corner_bytes(shapes, kind)


def corner_routes(services: Services) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """The routes, to stand before the catch-all of the others."""
    return [(r"/api/runs/([^/]+)/corner\.(pdf|png)", CornerHandler, {"services": services})]
