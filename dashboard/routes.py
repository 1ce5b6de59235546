"""The HTTP routes beside the pages; dashboard.access says who may open them. Errors are JSON of one shape.

POST /api/projects/{project}/files?role=image&name=galaxy.fits    the file as the body, streamed to disk
GET  /api/runs/{run}/files/{name}                                 one of DOWNLOADS, or all.zip
GET  /api/health
GET  /metrics                                                      for Prometheus
"""

from __future__ import annotations

import asyncio
from typing import Any

from tornado.web import RequestHandler

from dashboard import forks
from dashboard.api.download import DownloadHandler
from dashboard.api.health import Checkup, HealthHandler
from dashboard.api.inspection import Allowance, Inspector
from dashboard.api.metrics import LoopDelay, MetricsHandler
from dashboard.api.upload import UploadHandler
from dashboard.services import Services


def api_routes(
    services: Services, loop: asyncio.AbstractEventLoop, checkup: Checkup
) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """The routes for Panel's `extra_patterns`, to be served on this loop."""
    own = {"services": services}
    settings = services.settings
    inspector = Inspector(
        Allowance(
            seconds=settings.inspect_seconds,
            memory_bytes=settings.inspect_memory_mb * 1_000_000,
            unpacked_bytes=settings.max_upload_bytes,
        )
    )
    forks.begin(settings.torch_threads)
    delay = LoopDelay()
    delay.watch(loop)
    return [
        (r"/metrics", MetricsHandler, {**own, "checkup": checkup, "delay": delay}),
        (r"/api/health", HealthHandler, {**own, "checkup": checkup}),
        (r"/api/projects/([^/]+)/files", UploadHandler, {**own, "inspector": inspector}),
        (r"/api/runs/([^/]+)/files/([^/]+)", DownloadHandler, own),
    ]
