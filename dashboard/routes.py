"""The HTTP routes beside the pages: uploads, downloads, health. Answers are JSON with one shape for errors.

POST /api/projects/{project}/files?role=image&name=galaxy.fits    the file as the body, streamed to disk
GET  /api/runs/{run}/files/{name}                                 one of DOWNLOADS, or all.zip
GET  /api/health
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import re
import secrets
import tempfile
import zipfile
from collections.abc import Awaitable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler, stream_request_body

import engine
from dashboard.services import Services
from dashboard.store import NotFound, StoreError, file_reference
from dashboard.store.files import Incoming
from dashboard.store.names import display_name
from dashboard.store.references import ROLES
from engine.outputs import plain

DOWNLOADS = {
    "result.json": "application/json",
    "images.fits": "application/fits",
    "parameters.ecsv": "text/plain; charset=utf-8",
    "fit.yaml": "text/plain; charset=utf-8",
    "draws.nc": "application/x-netcdf",
}
ARCHIVE = "all.zip"
INSPECT_SECONDS = 60
UPLOAD_SECONDS = 3600
# A refused sender may go on sending this much, so that it gets round to reading why.
DRAINED_BYTES = 64_000_000
_CHUNK = 1 << 18
_NAME_HINTS = {
    "sigma": {"sigma", "err", "error", "rms", "noise", "uncertainty"},
    "variance": {"var", "variance"},
    "weight": {"weight", "weights", "wht", "wt", "ivar", "invvar"},
    "mask": {"mask", "flag", "flags", "bpm", "badpix", "dq"},
    "psf": {"psf"},
}

logger = logging.getLogger("residua.routes")


class RefusedError(Exception):
    """A request that is refused, with the HTTP status and the sentence for its sender."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class ApiHandler(RequestHandler):
    """What all routes share: JSON errors without tracebacks, harmless headers."""

    services: Services

    def initialize(self, services: Services) -> None:
        self.services = services

    def set_default_headers(self) -> None:
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        self.clear_header("Server")

    def refuse_other_sites(self) -> None:
        """Refuse what a page of another site makes a browser send here.

        Browsers put Origin on every cross-site POST and Sec-Fetch-Site on all they send; scripts use neither.
        """
        origin = self.request.headers.get("Origin")
        site = self.request.headers.get("Sec-Fetch-Site", "same-origin")
        foreign = origin is not None and urlsplit(origin).netloc.lower() != self.request.host.lower()
        if foreign or site not in ("same-origin", "none"):
            raise RefusedError(403, "This request came from another site, so it was refused.")

    def answer(self, content: dict[str, Any], status: int = 200) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps(content, allow_nan=False, default=str))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        if isinstance(error, NotFound):
            self.answer({"error": str(error)}, 404)
        elif isinstance(error, engine.EngineError | StoreError):
            self.answer({"error": str(error)}, 422)
        elif isinstance(error, RefusedError):
            self.answer({"error": str(error)}, error.status)
        elif isinstance(error, HTTPError):
            self.answer(
                {"error": f"The server refused this request ({error.status_code})."}, error.status_code
            )
        elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            self.answer({"error": "The server's disk is full. Delete old projects, then try again."}, 507)
        else:
            code = secrets.token_hex(4)
            logger.error("[%s] %s %s failed", code, self.request.method, self.request.path, exc_info=error)
            self.answer({"error": f"Something went wrong here. The server's log has it as {code}."}, 500)

    def log_exception(self, *arguments: Any) -> None:
        """Errors are logged once, in `write_error`; refusals are not errors of ours."""


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


