"""A report as files: one HTML file, a notebook, the notebook with its data in a zip, a PDF."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

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
from dashboard.reports.html import html
from dashboard.reports.notebook import notebook
from dashboard.reports.pdf import pdf
from dashboard.reports.static import picture
from engine.outputs import plain

NAMES = {"html": "report.html", "ipynb": "report.ipynb", "zip": "report.zip", "pdf": "report.pdf"}


def write(document: Document, folder: Path, kinds: Sequence[str] = ("html", "ipynb")) -> list[Path]:
    """Write the report into a folder, each file under another name first; returns the paths."""
    written = []
    for kind in kinds:
        path = folder / NAMES[kind]
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_bytes(as_bytes(document, kind))
        temporary.replace(path)
        written.append(path)
    return written


def as_bytes(document: Document, kind: str) -> bytes:
    """The report as a file of kind html, ipynb, zip or pdf."""
    match kind:
        case "html":
            return html(document).encode()
        case "ipynb":
            return as_notebook(document).encode()
        case "zip":
            return as_zip(document)
        case "pdf":
            return pdf(document)
    raise ValueError(f"A report is written as {', '.join(NAMES)}, not as {kind!r}.")


def as_zip(document: Document) -> bytes:
    """The notebook, the description it loads, and the data that names, in one archive."""
    stream = io.BytesIO()
    text = yaml.safe_dump(
        plain(document.description), sort_keys=False, allow_unicode=True, default_flow_style=None, width=110
    )
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report/report.ipynb", as_notebook(document))
        archive.writestr("report/fit.yaml", text)
        for name, path in document.inputs.items():
            archive.write(path, f"report/{name}")
    return stream.getvalue()


def as_notebook(document: Document) -> str:
    """The notebook. What follows a cell of code, up to the next piece of text, is its output."""
    cells: list[tuple[str, str, list[dict[str, Any]]]] = [
        ("markdown", f"# {literal(document.title)}\n\n{literal(document.subtitle)}", [])
    ]
    showing = False
    for block in document.blocks:
        if isinstance(block, Code):
            cells.append(("code", block.source, []))
            showing = True
        elif showing and isinstance(block, Figure | Table | Printed):
            cells[-1][2].append(_shown(block))
        elif not isinstance(block, Figure | Printed):
            cells.append(("markdown", _markdown(block), []))
            showing = False
    return notebook(cells, document.title)


def _shown(block: Figure | Table | Printed) -> dict[str, Any]:
    match block:
        case Figure():
            return {"kind": "figure", "png": base64.b64encode(picture(block)._repr_png_()).decode("ascii")}
        case Table(columns, rows):
            return {"kind": "table", "columns": list(columns), "rows": [list(row) for row in rows]}
        case Printed(text):
            return {"kind": "text", "text": text}


def _markdown(block: Any) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {literal(text)}"
        case Prose(text):
            return escaped_html(text)
        case Note(_, text):
            return f"> {literal(text)}"
        case Facts(rows):
            return "\n".join(f"- {literal(name)}: {literal(value)}" for name, value in rows)
        case Table(columns, rows, caption):
            lines = [columns, ["---"] * len(columns), *rows]
            table = "\n".join(
                "| " + " | ".join(cell if cell == "---" else literal(cell) for cell in row) + " |"
                for row in lines
            )
            return f"{table}\n\n{literal(caption)}".rstrip()
        case Listing(text):
            fence = "`" * max(3, 1 + max((len(run) for run in _runs_of_backticks(text)), default=0))
            return f"{fence}\n{text.rstrip()}\n{fence}"
    raise TypeError(f"{type(block).__name__} is no text.")


def literal(text: str) -> str:
    """Plain text as Markdown that shows just that: no markup, no HTML, one line."""
    return "".join(
        f"\\{letter}" if letter in r"\`*_{}[]<>()#+!|$~&" else letter for letter in " ".join(text.split())
    )


def escaped_html(text: str) -> str:
    """Markdown in which HTML is text and pictures are links: Jupyter would render the one and fetch the other."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("![", "\\![")


def _runs_of_backticks(text: str) -> list[str]:
    runs, run = [], ""
    for letter in text:
        run = run + letter if letter == "`" else ""
        if run:
            runs.append(run)
    return runs
