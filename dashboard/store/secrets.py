"""Secrets that are handed out once: here only their hashes are kept."""

from __future__ import annotations

import hashlib
import secrets


def new_secret() -> str:
    """192 random bits as text that can stand in an address and in a cookie."""
    return secrets.token_urlsafe(24)


def sha256_text(secret: str) -> str:
    """What is kept of a secret. It is random enough that a plain hash cannot be turned round."""
    return hashlib.sha256(secret.encode()).hexdigest()
