"""How the commands speak: one sentence for an error, one style of table, progress on standard error."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    from engine import Step

CONVERGED, NOT_CONVERGED, BAD_INPUT = 0, 1, 2
_PLAIN_SECONDS = 1.0
_BAR_SECONDS = 0.1


@contextmanager
def sentences(as_json: bool = False) -> Iterator[None]:
    """Turn errors of the input into a sentence on standard error and exit code 2."""
    try:
        yield
    except ValueError as error:
        from engine.errors import EngineError

        if not isinstance(error, EngineError):
            raise
        refuse(str(error), as_json)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        refuse(f"{where}{error.strerror or error}.", as_json)


def refuse(sentence: str, as_json: bool = False) -> NoReturn:
    """Say what is wrong and end with exit code 2."""
    if as_json:
        print(json.dumps({"error": sentence}, ensure_ascii=False))
    typer.echo(f"residua: {sentence}", err=True)
    raise typer.Exit(BAD_INPUT)


def table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), indent: str = "") -> str:
    """Rows as text in columns, as narrow as they can be; the columns in `right` are set to the right."""
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def number(value: float | None, digits: int = 6) -> str:
    """A number for a table; empty for one that is not finite."""
    return "" if value is None or not math.isfinite(value) else f"{value:.{digits}g}"


class Progress:
    """A bar on a terminal, a plain line a second elsewhere, nothing when quiet; always on standard error."""

    def __init__(self, title: str, total: int | None, quiet: bool) -> None:
        self._title = title
        self._quiet = quiet
        self._said = -math.inf
        self._last: Step | None = None
        self._bar: Any = None
        if not quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[figures]}"),
                console=Console(stderr=True),
                transient=True,
                # No thread of its own: one that wakes in the middle of a step makes torch's threads wait for it.
                auto_refresh=False,
            )
            self._task = self._bar.add_task(title, total=total, figures="")

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._last is not None:
            self._say(self._last)

    def __call__(self, step: Step) -> None:
        """Show a step."""
        if self._quiet or self._draw(
            step.number, f"{_doing(step)}chi2/dof {step.chi2_dof:.6g}  {step.seconds:.1f} s"
        ):
            return
        self._last = step
        if time.monotonic() - self._said >= _PLAIN_SECONDS:
            self._say(step)

    def count(self, number: int) -> None:
        """Show that ``number`` things are done."""
        if self._quiet or self._draw(number, ""):
            return
        if time.monotonic() - self._said >= _PLAIN_SECONDS:
            self._said = time.monotonic()
            typer.echo(f"{self._title}: {number}", err=True)

    def _draw(self, number: int, figures: str) -> bool:
        """Move the bar, now and then; False where there is none."""
        if self._bar is None:
            return False
        drawn = time.monotonic() - self._said >= _BAR_SECONDS
        self._bar.update(self._task, completed=number, figures=figures, refresh=drawn)
        if drawn:
            self._said = time.monotonic()
        return True

    def _say(self, step: Step) -> None:
        self._said = time.monotonic()
        self._last = None
        typer.echo(
            f"{self._title}: step {step.number}, {_doing(step)}chi2/dof {step.chi2_dof:.6g}, {step.seconds:.1f} s",
            err=True,
        )


def _doing(step: Step) -> str:
    """What a step is for, where it brings the fit no further."""
    return "compiling, " if step.info.get("phase") == "compiling" else ""
