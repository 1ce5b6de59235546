"""Names: ids that can stand in an address, and file names as strangers send them."""

from __future__ import annotations

import secrets
import unicodedata

# No vowels (no words by accident), no look-alikes (0/o, 1/l): 12 of these hold 56 bits.
_ALPHABET = "23456789bcdfghjkmnpqrstvwxz"
_ID_LENGTH = 12
NAME_LENGTH = 120


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
