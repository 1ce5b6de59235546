"""Names: ids that can stand in an address, and file names as strangers send them."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterable

# No vowels (no words by accident), no look-alikes (0/o, 1/l): 12 of these hold 56 bits.
_ALPHABET = "23456789bcdfghjkmnpqrstvwxz"
_ID_LENGTH = 12
NAME_LENGTH = 120
TAG_LENGTH = 40
TAG_COUNT = 12
NOTE_LENGTH = 4000


def new_id() -> str:
    """A short random id, safe in addresses, file names and Dask keys."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))


def is_id(text: str) -> bool:
    """Whether this could be one of our ids; anything else never reaches a path or a query."""
    return len(text) == _ID_LENGTH and all(letter in _ALPHABET for letter in text)


def display_name(name: str, fallback: str = "unnamed") -> str:
    """A stranger's file name made safe to show: no folders, controls or direction marks, at most 120 long.

    Direction overrides (Unicode category Cf) can make "gnp.exe" read as "exe.png"; they go with the controls.
    The ending is kept when the middle has to go, since it tells what kind of file it is.
    """
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(letter if unicodedata.category(letter)[0] != "C" else " " for letter in name)
    kept = " ".join(unicodedata.normalize("NFC", kept).split())
    if len(kept) > NAME_LENGTH:
        kept = f"{kept[: NAME_LENGTH - 21]}…{kept[-20:]}"
    return kept if kept.strip(". ") else fallback


def display_title(title: str, fallback: str = "Untitled") -> str:
    """A title on one line, without control or direction characters, at most 120 letters."""
    kept = "".join(letter if unicodedata.category(letter)[0] != "C" else " " for letter in title)
    return " ".join(kept.split())[:NAME_LENGTH] or fallback


def display_tags(tags: Iterable[str]) -> list[str]:
    """Tags as people type them made one line each, at most 40 long and 12 in number, each once."""
    tidy = (display_title(tag, "")[:TAG_LENGTH].strip() for tag in tags)
    return list(dict.fromkeys(tag for tag in tidy if tag))[:TAG_COUNT]


def display_note(note: str) -> str:
    """A note of several lines, without control or direction characters, at most 4000 letters."""
    kept = "".join(
        letter if letter == "\n" or unicodedata.category(letter)[0] != "C" else " " for letter in note
    )
    return kept.strip()[:NOTE_LENGTH]
