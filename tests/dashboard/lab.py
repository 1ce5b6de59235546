"""A real server with accounts, people of every kind with their cookies, and websockets as browsers open them."""

from __future__ import annotations

import re
import socket
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from dashboard.accounts import passwords
from dashboard.store import RunStatus, Store
from dashboard.store.beside import People, people_of
from tests.dashboard.people import world
from tests.dashboard.server import Answer, Server, start

PASSWORD = "correct horse battery"
TOKEN = re.compile(r'"token"\s*:\s*"([^"]+)"|token&#34;:&#34;([^&]+)')


@dataclass
class Lab:
    """A server, what is on it, and the cookies of each kind of person."""

    server: Server
    project: str
    run: str
    link: str
    others_project: str
    others_run: str
    cookies: dict[str, str]
    database: str = ""

    def people(self) -> AbstractContextManager[People]:
        """Its accounts, as `residua users` has them while it runs."""
        return people_of(self.server.data_dir, self.database)

    def get(self, path: str, who: str = "anonymous", **headers: str) -> Answer:
        return self.server.request("GET", path, **self.headers(who), **headers)

    def post(self, path: str, fields: dict[str, str], who: str = "anonymous", **headers: str) -> Answer:
        return self.server.request(
            "POST",
            path,
            urlencode(fields),
            **{"Content_Type": "application/x-www-form-urlencoded", **self.headers(who), **headers},
        )

    def connect(self) -> socket.socket:
        """A bare connection, to send what no library would."""
        address = urlsplit(self.server.url)
        return socket.create_connection((address.hostname, address.port), timeout=30)

    def headers(self, who: str) -> dict[str, str]:
        return {"Cookie": self.cookies[who]} if self.cookies[who] else {}


def cookies_of(answer: Answer) -> dict[str, str]:
    """What Set-Cookie says, by name; several of them are one header here."""
    text = answer.headers.get("set-cookie", "")
    return dict(re.findall(r"(residua_\w+)=([^;,]*)", text))


def form_of(answer: Answer) -> str:
    found = re.search(rb'name="form" value="([^"]+)"', answer.body)
    assert found is not None, answer.body
    return found[1].decode()


def log_in(server: Server, name: str, password: str = PASSWORD, after: str = "/", **headers: str) -> Answer:
    """Fill in the page as a browser without scripts does."""
    page = server.request("GET", "/login")
    kept = cookies_of(page)["residua_form"]
    fields = {"name": name, "password": password, "next": after, "form": form_of(page)}
    return server.request(
        "POST",
        "/login",
        urlencode(fields),
        **{
            "Content_Type": "application/x-www-form-urlencoded",
            "Cookie": f"residua_form={kept}",
            **headers,
        },
    )


def cookie_of(server: Server, name: str) -> str:
    answer = log_in(server, name)
    assert answer.status == 303, (name, answer.status, answer.body)
    return f"residua_session={cookies_of(answer)['residua_session']}"


def make_lab(folder: Path, *options: str, database: str = "", **environment: str) -> Lab:
    """Put people and two projects into a data folder, serve it, and log everybody in."""
    data = folder / "data"
    store = Store(data, database)
    made = world(store, passwords.hashed(PASSWORD))
    store.accounts.set_disabled(made.who["disabled"].id, False)
    other = store.seen_by(made.who["other"])
    others_project = other.create_project("other's own").id
    others_run = other.create_run(others_project, {}, "lm", {}).id
    store.advance_run(others_run, RunStatus.CANCELLED, message="stopped")
    cookies = {
        name: f"residua_session={store.logins.log_in(who.id, days=1, address='127.0.0.1', agent='test')}"
        for name, who in made.who.items()
        if who.account is not None
    }
    store.close()
    server = start(data, "--accounts", "local", *options, **{"RESIDUA_DATABASE": database, **environment})
    cookies["anonymous"] = ""
    opened = server.request("GET", f"/s/{made.link}")
    cookies["link"] = f"residua_link={cookies_of(opened)['residua_link']}"
    with people_of(data, database) as people:
        people.accounts.set_disabled(made.who["disabled"].id, True)
    return Lab(server, made.project, made.run, made.link, others_project, others_run, cookies, database)


# For tests with the fixture `lab`: once with the records in SQLite, once in Postgres.
on_both = pytest.mark.parametrize("lab", ["sqlite", "postgres"], indirect=True)


def page_token(answer: Answer) -> str:
    """The token by which a page's script opens its session."""
    found = TOKEN.search(answer.body.decode())
    assert found is not None, answer.body[:2000]
    return found[1] or found[2]


class WebSocket:
    """A websocket of a page, as its script opens it; `status` is 101 when it was let in."""

    def __init__(self, lab: Lab, path: str, token: str, who: str = "anonymous", origin: str = "") -> None:
        self._socket = lab.connect()
        self._stream = self._socket.makefile("rb")
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {urlsplit(lab.server.url).netloc}",
            f"Origin: {origin or lab.server.url.rstrip('/')}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {'x' * 22}==",
            f"Sec-WebSocket-Protocol: bokeh, {token}",
            *(f"{name}: {value}" for name, value in lab.headers(who).items()),
        ]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.status = int(self._stream.readline().split()[1])
        while self._stream.readline() not in (b"\r\n", b""):
            pass

    def __enter__(self) -> WebSocket:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()
        self._socket.close()

    def read(self) -> tuple[int, bytes]:
        """The next frame: its kind (1 text, 2 bytes, 8 the end) and what is in it."""
        first, size = self._stream.read(2)
        if size in (126, 127):
            size = int.from_bytes(self._stream.read(2 if size == 126 else 8), "big")
        return first & 15, self._stream.read(size)

    def end(self) -> int:
        """Wait until the server closes; the code that it gives."""
        while True:
            kind, content = self.read()
            if kind == 8:
                return int.from_bytes(content[:2], "big")


def opens(lab: Lab, path: str, token: str, who: str = "anonymous") -> bool | int:
    """Whether a websocket is let in and answered: True, or the status of the refusal."""
    with WebSocket(lab, path, token, who) as socket:
        return socket.read()[0] == 1 if socket.status == 101 else socket.status
