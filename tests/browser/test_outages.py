"""What a person reads, with a page open, when something behind it goes away: and that nothing is lost."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.store import RunStatus, Store
from tests.browser.conftest import Server, serving, watched_page
from tests.browser.workbench import cell, wait_for_image
from tests.dashboard import launch
from tests.dashboard.fits import fits_bytes, galaxy, small_project
from tests.dashboard.postgres import Postgres, binaries, running
from tests.dashboard.server import Site
from tests.dashboard.test_health import parsed
from tests.dashboard.waiting import wait_for

pytestmark = pytest.mark.browser

AWAY_SECONDS = 20
# Work in many small steps that lasts from before a page is open until after an outage began.
LONG = {"draws": 6_000, "warmup": 20, "chains": 2, "start": "here"}


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    folder = binaries()
    if folder is None:
        pytest.skip("There is no Postgres here: apt-get install postgresql")
    with running(folder) as server:
        yield server


def state_of_the_server(page: Page):
    return page.get_by_role("alert", name="State of the server")


def wait_for_health(site: Site, status: int) -> dict[str, object]:
    deadline = time.monotonic() + 60
    while (answer := site.request("GET", "/api/health")).status != status:
        assert time.monotonic() < deadline, answer.body
        time.sleep(0.2)
    return answer.json


def takes_files(site: Site) -> tuple[int, str]:
    """What it answers to a file for a project that nobody has: that it has none, as far as it can know."""
    answer = site.upload("bcdfghjkmnpq", fits_bytes(galaxy()))
    return answer.status, answer.json["error"]


@pytest.mark.parametrize("way", ["stop", "pause"])
def test_a_database_that_is_away_for_a_while_is_told_and_loses_nothing(
    way: str, browser: Browser, postgres: Postgres, tmp_path: Path, complaints: list[str]
) -> None:
    database = postgres.new_database()
    with closing(Store(tmp_path / "data", database)) as store:
        project = small_project(store)
        run = store.create_run(project.id, project.description or {}, "metropolis", LONG)
        result = store.run_folder(run.id) / "result.json"
    options = ("--database", database, "--min-free-mb", "0")
    with serving(tmp_path / "data", *options) as server, watched_page(browser, server, complaints) as page:
        page.goto(f"/fit/{project.id}")
        wait_for_image(page, "model")
        expect(page.get_by_role("list", name="Runs under way")).to_contain_text("step")
        assert wait_for_health(server, 200)["database"] is True
        assert not (tmp_path / "data" / "residua.db").exists()
        began = time.monotonic()
        postgres.stop() if way == "stop" else postgres.pause()
        cell(page, "disk0 center x").fill("24.5")
        page.keyboard.press("Tab")
        expect(state_of_the_server(page)).to_contain_text("The database does not answer. Fits that run go on")
        expect(page.get_by_text("this is only on your page yet").first).to_be_visible()
        # The server goes on answering, whatever hangs: nobody waits for the database on its event loop, where a
        # question would take the ten seconds after which it is given up.
        asked = time.monotonic()
        with urlopen(f"{server.url}/assets/tokens.css", timeout=10) as answer:
            assert answer.status == 200
        assert time.monotonic() - asked < 2
        other = page.context.new_page()
        opened = other.goto(f"/fit/{project.id}")
        assert opened is not None
        assert opened.status == 503
        expect(other.get_by_text("The database does not answer. Try again in a minute.")).to_be_visible()
        other.close()
        # Meanwhile a worker may be slow to tell of itself.
        wait_for(lambda: wait_for_health(server, 503)["problems"] == ["The database does not answer."])
        assert parsed(server.request("GET", "/metrics").body.decode())["residua_database_up"] == 0
        assert takes_files(server) == (503, "The database does not answer. Try again in a minute.")
        while not result.exists():
            assert time.monotonic() - began < 300
            page.wait_for_timeout(100)
        page.wait_for_timeout(max(0.0, 1000 * (began + AWAY_SECONDS - time.monotonic())))
        postgres.start() if way == "stop" else postgres.go_on()
        expect(state_of_the_server(page)).to_be_hidden()
        expect(page.get_by_text("this is only on your page yet")).to_have_count(0)
        expect(page.get_by_role("list", name="Runs", exact=True)).to_contain_text("converged")
        complaints[:] = [one for one in complaints if "503" not in one]
        assert wait_for_health(server, 200)["problems"] == []
        assert takes_files(server)[0] == 404
    with closing(Store(tmp_path / "data", database)) as store:
        ended = store.run(run.id)
        assert (ended.status, ended.attempts) == (RunStatus.FINISHED, 1), ended.message
        assert "24.5" in json.dumps((store.project(project.id).description or {})["components"])


def workers_of(server: Server) -> list[int]:
    """The processes of the fits: those that were forked from a process of the server's."""
    return [one.pid for process in psutil.Process(server.process).children() for one in process.children()]


def test_a_worker_and_then_the_server_are_killed_before_a_persons_eyes(
    browser: Browser, tmp_path: Path, complaints: list[str]
) -> None:
    with closing(Store(tmp_path / "data")) as store:
        project = small_project(store)
        run = store.create_run(project.id, project.description or {}, "metropolis", LONG | {"draws": 200_000})
        checkpoint = store.run_folder(run.id) / ".checkpoint.npz"
    begun = partial(serving, tmp_path / "data", way=launch.begun)
    with begun() as server, watched_page(browser, server, complaints) as page:
        page.goto(f"/fit/{project.id}")
        under_way = page.get_by_role("list", name="Runs under way")
        expect(under_way).to_contain_text("step")
        while not checkpoint.exists():
            page.wait_for_timeout(100)
        for process in workers_of(server):
            os.kill(process, signal.SIGKILL)
        expect(under_way).to_contain_text(
            re.compile(
                r"in the middle of this fit. It goes on from its last checkpoint, at step \d+|Fitting again"
            )
        )
        expect(under_way).to_contain_text("Fitting again, attempt 2 of 3.")
        page.goto("/jobs")
        expect(page.get_by_role("table", name="Queue")).to_contain_text("attempt 2")
        os.kill(server.process, signal.SIGKILL)
        expect(state_of_the_server(page)).to_contain_text("The connection to the server is lost.")
        complaints.clear()
        with begun("--port", server.url.rpartition(":")[2]):
            expect(state_of_the_server(page)).to_contain_text("The server answers again")
            page.get_by_role("button", name="Load the page again").click()
            expect(page.get_by_role("table", name="Queue")).to_contain_text("attempt 3")
            expect(state_of_the_server(page)).to_be_hidden()
            page.get_by_role("checkbox", name="Tick all").check()
            page.get_by_role("button", name="Cancel 1").click()
            expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible()
            page.goto("about:blank")  # a page that is left open asks after its server when that has ended
        complaints.clear()
