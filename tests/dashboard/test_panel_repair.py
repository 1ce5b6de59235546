"""What Panel put off reaches the browser, a page that was left is freed, and modules are the browser's own affair."""

from __future__ import annotations

import asyncio
import gc
import re
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bokeh.document import Document
from panel.io import document as panel_document
from panel.io.resources import Resources

from dashboard import ui
from dashboard.views.component import SCRIPTS


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


def test_browsers_import_by_themselves() -> None:
    ui.setup()
    files = Resources(mode="server").js_files
    assert "assets/import.js" in files
    assert not [file for file in files if "es-module-shims" in file]


def test_no_module_names_another() -> None:
    # A name, unlike an address, needs an import map, and static/import.js knows of none.
    import panel_material_ui

    bundle = Path(panel_material_ui.__file__).parent / "dist" / "panel-material-ui.bundle.js"
    for file in [*SCRIPTS.glob("*.js"), bundle]:
        named = re.findall(
            r"""(?:^|;)(?:import|export)\b[^;()"']*\bfrom ?["'][^"']*["']""", file.read_text(), re.M
        )
        assert not named, f"{file.name}: {named[0]}"
