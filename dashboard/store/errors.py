"""What the store refuses; each text is meant to be shown to a person."""

from __future__ import annotations


class StoreError(ValueError):
    """A request the store refuses."""


class NotFound(StoreError):
    """A project, file or run that is not (or no longer) there."""


class NotAllowed(StoreError):
    """Something that is there for whoever asks, but not for them to change."""
