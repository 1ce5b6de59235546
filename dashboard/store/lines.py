"""Small files of one line that are made once and then kept: a key, an id."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def kept_line(path: Path, made: str, least: int = 1) -> str:
    """The line in a file; where there is none yet, ``made``, which is written for all calls to come.

    The file is there whole or not at all, readable only to its owner, and of many that make it at once one wins. A line
    of fewer than ``least`` characters is what a crash or a full disk left, and counts as none. OSError when the disk is
    full.
    """
    broken = path.exists()  # asked first: what somebody else makes from here on is whole
    if len(line_of(path)) < least:
        _write(path, made, over=broken)
    return line_of(path)


def line_of(path: Path) -> str:
    """The line in a file; "" where there is none."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return ""


def _write(path: Path, line: str, *, over: bool) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    aside = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(f"{line}\n")
            stream.flush()
            os.fsync(stream.fileno())
        if over:
            aside.replace(path)
            return
        try:
            os.link(aside, path)
        except FileExistsError:
            return  # somebody else was quicker: theirs counts
        except OSError:  # this file system has no links
            aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
