"""A lesson is a file of Markdown with fenced Python cells; this reads it. Nothing is run here.

The file starts with front matter (YAML between lines of ---):

- ``title``, ``summary`` (what the page teaches), ``cost`` (what its cells cost, in words);
- ``example``: the engine's example it works on, for *Open in the workbench*;
- ``widgets``: variables that a reader may change. Each is assigned a literal by one cell, and declared here either
  by an option of a fitter (``damping: lm.damping``), whose bounds and help are then its own, or by
  ``{low, high, help}``; ``low`` and ``high`` may narrow an option: ``{option: nuts.draws, low: 50, high: 500}``.

A cell is a fence that opens with ```` ```python NAME ````. Everything between cells is text.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import param
import yaml

from engine import fitters

LESSONS = Path(__file__).parent / "lessons"
_FENCE = re.compile(r"^```python ([a-z][a-z0-9-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class LessonError(ValueError):
    """A lesson's file is not as it should be, or a page asked for what it does not have."""


@dataclass(frozen=True)
class Text:
    """A passage of Markdown."""

    markdown: str


@dataclass(frozen=True)
class Cell:
    """A cell of Python; ``widgets`` are the variables that a reader may change in it."""

    name: str
    source: str
    widgets: tuple[Widget, ...] = ()


@dataclass(frozen=True)
class Widget:
    """A variable of a cell, with the value in the text, its limits, and its help."""

    variable: str
    default: Any
    kind: str  # number, whole, switch or choice
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    help: str

    def read(self, value: Any) -> Any:
        """Return ``value`` as what the widget may be: a number, a truth value or one of its choices.

        LessonError, with the allowed range, for anything else.
        """
        if self.kind == "switch":
            if isinstance(value, bool):
                return value
            raise LessonError(f"{self.variable} is {value!r}, but must be true or false.")
        if self.kind == "choice":
            if value in self.choices:
                return str(value)
            raise LessonError(
                f"{self.variable} is {str(value)[:40]!r}, but must be one of {', '.join(self.choices)}."
            )
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        whole = self.kind == "whole"
        if not (self._low <= number <= self._high) or abs(number) == float("inf") or (whole and number % 1):
            raise LessonError(f"{self.variable} is {str(value)[:40]!r}, but must be {self.range}.")
        return int(number) if whole else number

    @property
    def range(self) -> str:
        """The allowed values in words."""
        words = "a whole number" if self.kind == "whole" else "a number"
        if self.low is not None and self.high is not None:
            return f"{words} between {self.low:g} and {self.high:g}"
        if self.low is not None:
            return f"{words}, at least {self.low:g}"
        return f"{words}, at most {self.high:g}" if self.high is not None else words

    @property
    def _low(self) -> float:
        return float("-inf") if self.low is None else self.low

    @property
    def _high(self) -> float:
        return float("inf") if self.high is None else self.high


@dataclass(frozen=True)
class Lesson:
    """One page of the tutorial."""

    key: str
    title: str
    summary: str
    cost: str
    example: str
    parts: tuple[Text | Cell, ...]

    @property
    def fingerprint(self) -> str:
        """Of the cells' sources: what a stored run was a run of."""
        text = "\n\n".join(f"{cell.name}\n{cell.source}" for cell in self.cells.values())
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def cells(self) -> dict[str, Cell]:
        """The cells by name, in order."""
        return {part.name: part for part in self.parts if isinstance(part, Cell)}

    @property
    def widgets(self) -> dict[str, Widget]:
        """All widgets by variable."""
        return {widget.variable: widget for cell in self.cells.values() for widget in cell.widgets}

    def needed(self, name: str) -> list[Cell]:
        """Return the cell called ``name`` after those above it that it builds on, in order.

        LessonError for an unknown name.
        """
        cells = list(self.cells.values())
        if name not in self.cells:
            raise LessonError(
                f"The page {self.key} has no cell {name[:40]!r}. It has: {', '.join(self.cells)}."
            )
        last = list(self.cells).index(name)
        wanted, chosen = _used(cells[last].source), [cells[last]]
        for cell in reversed(cells[:last]):
            if wanted & _assigned(cell.source):
                wanted |= _used(cell.source)
                chosen.append(cell)
        return chosen[::-1]

    def source(self, cell: Cell, values: Mapping[str, Any]) -> str:
        """Return a cell's source with the reader's ``values`` (checked here) in place of the text's.

        LessonError for a variable that is no widget of this page or a value outside its limits.
        """
        for variable in values:
            if variable not in self.widgets:
                raise LessonError(f"{str(variable)[:40]!r} cannot be changed on the page {self.key}.")
        lines = cell.source.splitlines()
        for widget in cell.widgets:
            if widget.variable in values:
                checked = widget.read(values[widget.variable])
                for number, line in enumerate(lines):
                    found = re.match(rf"{widget.variable} = [^#]*?(\s*#.*)?$", line)
                    if found:
                        lines[number] = f"{widget.variable} = {checked!r}{found[1] or ''}"
        return "\n".join(lines)


