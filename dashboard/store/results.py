"""Results among the contents: each file that a run wrote is at the same time `files/ab/ab12...`, by a hard link.

A run's folder keeps its names, so whoever reads a path there reads on, and the same result twice takes its room once.
Both names are of one file: to take one out of `files/` never takes anything from a run, and the count of links tells
whether a run has it. Where a file system has no links, a result lies in its run's folder only.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from dashboard.store.files import sha256_of

# What lies in a run's folder for a while only: flags, claims, the checkpoint, what is half written, and caches.
PASSING = (".*", "cancel", "leave", "all.zip")
# In each run's folder, in the words of sha256sum: `sha256sum -c SHA256SUMS` there checks them all.
SUMS = "SHA256SUMS"
_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<name>[^./\n][^/\n]*)")

logger = logging.getLogger("residua.store")


def keep_results(folder: Path, root: Path) -> None:
    """Make the files of a run's folder contents below `root`, and write down their hashes.

    Takes its time with large ones. A full disk costs the list of hashes, not the result, which is complete already.
    """
    names = sorted({path.name for path in parted(folder)[0]} - {SUMS})
    temporary = folder / f".{SUMS}.{secrets.token_hex(4)}"
    try:
        (folder / SUMS).unlink(missing_ok=True)  # of an attempt before this one
        temporary.write_text(
            "".join(f"{adopt(folder / name, root)}  {name}\n" for name in names), encoding="ascii"
        )
        temporary.replace(folder / SUMS)
    except OSError as error:
        logger.warning("The hashes of %s were not written down: %s", folder, error)
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def parted(folder: Path) -> tuple[list[Path], list[Path]]:
    """What stays of a run's folder, and what lies there for a while only; nothing where there is no folder."""
    stays: list[Path] = []
    passing: list[Path] = []
    with suppress(OSError):
        for path in folder.iterdir():
            (passing if passes(path.name) else stays).append(path)
    return stays, passing


def passes(name: str) -> bool:
    """Whether what has this name in a run's folder lies there for a while only."""
    return any(fnmatch(name, one) for one in PASSING)


def sums_of(folder: Path) -> dict[str, str]:
    """The hashes of a run's files by their names; none where none were written down."""
    try:
        lines = (folder / SUMS).read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return {}
    return {found["name"]: found["sha256"] for found in map(_LINE.fullmatch, lines) if found}


def adopt(path: Path, root: Path) -> str:
    """Make a file one with the content of the same bytes, where links can be made; its SHA-256."""
    sha256 = sha256_of(path)
    place = root / sha256[:2] / sha256
    with suppress(OSError):  # no links here, or the file would have too many
        path.chmod(0o440)
        place.parent.mkdir(exist_ok=True)
        if not place.exists() or sha256_of(place) != sha256:
            _link(path, place)  # in place of one that was damaged, too
        elif not place.samefile(path):
            _link(place, path)
    return sha256


def _link(file: Path, place: Path) -> None:
    """Let a file have the name `place` too, in place of what was there: at each moment there is one or the other."""
    temporary = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    os.link(file, temporary)
    try:
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)
