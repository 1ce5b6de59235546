"""Three mends of Panel 1.9: of updates that were put off, of pages that were left, and of modules that load slowly.

While an earlier message to a browser is still on its way, Panel keeps the next ones in a list and has a task send them.
When the earlier one arrives in between, it takes away the mark that makes that task work (`_WRITE_BLOCK`), so the list
stays where it is until something else changes: a page that was opening stood still.

Each page watches whether the server is busy, which is a state of all sessions together: whatever one person did was
looked up in the pages of all, and as the state outlives every page, none was ever freed (1.6 MB each).

Browsers import modules by themselves; static/import.js says why they are not given es-module-shims for it.
"""

from __future__ import annotations

from typing import Any

from bokeh.document import Document
from panel.io import document as panel_document
from panel.models.esm import ReactiveESM
from panel.util import edit_readonly

_dispatch = panel_document._dispatch_msgs


async def dispatch_all(document: Document) -> None:
    """Send what waits for a document's browsers, until nothing waits that no other task is going to send."""
    await _dispatch(document)
    while panel_document._WRITE_MSGS.get(document) and document not in panel_document._WRITE_BLOCK:
        panel_document._WRITE_BLOCK[document] = True
        await _dispatch(document)


def repair() -> None:
    """Have Panel send all, and browsers import by themselves; harmless when called again."""
    panel_document._dispatch_msgs = dispatch_all
    ReactiveESM.__javascript__ = ["/assets/import.js"]


def forget_busy(page: Any) -> None:
    """Have a page that was just made no longer watch whether the server is busy."""
    with edit_readonly(page):
        page.busy = False
    # Setting a value drops what it referred to, but not the watchers, which hold the page.
    references = page._param__private.ref_watchers
    for _, watcher in references:
        watcher.inst.param.unwatch(watcher)
    references.clear()
