"""What all routes share: one shape for errors, harmless headers, and what their sender may do."""

from __future__ import annotations

import json
import logging
import secrets
from typing import Any

from sqlalchemy.exc import OperationalError
from tornado.web import HTTPError, RequestHandler

import engine
from dashboard.services import Services
from dashboard.store import NotAllowed, NotFound, StoreError
from dashboard.store.files import FULL_DISK, is_full

logger = logging.getLogger("residua.routes")


class RefusedError(Exception):
    """A request that is refused, with the HTTP status and the sentence for its sender."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class ApiHandler(RequestHandler):
    """What all routes share: JSON errors without tracebacks, harmless headers.

    `services` are those of whoever sends the request: what they may not do raises NotFound or NotAllowed.
    """

    services: Services

    def initialize(self, services: Services, **parts: Any) -> None:
        self.services = services.seen_by(self.request.who)  # type: ignore[attr-defined]

    def set_default_headers(self) -> None:
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        self.clear_header("Server")

    def answer(self, content: dict[str, Any], status: int = 200) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps(content, allow_nan=False, default=str))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        if isinstance(error, NotFound):
            self.answer({"error": str(error)}, 404)
        elif isinstance(error, NotAllowed):
            self.answer({"error": str(error)}, 403)
        elif isinstance(error, engine.EngineError | StoreError):
            self.answer({"error": str(error)}, 422)
        elif isinstance(error, RefusedError):
            self.answer({"error": str(error)}, error.status)
        elif isinstance(error, HTTPError):
            self.answer(
                {"error": f"The server refused this request ({error.status_code})."}, error.status_code
            )
        elif isinstance(error, OperationalError):
            logger.error("%s %s: the database does not answer", self.request.method, self.request.path)
            self.answer({"error": "The database does not answer. Try again in a minute."}, 503)
        elif is_full(error):
            self.answer({"error": FULL_DISK}, 507)
        else:
            code = secrets.token_hex(4)
            logger.error("[%s] %s %s failed", code, self.request.method, self.request.path, exc_info=error)
            self.answer({"error": f"Something went wrong here. The server's log has it as {code}."}, 500)

    def log_exception(self, *arguments: Any) -> None:
        """Errors are logged once, in `write_error`; refusals are not errors of ours."""
