"""A real server, as `residua serve` starts it, and requests to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.dashboard import launch

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Site:
    """What answers at an address."""

    url: str

    def request(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            found: dict[str, str] = {}
            for name, value in response.getheaders():
                found[name.lower()] = ", ".join(filter(None, [found.get(name.lower()), value]))
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def upload(
        self, project: str, data: bytes, query: str = "role=image&name=galaxy.fits", **headers: str
    ) -> Answer:
        return self.request("POST", f"/api/projects/{project}/files?{query}", data, **headers)


@dataclass
class Server(Site):
    data_dir: Path
    process: launch.Process

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask the server to stop; returns its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        log = (self.data_dir.parent / "server.log").read_text()
        assert "is asked on an event loop" not in log, log[-4000:]
        return code

    @property
    def leftovers(self) -> list[Path]:
        return list((self.data_dir / "incoming").iterdir())


def start(data_dir: Path, *options: str, way: launch.Way = launch.forked, **environment: str) -> Server:
    """A server, forked from a process that has loaded everything but for tests about processes."""
    with (data_dir.parent / "server.log").open("w") as log:
        arguments = ["serve", "--port", "0", "--workers", "1", *options]
        process = way(arguments, {**os.environ, "RESIDUA_DATA": str(data_dir), **environment}, log)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Residua is at http://127.0.0.1:"), (data_dir.parent / "server.log").read_text()
    return Server(line.removeprefix("Residua is at ").strip(), data_dir, process)


def projects_of(server: Server) -> list[str]:
    """The ids of the projects, from the database: there is no route that lists them."""
    connection = sqlite3.connect(server.data_dir / "residua.db")
    found = [row[0] for row in connection.execute("SELECT id FROM project")]
    connection.close()
    return found