def keys() -> list[str]:
    """The lessons' keys, in the order of reading."""
    return [path.stem.partition("-")[2] for path in sorted(LESSONS.glob("[0-9]*-*.md"))]


@lru_cache(maxsize=64)
def lesson(key: str) -> Lesson:
    """Read a lesson; LessonError when there is none of this name or its file is not as it should be."""
    # By comparison with the list, so that no part of a path is ever built from what was asked for.
    found = [path for path in LESSONS.glob("[0-9]*-*.md") if path.stem.partition("-")[2] == key]
    if not found:
        raise LessonError(f"There is no lesson {key[:40]!r}. There are: {', '.join(keys())}.")
    return parse(key, found[0].read_text(encoding="utf-8"))


def parse(key: str, text: str) -> Lesson:
    """Read a lesson's text."""
    parts = text.split("---\n", 2)
    if len(parts) != 3 or parts[0]:
        raise LessonError(f"The lesson {key} does not start with front matter between lines of ---.")
    about = yaml.safe_load(parts[1])
    declared = dict(about.pop("widgets", {}))
    found: list[Text | Cell] = []
    body, end = parts[2], 0
    for fence in _FENCE.finditer(body):
        _add_text(found, body[end : fence.start()])
        found.append(_cell(fence[1], fence[2].rstrip(), declared))
        end = fence.end()
    _add_text(found, body[end:])
    if declared:
        raise LessonError(f"No cell of the lesson {key} assigns a literal to {', '.join(declared)}.")
    return Lesson(key=key, parts=tuple(found), **about)


def _add_text(parts: list[Text | Cell], markdown: str) -> None:
    if markdown.strip():
        parts.append(Text(markdown.strip()))


def _cell(name: str, source: str, declared: dict[str, Any]) -> Cell:
    widgets = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            variable = node.targets[0].id
            if variable in declared:
                widgets.append(_widget(variable, ast.literal_eval(node.value), declared.pop(variable)))
    return Cell(name, source, tuple(widgets))


def _widget(variable: str, default: Any, declaration: Any) -> Widget:
    about: dict[str, Any] = {"option": declaration} if isinstance(declaration, str) else dict(declaration)
    choices: tuple[str, ...] = tuple(about.get("choices", ()))
    option = about.get("option")
    if option is not None:
        fitter, _, name = option.partition(".")
        declared = fitters.registry()[fitter].param[name]
        bounds = getattr(declared, "bounds", None) or (None, None)
        about = {"low": bounds[0], "high": bounds[1], "help": " ".join((declared.doc or "").split()), **about}
        choices = tuple(str(one) for one in getattr(declared, "objects", None) or ())
        whole = isinstance(declared, param.Integer)
    else:
        whole = isinstance(default, int)
    kind = "switch" if isinstance(default, bool) else "choice" if choices else "whole" if whole else "number"
    return Widget(
        variable, default, kind, about.get("low"), about.get("high"), choices, about.get("help", "")
    )


def _assigned(source: str) -> set[str]:
    """Names that a cell defines or changes."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            base = node.value
            while isinstance(base, ast.Subscript | ast.Attribute):
                base = base.value
            if isinstance(base, ast.Name):
                names.add(base.id)
    return names


def _used(source: str) -> set[str]:
    """Names that a cell reads."""
    return {
        node.id
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
