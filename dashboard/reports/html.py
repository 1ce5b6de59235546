"""A report as one HTML file: nothing is fetched from anywhere, figures pan and zoom, and it prints."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import bokeh
from bokeh.embed import components
from bokeh.models import Model
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dashboard.reports import interactive
from dashboard.reports.document import (
    Code,
    Document,
    Facts,
    Figure,
    Heading,
    Listing,
    Note,
    Printed,
    Prose,
    Table,
)
from dashboard.reports.markup import markdown, python
from dashboard.reports.outputs import table


def html(document: Document) -> str:
    """The file's text. Every text of a person or a file is escaped by the template."""
    shown = [
        block
        for block in document.blocks
        if not isinstance(block, Printed) and not (isinstance(block, Figure) and block.again)
    ]
    figures = [block for block in shown if isinstance(block, Figure)]
    shared = interactive.count_images(figures)
    models: dict[str, Model] = {
        f"figure-{number}": interactive.model(one, shared) for number, one in enumerate(figures)
    }
    script, places = components(models) if models else ("", {})
    blocks: list[dict[str, Any]] = []
    contents = []
    for block in shown:
        one = _block(block)
        if isinstance(block, Heading):
            one["anchor"] = anchor(block.text, len(blocks))
            if block.level == 2:
                contents.append((one["anchor"], block.text))
        if isinstance(block, Figure):
            name = f"figure-{sum(part['kind'] == 'figure' for part in blocks)}"
            one["place"] = Markup(places[name])
        blocks.append(one)
    return _template().render(
        document=document,
        blocks=blocks,
        contents=contents,
        script=Markup(script),
        resources=_bokeh() if models else Markup(""),
    )


@lru_cache(maxsize=1)
def _bokeh() -> Markup:
    """BokehJS itself: no widgets, no tables, no WebGL, and no MathJax, which it would fetch when needed.

    Read from its file, since Bokeh's own Resources also link what other loaded packages, such as Panel, add to them.
    """
    source = Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js"
    return Markup(f"<script>{source.read_text(encoding='utf-8')}</script>")


def anchor(text: str, number: int) -> str:
    """A name within the file for a heading."""
    return f"{re.sub(r'[^a-z0-9]+', '-', text.lower()).strip('-') or 'part'}-{number}"


def _block(block: Any) -> dict[str, Any]:
    match block:
        case Heading(text, level):
            return {"kind": "heading", "text": text, "level": level}
        case Prose(text):
            return {"kind": "html", "html": Markup(f'<div class="prose">{markdown(text)}</div>')}
        case Note(kind, text):
            return {"kind": "note", "mood": kind, "text": text}
        case Facts(rows):
            return {"kind": "facts", "rows": rows}
        case Table(columns, rows, caption):
            return {"kind": "table", "html": Markup(table(columns, rows)), "caption": caption}
        case Code(source):
            return {"kind": "code", "html": Markup(python(source))}
        case Listing(text):
            return {"kind": "listing", "text": text}
    return {"kind": "figure", "caption": block.caption}


@lru_cache(maxsize=1)
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("dashboard.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("report.html")
