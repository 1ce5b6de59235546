"""compose.yaml and nginx.conf: what they name exists, and the proxy passes pages, websockets and refusals on."""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.websocket import websocket_connect
from typer.testing import CliRunner

from dashboard.cli import app
from dashboard.settings import declared
from tests.dashboard.lab import TOKEN, make_lab
from tests.dashboard.server import ROOT
from tests.dashboard.test_cluster import free_port

NAME = "residua.example.org"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def test_commands_of_the_services_exist_with_their_options(compose):
    seen = set()
    for service in compose["services"].values():
        command = service.get("command") or []
        if command[:1] != ["residua"]:
            continue
        seen.add(command[1])
        shown = CliRunner().invoke(app, [command[1], "--help"], env={"COLUMNS": "300"}).output
        for option in command[2:]:
            assert option.partition("=")[0] in shown, (command[1], option)
    assert seen == {"serve", "scheduler", "worker"}


def test_variables_of_the_dashboard_are_settings(compose):
    known = {variable for one in declared() for variable in one.metadata["environment"]}
    assert set(compose["services"]["dashboard"]["environment"]) <= known
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text()))
    given = set(re.findall(r"^(\w+)=", (ROOT / "deploy" / "lab.env").read_text(), re.M))
    assert asked == given


def test_nothing_of_ours_runs_as_root_or_writes_outside_its_volumes(compose):
    ours = [service for service in compose["services"].values() if service.get("image") == "residua"]
    assert len(ours) == 4
    for service in ours:
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
    assert "USER residua" in (ROOT / "Dockerfile").read_text()
    assert compose["networks"]["cluster"] == {"internal": True}
    assert [name for name, one in compose["services"].items() if one.get("ports")] == ["nginx"]


@contextmanager
def proxy(address: str) -> Iterator[int]:
    """nginx with our file, in front of a server at this address; the port of https."""
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(binary).exists():
        pytest.skip("There is no nginx here: apt-get install nginx-light")
    # Not below pytest's folders, which nginx's workers may not enter.
    with tempfile.TemporaryDirectory(prefix="residua-nginx-") as name:
        folder, plain, secure = Path(name), free_port(), free_port()
        folder.chmod(0o755)
        make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {0}/key.pem -out {0}/cert.pem -subj /CN={1}"
        subprocess.run(shlex.split(make.format(folder, NAME)), check=True, capture_output=True)
        text = (ROOT / "deploy" / "nginx.conf").read_text()
        for old, new in (
            ("dashboard:5006", address),
            ("listen 80 ", f"listen 127.0.0.1:{plain} "),
            ("listen 443 ", f"listen 127.0.0.1:{secure} "),
            ("/etc/nginx/tls/", f"{folder}/"),
        ):
            assert old in text
            text = text.replace(old, new)
        (folder / "site.conf").write_text(text)
        places = "".join(
            f"{kind}_temp_path {folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"pid {folder}/pid; error_log {folder}/error.log; daemon off;\nevents {{}}\n"
            f"http {{ access_log off; {places} include {folder}/site.conf; }}\n"
        )
        command = [binary, "-p", str(folder), "-c", str(folder / "nginx.conf")]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            yield secure
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


async def journey(url: str, cookie: str, path: str) -> tuple[HTTPResponse, str, HTTPResponse, list[int]]:
    """A page, the first message of its websocket, /metrics, and the answers to many log-ins in a row."""
    headers, trust = {"Host": NAME, "Cookie": cookie}, {"validate_cert": False, "request_timeout": 60}
    client = AsyncHTTPClient()

    async def get(path: str, **more: Any) -> HTTPResponse:
        request = HTTPRequest(f"{url}{path}", headers=headers, **trust, **more)
        for _ in range(100):
            try:
                return await client.fetch(request, raise_error=False)
            except OSError:  # nginx is being started
                await asyncio.sleep(0.1)
        raise AssertionError("nginx does not listen")

    page = await get(path)
    token = TOKEN.search(page.body.decode())
    assert token is not None, page.body[:500]
    request = HTTPRequest(
        f"{url.replace('https', 'wss')}{path}/ws", headers={**headers, "Origin": f"https://{NAME}"}, **trust
    )
    socket = await websocket_connect(request, subprotocols=["bokeh", token[1] or token[2]])
    greeting = await socket.read_message()
    socket.close()
    metrics = await get("/metrics")
    logins = await asyncio.gather(*(get("/login") for _ in range(40)))
    return page, str(greeting), metrics, [one.code for one in logins]


def test_the_proxy_passes_on_what_it_should(tmp_path):
    lab = make_lab(tmp_path, "--allowed-hosts", NAME, "--trusted-proxies", "127.0.0.1")
    try:
        with proxy(urlsplit(lab.server.url).netloc) as port:
            url = f"https://127.0.0.1:{port}"
            page, greeting, metrics, logins = asyncio.run(
                journey(url, lab.cookies["owner"], f"/fit/{lab.project}")
            )
    finally:
        lab.server.stop()
    assert page.code == 200
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert '"msgtype":"ACK"' in greeting.replace(" ", "")
    assert metrics.code == 404
    assert 429 in logins, "guessing passwords is slowed down before it reaches us"
    assert logins.count(429) < 25
