"""What Panel put off reaches the browser, and a page that was left is freed."""

from __future__ import annotations

import asyncio
import gc
import weakref
from types import SimpleNamespace
from typing import Any

from bokeh.document import Document
from panel.io import document as panel_document

from dashboard import ui


def test_what_waits_is_sent_though_its_mark_was_taken_away() -> None:
    ui.setup()
    document, sent = Document(), []

    class Socket:
        async def send(self, text_data: str) -> None:
            sent.append(text_data)

    message = SimpleNamespace(header_json="header", metadata_json="{}", content_json="content", _buffers=[])

    class Connection:
        _socket = Socket()

    connection: Any = Connection()
    panel_document._WRITE_MSGS[document] = {connection: [message]}  # as an earlier message leaves it
    asyncio.run(panel_document._dispatch_msgs(document))
    assert sent == ["header", "{}", "content"]
    assert document not in panel_document._WRITE_MSGS
    assert document not in panel_document._WRITE_BLOCK


def test_a_page_that_was_left_is_freed() -> None:
    ui.setup()
    page = ui.page("Left", header=[], main=["text"])
    left = weakref.ref(page)
    del page
    gc.collect()
    assert left() is None
