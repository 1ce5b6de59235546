"""Passwords: Argon2id hashes, and checks that take as long for a name that does not exist."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

SHORTEST = 10
LONGEST = 1000

# The library's parameters are RFC 9106's for little memory: 64 MiB, three passes.
_hasher = PasswordHasher()
_nobody = ""


def problem_with(password: str, name: str = "") -> str:
    """Why this cannot be a password, as a sentence; "" when it can."""
    if len(password) < SHORTEST:
        return f"The password has {len(password)} characters, but must have at least {SHORTEST}."
    if len(password) > LONGEST:
        return f"The password has {len(password)} characters, but may have at most {LONGEST}."
    if len(set(password)) < 4 or (name and password.casefold() in (name.casefold() * 4)):
        return "This password is too easy to guess. Use a sentence, or what a password manager makes."
    return ""


def hashed(password: str) -> str:
    """The hash to keep. Takes some 0.1 s and 64 MiB: call it on a thread."""
    return _hasher.hash(password)


def matches(password: str, kept: str | None) -> bool:
    """Whether this is the password of a hash; with None it is not, after the same time. Call it on a thread."""
    global _nobody
    if kept is None and not _nobody:
        _nobody = hashed(secrets.token_urlsafe(24))
    try:
        return _hasher.verify(_nobody if kept is None else kept, password[:LONGEST]) and kept is not None
    except (Argon2Error, InvalidHashError):
        return False


def outdated(kept: str) -> bool:
    """Whether a hash was made with weaker parameters than those of today."""
    return _hasher.check_needs_rehash(kept)
