"""Files on their way in: streamed to disk, looked into by a process of its own, then kept or refused."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable
from typing import Any

from sqlalchemy.exc import OperationalError
from tornado.web import stream_request_body

from dashboard.api.handler import ApiHandler, RefusedError
from dashboard.api.inspection import Inspector
from dashboard.services import Services
from dashboard.store import StoreError, file_reference
from dashboard.store.files import Incoming
from dashboard.store.names import display_name
from dashboard.store.references import ROLES

LEAST_BYTES_A_SECOND = 1000
# A refused sender may go on sending this much, so that it gets round to reading why.
DRAINED_BYTES = 64_000_000
_SHOWN = ("notices", "header", "default_index", "extensions")


@stream_request_body
class UploadHandler(ApiHandler):
    """Takes a file in without ever holding more than a chunk of it in memory."""

    _incoming: Incoming | None = None
    _refusal: Exception | None = None
    _received = 0
    _keeping = False
    _gone = False
    _clock: asyncio.TimerHandle | None = None
    _project = ""
    _role = ""
    _name = ""

    def initialize(self, services: Services, **parts: Any) -> None:
        super().initialize(services)
        self._inspector: Inspector = parts["inspector"]

    async def prepare(self) -> None:
        settings = self.services.settings
        self._limit = settings.max_upload_bytes
        # Our own limit counts the chunks as they come; this one only ends the never-ending.
        self.request.connection.set_max_body_size(self._limit + DRAINED_BYTES)  # type: ignore[union-attr]
        self.request.connection.set_body_timeout(settings.upload_seconds)  # type: ignore[union-attr]
        length = self.request.headers.get("Content-Length", "0")
        try:
            self._name = display_name(self.get_query_argument("name", "unnamed"))
            self._role = self.get_query_argument("role", "")
            if self._role and self._role not in ROLES:
                raise RefusedError(
                    422, f"{self._role[:40]!r} is not a role of a file. Known are: {', '.join(ROLES)}."
                )
            self._project = (await asyncio.to_thread(self.services.store.project, self.path_args[0])).id
            if length.isdecimal() and int(length) > self._limit:
                raise self._too_large()
            await asyncio.to_thread(self._check_disk, int(length) if length.isdecimal() else 0)
            self._incoming = await asyncio.to_thread(self.services.store.receive)
        except (RefusedError, StoreError, OperationalError, OSError) as error:
            if length.isdecimal() and int(length) > self._limit + DRAINED_BYTES:
                raise
            self._refuse(error)
        self._watch_pace(settings.upload_stall_seconds)

    def _watch_pace(self, seconds: int) -> None:
        """Cut off a sender who brings next to nothing: it would hold its connection for as long as a large file may."""
        before = self._received

        def look() -> None:
            if self._received - before >= seconds * LEAST_BYTES_A_SECOND:
                self._watch_pace(seconds)
                return
            self._discard()
            self.set_header("Connection", "close")
            self.answer(
                {
                    "error": f"{self._name} came with less than {LEAST_BYTES_A_SECOND // 1000} kB a second for "
                    f"{seconds} s, so it was cut off. Send it again over a faster connection, or a smaller cut-out."
                },
                408,
            )

        self._clock = asyncio.get_running_loop().call_later(seconds, look)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._received += len(chunk)
        if self._incoming is None or self._refusal is not None:
            return None
        try:
            if self._received > self._limit:
                raise self._too_large()
            self._incoming.write(chunk)
        except (RefusedError, OSError) as error:
            self._refuse(error)
        return None

    def _refuse(self, error: Exception) -> None:
        """Keep the refusal until the body has come: an answer before that would break the sender's connection."""
        self._refusal = error
        self._discard()

    async def post(self, project: str) -> None:
        self._stop_clock()
        if self._refusal is not None or self._incoming is None:
            raise self._refusal or RuntimeError("no file was begun")
        self._keeping = True
        await asyncio.to_thread(self._incoming.close)
        if self._incoming.size == 0:
            raise RefusedError(422, f"{self._name} is empty. Choose another file.")
        await asyncio.to_thread(self.services.check_room, self._project, self._incoming.size)
        found = await self._inspector.look(self._incoming.path, self._name, self._role)
        if self._gone:
            return  # stopped at the last moment: on_finish leaves nothing of it
        file = await asyncio.to_thread(
            self.services.take_in, self._project, found["role"], self._name, self._incoming
        )
        kept = {
            "id": file.id,
            "role": file.role,
            "name": file.name,
            "size": file.size,
            "sha256": file.sha256,
            "reference": file_reference(file, found["default_index"]),
        }
        self.answer({"file": kept, **{key: found[key] for key in _SHOWN}}, 201)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self._discard()
        super().write_error(status_code, **kwargs)

    def on_finish(self) -> None:
        self._stop_clock()
        self._discard()

    def on_connection_close(self) -> None:
        super().on_connection_close()  # which ends what waits for the rest of the file
        self._stop_clock()
        self._gone = True
        if not self._keeping:  # what is being looked into is needed until that is over
            self._discard()

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()

    def _discard(self) -> None:
        if self._incoming is not None:
            self._incoming.discard()

    def _check_disk(self, size: int) -> None:
        """Refuse what would leave fits no room to write their results."""
        free = shutil.disk_usage(self.services.store.data_dir).free
        if free - size < self.services.settings.min_free_mb * 1_000_000:
            raise RefusedError(
                507,
                f"The server's disk is nearly full ({free // 1_000_000} MB left), so it takes no more files. Delete "
                "old projects, or ask whoever cares for the server (residua clean, --min-free-mb).",
            )

    def _too_large(self) -> RefusedError:
        limit = self.services.settings.max_upload_mb
        return RefusedError(
            413,
            f"{self._name} is larger than the {limit} MB this server takes. "
            "Cut the part around the object out, or raise --max-upload-mb.",
        )
