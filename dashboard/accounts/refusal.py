"""The answer to a request that the gate refuses, in the form that its sender reads: JSON, a page, or plain words."""

from __future__ import annotations

from typing import Any

from tornado.web import RequestHandler, stream_request_body

from dashboard.accounts.html import message_page

# A refused sender may go on sending this much, so that it gets round to reading why.
DRAINED_BYTES = 64_000_000


@stream_request_body
class Refusal(RequestHandler):
    """Lets what the sender still sends pass by, keeps none of it, and answers."""

    def initialize(self, status: int, sentence: str, log_in: str = "") -> None:
        self._status = status
        self._sentence = sentence
        self._log_in = log_in

    def prepare(self) -> None:
        # An answer before the body has come would break the sender's connection.
        self.request.connection.set_max_body_size(DRAINED_BYTES)  # type: ignore[union-attr]

    def _answer(self) -> None:
        if self._log_in:
            self.set_header("Cache-Control", "no-store")
            self.redirect(self._log_in)
            return
        self.set_status(self._status)
        if self._status == 401:
            self.set_header("WWW-Authenticate", "Bearer")
        if self.request.path.startswith(("/api", "/metrics")):
            self.finish({"error": self._sentence})
        elif "text/html" in self.request.headers.get("Accept", "") and self._status != 421:
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.finish(
                message_page(self.request, "Not now" if self._status == 503 else "Not here", self._sentence)
            )
        else:
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(f"{self._sentence}\n")

    get = head = post = put = patch = delete = options = _answer

    def data_received(self, chunk: bytes) -> None:
        """What comes after the headers does not matter any more."""

    def log_exception(self, *arguments: Any) -> None:
        """A refusal is no error of ours."""
