"""A report on paper, drawn by matplotlib: no browser, no LaTeX."""

from __future__ import annotations

import io
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure as Sheet
from matplotlib.mathtext import MathTextParser

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
from dashboard.reports.static import picture
from engine.plots.picture import INK, QUIET, style

WIDTH, HEIGHT = 8.27, 11.69  # A4, inches
MARGIN = 0.75
DPI = 200
_TONES = {"good": "#1c6e45", "warn": "#8a5300", "bad": "#b3261e", "info": INK}
# Mean width of a letter over its size, of the sans and the monospaced face.
_SANS, _MONO = 0.53, 0.603


def pdf(document: Document) -> bytes:
    """The report as a PDF: A4, page numbers, text as text, figures at 200 dots an inch."""
    stream = io.BytesIO()
    with style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a name may be in any script
        with PdfPages(stream, metadata={"Title": document.title, "Creator": "Residua"}) as pages:
            paper = _Paper(pages, document.title)
            paper.line(document.title, 17, weight="bold")
            paper.line(document.subtitle, 9, color=QUIET)
            for block in document.blocks:
                _put(paper, block)
            paper.finish()
    return stream.getvalue()


class _Paper:
    """Pages that are filled from the top; ``y`` is where the next thing goes, inches from the top."""

    def __init__(self, pages: PdfPages, title: str) -> None:
        self._pages = pages
        self._title = title
        self._number = 0
        self._sheet: Sheet | None = None
        self.y = 0.0

    def room(self, height: float) -> Sheet:
        """The sheet with at least this much room; a new one when the present one is full."""
        if self._sheet is None or self.y + height > HEIGHT - MARGIN:
            self.finish()
            self._number += 1
            self._sheet = Sheet(figsize=(WIDTH, HEIGHT))
            self.y = MARGIN
            foot = 1 - (HEIGHT - 0.45) / HEIGHT
            short = textwrap.shorten(self._title, 80)
            common: Any = {"fontsize": 7.5, "color": QUIET, "parse_math": False}
            self._sheet.text(MARGIN / WIDTH, foot, short, **common)
            self._sheet.text(1 - MARGIN / WIDTH, foot, str(self._number), ha="right", **common)
        return self._sheet

    def finish(self) -> None:
        """Write the present sheet."""
        if self._sheet is not None:
            self._pages.savefig(self._sheet, facecolor="white")
            self._sheet = None

    def gap(self, height: float) -> None:
        """Leave room."""
        self.y += height

    def line(
        self,
        text: str,
        size: float,
        *,
        color: str = INK,
        weight: str = "normal",
        mono: bool = False,
        math: bool = False,
        indent: float = 0.0,
    ) -> None:
        """A paragraph, wrapped."""
        letters = int((WIDTH - 2 * MARGIN - indent) * 72 / (size * (_MONO if mono else _SANS)))
        wrap = _wrapped_code if mono else _wrapped
        for part in wrap(text, letters):
            height = 1.45 * size / 72
            sheet = self.room(height)
            sheet.text(
                (MARGIN + indent) / WIDTH,
                1 - (self.y + 0.8 * height) / HEIGHT,
                part,
                fontsize=size,
                color=color,
                weight=weight,
                family="DejaVu Sans Mono" if mono else "DejaVu Sans",
                parse_math=math,
            )
            self.y += height

    def columns(
        self, cells: Sequence[str], at: Sequence[float], size: float, color: str, right: Sequence[bool]
    ) -> None:
        """One row of a table; ``at`` are the columns' left edges and the table's right one, inches."""
        height = 1.55 * size / 72
        sheet = self.room(height)
        for number, text in enumerate(cells):
            x = at[number + 1] - 0.12 if right[number] else at[number]
            letters = max(3, int((at[number + 1] - at[number]) * 72 / (size * _SANS)))
            shown = text if len(text) <= letters else text[: letters - 1] + "…"
            sheet.text(
                (MARGIN + x) / WIDTH,
                1 - (self.y + 0.75 * height) / HEIGHT,
                shown,
                fontsize=size,
                color=color,
                ha="right" if right[number] else "left",
                parse_math=False,
            )
        self.y += height

    def drawing(self, one: Figure) -> None:
        """A figure, as wide as it wants to be and the page allows."""
        made = picture(one)
        width, height = made.get_size_inches()
        factor = min(1.0, (WIDTH - 2 * MARGIN) / width, (HEIGHT - 2 * MARGIN - 0.4) / height)
        made.set_dpi(DPI)
        made.set_facecolor("white")
        canvas = FigureCanvasAgg(made)
        canvas.draw()
        sheet = self.room(height * factor + 0.3)
        box = (
            MARGIN / WIDTH,
            1 - (self.y + height * factor) / HEIGHT,
            width * factor / WIDTH,
            height * factor / HEIGHT,
        )
        axes = sheet.add_axes(box)
        axes.imshow(np.asarray(canvas.buffer_rgba())[..., :3], aspect="auto", interpolation="antialiased")
        axes.axis("off")
        self.y += height * factor + 0.06
        if one.caption:
            self.line(one.caption, 8, color=QUIET)
        self.gap(0.12)


