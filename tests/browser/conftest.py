"""A real server in a process of its own, and a Chromium that fails a test for anything a person should never see.

A page fails its test on an error in the console, an uncaught exception, and any request to another host.
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from astropy.io import fits
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests.browser.workbench import PATIENCE, open_example, wait_for_image
from tests.dashboard import launch
from tests.dashboard.server import Site

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
START_SECONDS = 120
TOLD_LINES = 200
# What each server that runs has said so far, by its process.
SERVED: dict[int, list[str]] = {}
# The browser profile for each address.
Profiles = Callable[[str], BrowserContext]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell of a failure what the servers said last, and where their threads are."""
    report = yield
    if report.when == "call" and report.failed:
        for process, said in SERVED.items():
            os.kill(process, signal.SIGUSR1)
            time.sleep(0.5)
            report.sections.append((f"server {process}", "".join(said[-TOLD_LINES:])))
    return report


@dataclass
class Server(Site):
    """A served dashboard."""

    process: int


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`residua serve` with an empty data folder, on a free port."""
    with serving(tmp_path_factory.mktemp("data")) as served:
        yield served


@contextmanager
def serving(data: Path, *options: str, way: launch.Way = launch.forked, **more: str) -> Iterator[Server]:
    """`residua serve` on a data folder, with more in its environment, until the block ends.

    Forked from a process that has loaded everything, but for tests about processes.
    """
    command = ["serve", "--port", "0", "--data-dir", str(data), "--workers", "1", *options]
    process = way(command, {**os.environ, "PYTHONUNBUFFERED": "1", **more}, subprocess.STDOUT)
    lines: queue.Queue[str] = queue.Queue()
    seen: list[str] = []

    def read() -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                seen.append(line)
                lines.put(line)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        SERVED[process.pid] = seen
        yield Server(_address(process, lines, seen), process.pid)
    finally:
        SERVED.pop(process.pid, None)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(10)
    asked = [number for number, line in enumerate(seen) if "is asked on an event loop" in line]
    assert not asked, "".join(seen[asked[0] : asked[0] + 60])


def _address(process: launch.Process, lines: queue.Queue[str], seen: list[str]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            line = lines.get(timeout=0.5)
        except queue.Empty:
            continue
        if "Residua is at " in line:
            return line.split("Residua is at ")[1].strip().rstrip("/")
    raise AssertionError(f"residua serve did not start:\n{''.join(seen)}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    path = os.environ.get("RESIDUA_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("There is no Chromium here; install Debian's chromium, or name one in RESIDUA_CHROMIUM.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about; a test that expects a complaint takes it out again."""
    return []


def profile_of(browser: Browser, address: str) -> BrowserContext:
    """A new browser profile, on the pages of a server."""
    profile = browser.new_context(
        viewport={"width": 1280, "height": 800}, base_url=address, accept_downloads=True
    )
    profile.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    return profile


@pytest.fixture(scope="session")
def profiles(browser: Browser) -> Profiles:
    """Profiles that tests share: what the browser has compiled of a page's scripts need not be compiled again."""
    return cache(partial(profile_of, browser))


@pytest.fixture
def page(profiles: Profiles, server: Server, complaints: list[str]) -> Iterator[Page]:
    """A page in a browser that remembers nothing of the tests before."""
    profile = profiles(server.url)
    with watched(profile, complaints) as page:
        yield page
        session = profile.new_cdp_session(page)
        session.send("Storage.clearDataForOrigin", {"origin": server.url, "storageTypes": "all"})
        profile.clear_permissions()


@contextmanager
def watched_page(browser: Browser, server: Server, complaints: list[str]) -> Iterator[Page]:
    """One page in a profile of its own; what it complains of fails the test when the block ends."""
    profile = profile_of(browser, server.url)
    with watched(profile, complaints) as page:
        yield page
    profile.close()


@contextmanager
def watched(profile: BrowserContext, complaints: list[str]) -> Iterator[Page]:
    """A new page in a profile; what the profile's pages complain of fails the test. New ones are closed at the end."""
    before = profile.pages
    page = profile.new_page()

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"console: {message.text}")

    def requested(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            complaints.append(f"request to another host: {request.url}")

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
    profile.on("request", requested)
    try:
        yield page
    finally:
        for one in profile.pages:
            if one not in before:
                one.close()
        profile.remove_listener("request", requested)
    assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="module")
def looked_at(profiles: Profiles, server: Server) -> Iterator[tuple[Page, list[str]]]:
    complaints: list[str] = []
    with watched(profiles(server.url), complaints) as page:
        open_example(page, "seed")
        wait_for_image(page, "pull")
        yield page, complaints


@pytest.fixture
def seed_page(looked_at: tuple[Page, list[str]]) -> Iterator[Page]:
    """The seed example, on one page for all tests of a module that only look at it.

    Opening a workbench costs far more than such a test does there. A test leaves the view as it likes, and expects
    nothing of it but the data, the model and the pull.
    """
    page, complaints = looked_at
    yield page
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def galaxy(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A simulated galaxy in a FITS file without noise image: round, exponential, centered at x = 36, y = 27."""
    y, x = np.mgrid[:60, :70]
    model = 20 + 400 * np.exp(-1.678 * (np.hypot(x - 36, y - 27) / 6))
    data = model + rng.normal(scale=2.0, size=model.shape)
    path = tmp_path / "simulated.fits"
    fits.PrimaryHDU(data.astype(np.float32)).writeto(path)
    return path
