"""How much one person, and one fit, may take; and the sentences that say so."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.jobs.order import Rules
from dashboard.store import StoreError


class LimitError(StoreError):
    """A fit that is not taken into the queue: the text names the limit and the way out."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a lab allows; 0 stands for no limit. Sizes are in bytes."""

    running_per_user: int = 0
    queued_per_user: int = 0
    fit_seconds: int = 0
    fit_memory: int = 0
    disk_per_user: int = 0
    kept_for_short: int = 0
    # How often a fit whose worker went away is started again, and after how long without a sign it has.
    retries: int = 2
    heartbeat_seconds: float = 60.0
    checkpoint_seconds: float = 3.0
    # How long a result that the disk has no room for waits for some.
    room_seconds: float = 600.0
    half_life: float = 3600.0

    @property
    def rules(self) -> Rules:
        """What the order of the queue needs of them."""
        return Rules(self.running_per_user, self.kept_for_short)


def check_submission(limits: Limits, waiting: int, stored: int) -> None:
    """LimitError when a person with so many runs in the queue, and so many bytes on disk, may not add one."""
    if limits.queued_per_user and waiting >= limits.queued_per_user:
        raise LimitError(
            f"{waiting} of your fits wait already, and one person may have {limits.queued_per_user} waiting "
            "(--max-queued-per-user). Wait for some to end, or cancel those you no longer need under Jobs."
        )
    check_disk(limits.disk_per_user, stored)


def check_disk(quota: int, stored: int, more: int = 0) -> None:
    """LimitError when a person who keeps so many bytes may not keep ``more``; a quota of 0 is none."""
    if quota and stored + more > quota:
        raise LimitError(
            f"Your files and results take {megabytes(stored + more)} with this, and one person may keep "
            f"{megabytes(quota)} (--quota-mb). Delete projects that you no longer need: that makes room at once. "
            "Deleted runs can be brought back for a day, and make room within two."
        )


def megabytes(size: float) -> str:
    """A size for a sentence."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def too_long(seconds: int) -> str:
    """Why a fit was stopped that took its time."""
    return (
        f"Stopped after {seconds} s, the most that one fit may take here (--max-fit-seconds). The best values so far "
        "are kept: go on from them, with fewer draws or a smaller window."
    )


def too_large(memory: int) -> str:
    """Why a fit was stopped that took much memory."""
    return (
        f"Stopped at {megabytes(memory)} of memory, the most that one fit may take here (--max-fit-memory-mb). "
        "Take a smaller window, fewer components or, of a sampler, fewer draws (raise thin)."
    )
