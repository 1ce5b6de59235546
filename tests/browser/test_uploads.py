"""A large file on a slow line: how far it is, stopping it, and a connection that breaks in the middle."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from astropy.io import fits
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, serving, watched_page
from tests.browser.workbench import choose_files, wait_for_image

pytestmark = pytest.mark.browser

# So that 4 MB take some ten seconds.
SLOW = 400_000
ANY = -1
# What only a connection with an upload on it has carried.
MUCH = 100_000


class Way:
    """Carries what a browser and a server say to each other; while it is bad, no upload gets through."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._server = (address.hostname, address.port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._bad = False
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def spoil(self) -> None:
        """Reset the connections of uploads, those of further tries too: a browser makes some itself."""
        self._bad = True

    def mend(self) -> None:
        self._bad = False

    def close(self) -> None:
        for end in (self._listening, *self._ends):
            self._end(end)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                browser, _ = self._listening.accept()
                server = socket.create_connection(self._server)
                self._ends += [browser, server]
                threading.Thread(target=self._carry, args=(browser, server, True), daemon=True).start()
                threading.Thread(target=self._carry, args=(server, browser, False), daemon=True).start()

    def _carry(self, there: socket.socket, back: socket.socket, up: bool) -> None:
        carried = 0
        with suppress(OSError):
            while said := there.recv(1 << 16):
                carried += len(said)
                if up and self._bad and carried > MUCH:
                    there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    there.close()
                    break
                back.sendall(said)
        self._end(back)

    @staticmethod
    def _end(end: socket.socket) -> None:
        with suppress(OSError):  # ended from the other side
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def large(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A galaxy on a noisy sky, 4 MB."""
    y, x = np.mgrid[:1000, :1000] - 500.0
    path = tmp_path / "large.fits"
    data = 400 * np.exp(-np.hypot(x, y) / 60) + rng.normal(scale=2.0, size=x.shape)
    fits.PrimaryHDU(data.astype(np.float32)).writeto(path)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def own(data: Path) -> Iterator[Server]:
    with serving(data, "--no-example") as server:
        yield server


@pytest.fixture
def way(own: Server) -> Iterator[Way]:
    way = Way(own.url)
    yield way
    way.close()


@pytest.fixture
def page(browser: Browser, own: Server, way: Way, complaints: list[str]) -> Iterator[Page]:
    with watched_page(browser, replace(own, url=way.url), complaints) as page:
        yield page
        # Chromium itself reports each request that broke.
        complaints[:] = [one for one in complaints if "net::ERR_" not in one]


def carries(page: Page, upload: float) -> None:
    """What the page's connection carries from here on, in bytes a second."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": ANY, "uploadThroughput": upload},
    )


def on_its_way(page: Page, name: str) -> float:
    """The part of a file that has been sent, once that is more than the bar shows at its start."""
    bar = page.get_by_role("progressbar", name=f"Sending {name}")
    expect(bar).to_be_visible()
    page.wait_for_function("bar => bar.value > 0.05", arg=bar.element_handle())
    return bar.evaluate("bar => bar.value")


def streamed_to_disk(data: Path) -> None:
    """One file grows in the data folder; what is on its way through the connections' buffers is not there at once."""
    deadline = time.monotonic() + 10
    while len(left := list((data / "incoming").iterdir())) != 1:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def nothing_left(data: Path) -> None:
    """No half file lies in the data folder, within a few seconds."""
    deadline = time.monotonic() + 10
    while left := list((data / "incoming").iterdir()):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def test_a_large_file_shows_how_far_it_is_and_is_stopped_and_sent_again(
    page: Page, data: Path, large: Path
) -> None:
    page.goto("/")
    carries(page, SLOW)
    choose_files(page, large)
    first = on_its_way(page, large.name)
    assert first < 0.9
    expect(page.get_by_role("button", name="Choose files")).to_be_disabled()
    bar = page.get_by_role("progressbar", name=f"Sending {large.name}")
    page.wait_for_function("([bar, before]) => bar.value > before", arg=[bar.element_handle(), first])
    streamed_to_disk(data)
    page.get_by_role("button", name=f"Stop sending {large.name}").click()
    expect(page.get_by_role("alert").get_by_text(f"Stopped: {large.name} was not kept.")).to_be_visible()
    expect(page.get_by_role("button", name="Choose files")).to_be_enabled()
    nothing_left(data)
    assert list((data / "files").glob("??/*")) == []
    carries(page, ANY)
    page.get_by_role("button", name="Send again").click()
    page.wait_for_url("**/fit/*")
    wait_for_image(page)
    assert [path.stat().st_size for path in (data / "files").glob("??/*")] == [large.stat().st_size]
    nothing_left(data)
    page.goto("/")
    expect(page.get_by_role("link", name=re.compile("large"))).to_have_count(1)


def test_a_connection_that_breaks_in_the_middle_is_told_and_the_file_is_sent_again(
    page: Page, way: Way, data: Path, large: Path, galaxy: Path
) -> None:
    page.goto("/")
    choose_files(page, galaxy)
    page.wait_for_url("**/fit/*")
    wait_for_image(page)
    carries(page, SLOW)
    choose_files(page, large)
    on_its_way(page, large.name)
    way.spoil()
    told = page.get_by_role("alert").get_by_text(
        f"{large.name} did not arrive: the connection to the server broke."
    )
    expect(told).to_be_visible()
    nothing_left(data)
    with page.expect_event("requestfailed"):
        page.get_by_role("button", name="Send again").click()
    expect(told).to_be_visible()
    nothing_left(data)
    way.mend()
    carries(page, ANY)
    page.get_by_role("button", name="Send again").click()
    expect(told).to_have_count(0)
    expect(page.get_by_role("combobox", name="Image", exact=True)).to_contain_text("large")
    expect(page.get_by_role("button", name="Send again")).to_have_count(0)
    sizes = sorted(path.stat().st_size for path in (data / "files").glob("??/*"))
    assert sizes == sorted(path.stat().st_size for path in (large, galaxy))
    nothing_left(data)


def test_what_arrived_waits_for_what_did_not(
    page: Page, way: Way, data: Path, large: Path, galaxy: Path
) -> None:
    """On the first page, which leaves for the workbench when all is there."""
    psf = large.rename(large.with_name("large psf.fits"))
    page.goto("/")
    carries(page, SLOW)
    choose_files(page, galaxy, psf)
    on_its_way(page, psf.name)
    way.spoil()
    expect(page.get_by_role("alert").get_by_text(f"{psf.name} did not arrive")).to_be_visible()
    carries(page, ANY)
    expect(page.get_by_role("button", name="Send again")).to_be_visible()
    page.get_by_role("button", name="Go on without").click()
    page.wait_for_url("**/fit/*")
    wait_for_image(page)
    assert [path.stat().st_size for path in (data / "files").glob("??/*")] == [galaxy.stat().st_size]
    nothing_left(data)


def test_a_file_that_is_refused_beside_a_good_one_is_told_before_the_page_is_left(
    page: Page, complaints: list[str], tmp_path: Path, galaxy: Path
) -> None:
    broken = tmp_path / "noise sigma.fits"
    broken.write_bytes(b"no FITS file at all" * 200)
    page.goto("/")
    choose_files(page, galaxy, broken)
    expect(page.get_by_role("alert").get_by_text(broken.name)).to_be_visible()
    expect(page.get_by_role("button", name="Send again")).to_have_count(0)  # it would be refused again
    page.get_by_role("button", name="Go on without").click()
    page.wait_for_url("**/fit/*")
    wait_for_image(page)
    complaints[:] = [one for one in complaints if "status of 422" not in one]
