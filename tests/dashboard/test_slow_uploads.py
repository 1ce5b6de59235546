"""Senders who take their time: those who bring next to nothing are cut off, and those on a slow line are not."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.dashboard.fits import fits_bytes, galaxy
from tests.dashboard.server import Server, projects_of, start
from tests.dashboard.waiting import wait_for

STALL, MOST = 1, 5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data_dir = tmp_path_factory.mktemp("slow") / "data"
    server = start(data_dir, f"--upload-stall-seconds={STALL}", f"--upload-seconds={MOST}")
    yield server
    server.stop()
    log = (data_dir.parent / "server.log").read_text()
    assert "Traceback" not in log, log


@pytest.fixture(scope="module")
def project(server: Server) -> str:
    return projects_of(server)[0]


def begin(server: Server, project: str, length: int | None, body: bytes = b"") -> socket.socket:
    """A connection with an upload on it that has only begun; without a length it comes in chunks."""
    address = urlsplit(server.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=30)
    how = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    head = f"POST /api/projects/{project}/files?name=slow.fits HTTP/1.1\r\nHost: {address.netloc}\r\n{how}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def trickle(
    connection: socket.socket, piece: bytes, pause: float, most: float = 20.0, began: float | None = None
) -> tuple[float, bytes]:
    """Send pieces until the server answers or hangs up: the seconds that took since ``began``, and what it said."""
    began = time.monotonic() if began is None else began
    connection.settimeout(pause)
    said = b""
    while time.monotonic() - began < most:
        try:
            with suppress(TimeoutError):
                part = connection.recv(65536)
                if not part:
                    break
                said += part
                continue
            connection.sendall(piece)
        except ConnectionError:
            break
    return time.monotonic() - began, said


def test_one_who_trickles_is_cut_off_with_a_sentence(server, project):
    began = time.monotonic()  # the server counts from the headers, which come with the connection
    with closing(begin(server, project, 500_000)) as connection:
        seconds, said = trickle(connection, b"x", 0.1, began=began)
    assert STALL <= seconds < STALL + 3
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["error"].startswith("slow.fits came with less than 1 kB a second for 1 s")
    assert server.leftovers == []


@pytest.mark.parametrize(
    ("length", "first", "piece"),
    [(None, b"", b"1\r\nx\r\n"), (None, b"186a0\r\n", b"x"), (500_000, b"x" * 900, b"")],
    ids=["small chunks", "a chunk without an end", "silence"],
)
def test_however_it_is_sent(server, project, length, first, piece):
    with closing(begin(server, project, length, first)) as connection:
        seconds, _ = trickle(connection, piece, 0.1)
    assert seconds < STALL + 3


def test_nor_do_the_refused_hold_their_connections(server):
    with closing(begin(server, "nosuchthing1", 500_000)) as connection:
        seconds, said = trickle(connection, b"x", 0.1)
    assert seconds < STALL + 3
    assert b"408" in said


def test_a_hundred_who_send_nothing_are_gone_soon_and_others_are_served_meanwhile(server, project):
    with ExitStack() as stack:
        silent = [stack.enter_context(closing(begin(server, project, 500_000_000, b"x"))) for _ in range(100)]
        began = time.monotonic()
        assert server.request("GET", "/api/health").status == 200
        assert time.monotonic() - began < 5
        assert server.upload(project, fits_bytes(galaxy(16))).status == 201
        for connection in silent:
            assert trickle(connection, b"", 0.5)[0] < STALL + 5
    wait_for(lambda: server.leftovers == [], 5)


def test_one_on_a_slow_line_arrives(server, project):
    data = fits_bytes(galaxy(16))
    with closing(begin(server, project, len(data))) as connection:
        for begins in range(0, len(data), 600):
            connection.sendall(data[begins : begins + 600])
            time.sleep(0.15)  # 4 kB a second
        assert connection.recv(65536).startswith(b"HTTP/1.1 201 ")
    assert len(data) > 5 * 600, "it took longer than the limit for those who bring nothing"


def test_nobody_takes_longer_than_the_most(server, project):
    began = time.monotonic()
    with closing(begin(server, project, 500_000_000)) as connection:
        seconds, said = trickle(connection, b"x" * 1000, 0.1, began=began)
    assert MOST <= seconds < MOST + 3
    assert said == b""
    wait_for(lambda: server.leftovers == [], 5)


def test_those_who_hang_up_when_all_has_come_leave_nothing_half_done(server, project):
    data = fits_bytes(galaxy(300))
    for pause in (0.0, 0.02, 0.05, 0.1, 0.2):
        with closing(begin(server, project, len(data), data)):
            time.sleep(pause)
    assert server.upload(project, fits_bytes(galaxy(16))).status == 201
    wait_for(lambda: server.leftovers == [], 5)


def test_they_are_not_logged_as_errors(server):
    assert "ERROR" not in (Path(server.data_dir).parent / "server.log").read_text()