@stream_request_body
class UploadHandler(ApiHandler):
    """Takes a file in without ever holding more than a chunk of it in memory."""

    _incoming: Incoming | None = None
    _refusal: Exception | None = None
    _received = 0
    _project = ""
    _role = ""
    _name = ""

    def prepare(self) -> None:
        self._limit = self.services.settings.max_upload_bytes
        # Our own limit counts the chunks as they come; this one only ends the never-ending.
        self.request.connection.set_max_body_size(self._limit + DRAINED_BYTES)  # type: ignore[union-attr]
        self.request.connection.set_body_timeout(UPLOAD_SECONDS)  # type: ignore[union-attr]
        self.refuse_other_sites()
        length = self.request.headers.get("Content-Length", "0")
        try:
            self._name = display_name(self.get_query_argument("name", "unnamed"))
            self._role = self.get_query_argument("role", "")
            if self._role and self._role not in ROLES:
                raise RefusedError(
                    422, f"{self._role[:40]!r} is not a role of a file. Known are: {', '.join(ROLES)}."
                )
            self._project = self.services.store.project(self.path_args[0]).id
            if length.isdecimal() and int(length) > self._limit:
                raise self._too_large()
            self._incoming = self.services.store.receive()
        except (RefusedError, StoreError, OSError) as error:
            if length.isdecimal() and int(length) > self._limit + DRAINED_BYTES:
                raise
            self._refuse(error)

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
        if self._refusal is not None or self._incoming is None:
            raise self._refusal or RuntimeError("no file was begun")
        await asyncio.to_thread(self._incoming.close)
        if self._incoming.size == 0:
            raise RefusedError(422, f"{self._name} is empty. Choose another file.")
        contents = await self._inspect(self._incoming.path)
        role = self._role or guessed_role(self._name, contents)
        blob = await asyncio.to_thread(self._incoming.commit)
        file = await asyncio.to_thread(self.services.store.add_blob, self._project, role, self._name, blob)
        default = contents.default_index
        self.answer(
            {
                "file": {
                    "id": file.id,
                    "role": file.role,
                    "name": file.name,
                    "size": file.size,
                    "sha256": file.sha256,
                    "reference": file_reference(file, default),
                },
                "notices": [self._named(notice) for notice in contents.notices],
                "header": plain(contents.header),
                "default_index": default,
                "extensions": [
                    {
                        "index": one.index,
                        "name": one.name,
                        "version": one.version,
                        "shape": list(one.shape),
                        "kind": one.kind,
                        "role_guess": one.role_guess,
                        "note": one.note,
                    }
                    for one in contents.extensions
                ],
            },
            201,
        )

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self._discard()
        super().write_error(status_code, **kwargs)

    def on_finish(self) -> None:
        self._discard()

    def on_connection_close(self) -> None:
        self._discard()

    def _discard(self) -> None:
        if self._incoming is not None:
            self._incoming.discard()

    async def _inspect(self, path: Path) -> engine.FitsContents:
        """Look into the file on a thread; its errors name the file as its sender did."""
        try:
            async with asyncio.timeout(INSPECT_SECONDS):
                return await asyncio.to_thread(engine.inspect_fits, path)
        except TimeoutError:
            raise HTTPError(
                422, reason=f"{self._name} took too long to read. Is it a plain FITS file?"
            ) from None
        except engine.EngineError as error:
            raise type(error)(self._named(str(error))) from None

    def _named(self, sentence: str) -> str:
        path = self._incoming.path if self._incoming is not None else Path("/")
        return sentence.replace(str(path), self._name).replace(path.name, self._name)

    def _too_large(self) -> RefusedError:
        limit = self.services.settings.max_upload_mb
        return RefusedError(
            413,
            f"{self._name} is larger than the {limit} MB this server takes. "
            "Cut the part around the object out, or raise --max-upload-mb.",
        )


class DownloadHandler(ApiHandler):
    """The files of a run, by an allow-list of names."""

    async def get(self, run_id: str, name: str) -> None:
        run = self.services.store.run(run_id)
        folder = self.services.store.run_folder(run.id)
        if name != ARCHIVE and name not in DOWNLOADS:
            raise NotFound(f"A run has no such file. It has: {', '.join(DOWNLOADS)} and {ARCHIVE}.")
        if not (folder / "result.json").is_file():
            raise NotFound(f"This run has no files: it is {run.status}. {run.message}".strip())
        if name == ARCHIVE:
            path = await asyncio.to_thread(_archive, folder, f"residua-{run.id}")
            await self._send(path, f"residua-{run.id}.zip", "application/zip")
        else:
            await self._send(folder / name, f"residua-{run.id}-{name}", DOWNLOADS[name])

    async def _send(self, path: Path, name: str, kind: str) -> None:
        try:
            stream = path.open("rb")
        except FileNotFoundError:
            raise NotFound("This run has no such file.") from None
        with stream:
            self.set_header("Content-Type", kind)
            self.set_header("Content-Disposition", f'attachment; filename="{name}"')
            self.set_header("Content-Length", str(os.fstat(stream.fileno()).st_size))
            try:
                while chunk := stream.read(_CHUNK):
                    self.write(chunk)
                    await self.flush()
            except StreamClosedError:  # the reader went away
                return


class UnknownHandler(ApiHandler):
    """Anything else below /api."""

    def prepare(self) -> None:
        raise NotFound("There is nothing at this address.")


def guessed_role(name: str, contents: engine.FitsContents) -> str:
    """What a file is for, as far as its header and then its name tell; an image when they don't."""
    guesses = {one.index: one.role_guess for one in contents.extensions}
    guess = guesses.get(-1 if contents.default_index is None else contents.default_index, "")
    if guess not in ("", "image"):
        return guess
    words = set(re.split(r"[^a-z]+", name.lower()))
    for role, hints in _NAME_HINTS.items():
        if words & hints:
            return role
    return "image"


def api_routes(services: Services) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """The routes for Panel's `extra_patterns`."""
    own = {"services": services}
    return [
        (r"/api/health", HealthHandler, own),
        (r"/api/projects/([^/]+)/files", UploadHandler, own),
        (r"/api/runs/([^/]+)/files/([^/]+)", DownloadHandler, own),
        (r"/api(?:/.*)?", UnknownHandler, own),
    ]


def _archive(folder: Path, prefix: str) -> Path:
    """All files of a run as one zip, made at the first call."""
    target = folder / ARCHIVE
    if target.exists():
        return target
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".zip-")
    temporary = Path(name)
    try:
        with (
            os.fdopen(descriptor, "wb") as stream,
            zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for file in DOWNLOADS:
                if (folder / file).is_file():
                    archive.write(folder / file, f"{prefix}/{file}")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target
