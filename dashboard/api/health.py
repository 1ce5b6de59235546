"""Whether the server can do its work."""

from __future__ import annotations

import asyncio
import logging

from dashboard.api.handler import ApiHandler

logger = logging.getLogger("residua.routes")


class HealthHandler(ApiHandler):
    async def get(self) -> None:
        try:
            database = await asyncio.to_thread(self.services.store.is_alive)
        except Exception:
            logger.exception("The database does not answer")
            database = False
        workers = await asyncio.to_thread(lambda: self.services.jobs.workers)
        well = database and workers > 0
        answer = {"status": "ok" if well else "failing", "database": database, "workers": workers}
        self.answer(answer, 200 if well else 503)
