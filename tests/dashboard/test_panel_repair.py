"""An update that was put off while another was on its way reaches the browser."""

from __future__ import annotations

import asyncio
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
