"""What a report is made of, whatever it is written as: an ordered list of blocks. Plain data, no drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import engine


@dataclass(frozen=True)
class Fit:
    """One fit in a report.

    Attributes:
        label: What the reader calls it.
        variable: Its name in Python.
        problem: What was fitted, at the values it started from.
        result: What came of it.
        versions: Of the programs that made it, where known.
    """

    label: str
    variable: str
    problem: engine.Problem
    result: engine.FitResult
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Heading:
    """A title within the report; level 2 goes into the list of contents."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Prose:
    """Markdown with formulae."""

    markdown: str


@dataclass(frozen=True)
class Note:
    """One sentence that matters: good, warn, bad or info."""

    kind: str
    text: str


@dataclass(frozen=True)
class Facts:
    """Pairs of a name and a value, both plain text."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """Rows of plain text under column titles."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Figure:
    """A drawing of fits: image, maps, mosaic, corner, history or race."""

    kind: str
    fits: tuple[Fit, ...]
    caption: str = ""
    names: tuple[str, ...] = ()
    # Where a figure stood further up already, only a notebook, whose cell it is, shows it again.
    again: bool = False


@dataclass(frozen=True)
class Code:
    """A cell of Python; the figures and tables that follow it, up to the next one, are what it shows."""

    source: str


@dataclass(frozen=True)
class Printed:
    """What a cell prints; told elsewhere in words, so only a notebook and a project's page show it."""

    text: str


@dataclass(frozen=True)
class Listing:
    """Text that is no Python, such as a fit description."""

    text: str


Block = Heading | Prose | Note | Facts | Table | Figure | Code | Printed | Listing


@dataclass(frozen=True)
class Document:
    """A report.

    Attributes:
        title: Of the report.
        subtitle: One line below it.
        blocks: In order.
        description: The fit description that its notebook loads, as plain values.
        inputs: Files that the description names: name there, and where they lie now.
    """

    title: str
    subtitle: str
    blocks: tuple[Block, ...]
    description: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Path] = field(default_factory=dict)