def _put(paper: _Paper, block: object) -> None:
    match block:
        case Heading(text, level):
            paper.room(1.2)  # never at the foot of a page
            paper.gap(0.2)
            paper.line(text, 13 if level == 2 else 11, weight="bold")
            paper.gap(0.05)
        case Prose(text):
            _prose(paper, text)
        case Note(kind, text):
            paper.line(text, 9.5, color=_TONES.get(kind, INK), weight="bold" if kind != "info" else "normal")
            paper.gap(0.05)
        case Facts(rows):
            for name, value in rows:
                paper.line(f"{name}:  {value}", 9)
            paper.gap(0.08)
        case Table():
            _table(paper, block)
        case Figure() if not block.again:
            paper.drawing(block)
        case Code(text) | Listing(text):
            paper.line(text, 7.5, mono=True, color="#39424b")
            paper.gap(0.12)
        case Printed() | Figure():
            pass


def _table(paper: _Paper, block: Table) -> None:
    size = 8.0
    letters = [
        max(len(row[place]) for row in (block.columns, *block.rows)) for place in range(len(block.columns))
    ]
    wanted = np.array([(count + 2.5) * size * _SANS / 72 for count in letters])
    widths = wanted * min(1.0, (WIDTH - 2 * MARGIN) / wanted.sum())
    at = [0.0, *np.cumsum(widths).tolist()]
    right = [
        bool(block.rows) and all(re.fullmatch(r"[-+−]?[\d.]+(e[-+]?\d+)?", row[place]) for row in block.rows)
        for place in range(len(block.columns))
    ]
    paper.columns(block.columns, at, size, QUIET, right)
    for row in block.rows:
        paper.columns(row, at, size, INK, right)
    if block.caption:
        paper.line(block.caption, 8, color=QUIET)
    paper.gap(0.14)


def _prose(paper: _Paper, markdown: str) -> None:
    """Markdown, its formulae set by mathtext where that can, headings and lists by their looks."""
    for paragraph in re.split(r"\n\s*\n", markdown.strip()):
        text = " ".join(paragraph.split())
        heading = re.match(r"(#+)\s+(.*)", text)
        if heading:
            paper.line(heading[2], 11, weight="bold")
            continue
        for item in re.split(r"(?:^|\s)[-*] ", text) if re.match(r"[-*] ", text) else [text]:
            if item.strip():
                bullet = "•  " if item is not text else ""
                plain = re.sub(r"\*\*(.+?)\*\*|`(.+?)`", lambda found: found[1] or found[2], item)
                plain, math = _formulae(plain)
                paper.line(bullet + plain.strip(), 9.5, math=math, indent=0.12 if bullet else 0.0)
        paper.gap(0.08)


def _formulae(text: str) -> tuple[str, bool]:
    """The text with each formula between single dollars, and whether there is any that mathtext can set."""
    text = re.sub(r"\$\$(.+?)\$\$", r"$\1$", text)
    found = re.findall(r"\$[^$]+\$", text)
    if not found:
        return text, False
    try:
        parser = MathTextParser("path")
        for one in found:
            parser.parse(one)
    except ValueError:
        return text, False
    outside = re.sub(r"\$[^$]+\$", "", text)
    return text, "$" not in outside


def _wrapped(text: str, letters: int) -> Iterator[str]:
    """Lines of at most so many letters; a formula is never divided."""
    line = ""
    for word in re.findall(r"\$[^$]+\$\S*|\S+", text):
        if line and len(line) + 1 + len(word) > letters:
            yield line
            line = ""
        while len(word) > letters and "$" not in word:
            yield word[:letters]
            word = word[letters:]
        line = f"{line} {word}" if line else word
    if line:
        yield line


def _wrapped_code(text: str, letters: int) -> Iterator[str]:
    """The lines of code, long ones folded."""
    for line in text.splitlines():
        if not line:
            yield ""
        for start in range(0, len(line), letters):
            yield ("    " if start else "") + line[start : start + letters]
