"""`kill -9` of the server during a fit and during an upload: the next one goes on, and nothing is left behind."""

from __future__ import annotations

import signal
import socket
import sqlite3
from contextlib import closing
from urllib.parse import urlsplit

from dashboard.jobs.keeper import CHECKPOINT
from dashboard.store import Store
from tests.dashboard import launch
from tests.dashboard.fits import small_project
from tests.dashboard.server import start
from tests.dashboard.test_faults import LONG
from tests.dashboard.waiting import wait_for


def test_a_killed_server_loses_nothing(tmp_path):
    data = tmp_path / "data"
    with closing(Store(data)) as store:
        project = small_project(store)
        run = store.create_run(project.id, project.description, "metropolis", {**LONG, "draws": 2_500})
        folder = store.run_folder(run.id)
        files = len(store.files(project.id))

    server = start(data, "--no-example", way=launch.begun)
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port)) as upload:
        upload.sendall(
            f"POST /api/projects/{project.id}/files?name=half.fits HTTP/1.1\r\nHost: {address.netloc}\r\n"
            "Content-Length: 5000000\r\n\r\n".encode()
            + b"x" * 1_000_000
        )
        wait_for(lambda: bool(server.leftovers))
        wait_for((folder / CHECKPOINT).exists)
        server.stop(signal.SIGKILL)
    assert server.leftovers, "a killed server cannot clean up"
    assert not (folder / "result.json").exists()

    server = start(data, "--no-example", way=launch.begun)
    try:
        assert server.leftovers == []
        with closing(sqlite3.connect(data / "residua.db")) as database:

            def found() -> tuple[str, int, str]:
                query = "SELECT status, attempts, message FROM run WHERE id = ?"
                return database.execute(query, [run.id]).fetchone()

            wait_for(lambda: found()[0] not in ("queued", "running"))
            status, attempts, message = found()
            count = database.execute("SELECT count(*) FROM file").fetchone()[0]
    finally:
        server.stop()
    assert (status, attempts) == ("finished", 2), message
    assert count == files, "half a file is no file"
    assert (folder / "draws.nc").exists()
