"""Pages are made beside the event loop: by which thread, and for which document, each step says itself."""

from __future__ import annotations

import asyncio
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import panel as pn
import pytest
from bokeh.client import pull_session
from bokeh.document import Document
from bokeh.io import curdoc
from bokeh.io.doc import patch_curdoc
from tornado.ioloop import IOLoop

from dashboard.page_making import BEGUN, SENT, WRITTEN, PageApplication, beside, prepare

PAGES = "residua-pages"


def where() -> str:
    """Name of the thread this runs on."""
    return threading.current_thread().name


@pytest.fixture
def served() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The address of a server of one page, and which thread did what."""
    done: list[tuple[str, str]] = []

    def page() -> Any:
        done.append(("make", where()))
        assert pn.state.curdoc is not None
        return pn.pane.HTML("<p>Here</p>")

    prepare()
    ready, started = threading.Event(), []

    def run() -> None:
        async def serve() -> None:
            server = pn.serve(
                {"/": PageApplication(page)},
                port=0,
                address="127.0.0.1",
                show=False,
                start=False,
                verbose=False,
                title="Test",
            )
            server.start()
            stop = asyncio.Event()
            started.extend([f"http://127.0.0.1:{server.port}/", IOLoop.current(), stop])
            ready.set()
            await stop.wait()
            server.stop()

        asyncio.run(serve())

    thread = threading.Thread(target=run, name="loop")
    thread.start()
    assert ready.wait(30)
    url, loop, stop = started
    try:
        yield url, done
    finally:
        loop.add_callback(stop.set)
        thread.join(10)


def test_a_page_is_made_written_and_sent_by_the_thread_of_pages(
    served: tuple[str, list[tuple[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, done = served
    to_json = Document.to_json

    def told(document: Document, *arguments: Any, **named: Any) -> Any:
        done.append(("send", where()))
        return to_json(document, *arguments, **named)

    monkeypatch.setattr(Document, "to_json", told)
    with urllib.request.urlopen(url) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        assert b"data-root-id" in answer.read()
    assert done == [("make", PAGES)]
    session = pull_session(url=url)
    try:
        assert any("Here" in getattr(model, "text", "") for model in session.document.models)
    finally:
        session.close()
    assert done == [("make", PAGES), ("make", PAGES), ("send", PAGES)]


def test_each_thread_and_task_has_its_own_current_document() -> None:
    prepare()
    first, second = Document(), Document()
    found: dict[str, Document] = {}

    async def both() -> None:
        made = threading.Event()

        def make() -> None:
            with patch_curdoc(first):
                made.wait(10)
                found["made"] = curdoc()

        async def serve() -> None:
            with patch_curdoc(second):
                await asyncio.sleep(0.05)
                found["served"] = curdoc()
                made.set()

        await asyncio.gather(beside(BEGUN, make), serve())

    asyncio.run(both())
    assert found == {"made": first, "served": second}
    assert curdoc() not in (first, second)


def test_a_page_that_was_begun_is_finished_before_the_next() -> None:
    prepare()
    made: list[str] = []

    async def crowd() -> None:
        busy = threading.Event()
        waiting = [asyncio.ensure_future(beside(BEGUN, busy.wait, 10))]
        for step, what in ((BEGUN, "third"), (BEGUN, "fourth"), (WRITTEN, "second"), (SENT, "first")):
            waiting.append(asyncio.ensure_future(beside(step, made.append, what)))
        await asyncio.sleep(0.05)
        busy.set()
        await asyncio.gather(*waiting)

    asyncio.run(crowd())
    assert made == ["first", "second", "third", "fourth"]


def test_what_goes_wrong_is_told_to_whoever_asked() -> None:
    prepare()
    with pytest.raises(ValueError, match="invalid literal"):
        asyncio.run(beside(BEGUN, int, "none"))
    assert asyncio.run(beside(BEGUN, int, "1")) == 1
