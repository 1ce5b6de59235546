"""Files on their way out: those of a run, by an allow-list of names."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path

from tornado.iostream import StreamClosedError

from dashboard.api.handler import ApiHandler
from dashboard.store import NotFound

DOWNLOADS = {
    "result.json": "application/json",
    "images.fits": "application/fits",
    "parameters.ecsv": "text/plain; charset=utf-8",
    "fit.yaml": "text/plain; charset=utf-8",
    "draws.nc": "application/x-netcdf",
}
ARCHIVE = "all.zip"
_CHUNK = 1 << 18


class DownloadHandler(ApiHandler):
    """The files of a run, by an allow-list of names."""

    async def get(self, run_id: str, name: str) -> None:
        run = await asyncio.to_thread(self.services.store.run, run_id)
        folder = await asyncio.to_thread(self.services.store.run_folder, run.id)
        if name != ARCHIVE and name not in DOWNLOADS:
            raise NotFound(f"A run has no such file. It has: {', '.join(DOWNLOADS)} and {ARCHIVE}.")
        if not (run.status.ended and (folder / "result.json").is_file()):
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
                    # What is unpacked is to be worked with, and a result here may only be read.
                    entry = zipfile.ZipInfo.from_file(folder / file, f"{prefix}/{file}")
                    entry.compress_type, entry.external_attr = (
                        zipfile.ZIP_DEFLATED,
                        (stat.S_IFREG | 0o644) << 16,
                    )
                    with (folder / file).open("rb") as result, archive.open(entry, "w") as packed:
                        shutil.copyfileobj(result, packed, _CHUNK)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target
