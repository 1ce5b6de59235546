"""A real server with accounts, people of every kind with their cookies, and websockets as browsers open them."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from dashboard.accounts import passwords
from dashboard.store import RunStatus, Store
from dashboard.store.beside import people_of
from tests.dashboard.people import FAR, world
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
    """What Set-Cookie says, by name. (http.client joins several headers, our names are enough to find them again.)"""
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


def make_lab(folder: Path, *options: str, database: str = "") -> Lab:
    """Put people and two projects into a data folder, serve it, and log everybody in."""
    data = folder / "data"
    store = Store(data, database)
    made = world(store, passwords.hashed(PASSWORD))
    store.accounts.set_disabled(made.who["disabled"].id, False)
    other = store.seen_by(made.who["other"])
    others_project = other.create_project("other's own").id
    others_run = other.create_run(others_project, {}, "lm", {}).id
    store.advance_run(others_run, RunStatus.CANCELLED, message="stopped")
    store.close()
    server = start(data, "--accounts", "local", *options)
    cookies = {who: cookie_of(server, who) for who in FAR if who not in ("anonymous", "link")}
    cookies["anonymous"] = ""
    opened = server.request("GET", f"/s/{made.link}")
    cookies["link"] = f"residua_link={cookies_of(opened)['residua_link']}"
    with people_of(data, database) as people:
        people.accounts.set_disabled(made.who["disabled"].id, True)
    return Lab(server, made.project, made.run, made.link, others_project, others_run, cookies)


def page_token(answer: Answer) -> str:
    """The token by which a page's script opens its session."""
    found = TOKEN.search(answer.body.decode())
    assert found is not None, answer.body[:2000]
    return found[1] or found[2]


async def websocket(
    lab: Lab, path: str, token: str, who: str = "anonymous", origin: str = ""
) -> WebSocketClientConnection | int:
    """The open socket, or the status of the refusal."""
    address = urlsplit(lab.server.url)
    request = HTTPRequest(
        f"ws://{address.netloc}{path}",
        headers={"Origin": origin or f"http://{address.netloc}", **lab.headers(who)},
    )
    try:
        return await websocket_connect(request, subprotocols=["bokeh", token])
    except HTTPClientError as error:
        return error.code


def opens(lab: Lab, path: str, token: str, who: str = "anonymous") -> bool | int:
    """Whether a websocket is let in and answered: True, or the status of the refusal."""

    async def attempt() -> bool | int:
        opened = await websocket(lab, path, token, who)
        if isinstance(opened, int):
            return opened
        answer = await asyncio.wait_for(opened.read_message(), 10)
        opened.close()
        return answer is not None

    return asyncio.run(attempt())
