"""One mend of Panel 1.9: an update that was put off must not be forgotten.

While an earlier message to a browser is still on its way, Panel keeps the next ones in a list and has a task send them.
When the earlier one arrives in between, it takes away the mark that makes that task work (`_WRITE_BLOCK`), so the list
stays where it is until something else changes: a page that was opening stood still.
"""

from __future__ import annotations

from bokeh.document import Document
from panel.io import document as panel_document

_dispatch = panel_document._dispatch_msgs


async def dispatch_all(document: Document) -> None:
    """Send what waits for a document's browsers, until nothing waits that no other task is going to send."""
    await _dispatch(document)
    while panel_document._WRITE_MSGS.get(document) and document not in panel_document._WRITE_BLOCK:
        panel_document._WRITE_BLOCK[document] = True
        await _dispatch(document)


def repair() -> None:
    """Have Panel send all; harmless when called again."""
    panel_document._dispatch_msgs = dispatch_all
