"""What the store refuses; each text is meant to be shown to a person."""

from __future__ import annotations


class StoreError(ValueError):
    """A request the store refuses."""


class NotFound(StoreError):
    """A project, file or run that is not (or no longer) there."""

    @classmethod
    def of(cls, noun: str) -> NotFound:
        """The error for what a noun names, such as "project"."""
        return cls(f"There is no such {noun}. It may have been deleted.")


class NotAllowed(StoreError):
    """Something that is there for whoever asks, but not for them to change."""
