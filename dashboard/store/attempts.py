"""Failed log-ins make the next one wait, longer each time: counted by address and by name, known or not.

Where no name was given, as when a provider elsewhere is to say who it is, by address alone: the name is "" then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dashboard.store.models import AttemptRow

FREE_BY_NAME = 5
# Behind one address there may be many people.
FREE_BY_ADDRESS = 30
FIRST_WAIT = 5.0
LONGEST_WAIT = 900.0
FORGOTTEN_AFTER = timedelta(hours=24)


def wait_after(failed: int, free: int) -> float:
    """Seconds to wait after so many failures: none for the first `free`, then 5 s, doubled each time up to 900 s."""
    return 0.0 if failed < free else min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failed - free, 20))


class Attempts:
    """Counts failures in the database, so that a restart forgives nobody."""

    def __init__(self, session: Callable[[], Session]) -> None:
        self._session = session

    def waits(self, name: str, address: str) -> float:
        """Seconds until somebody may try this name from this address; 0 when they may now."""
        now = datetime.now(UTC)
        with self._session() as session, session.begin():
            rows = [(session.get(AttemptRow, key), free) for key, free in _counted(name, address).items()]
            known = [
                (row, free) for row, free in rows if row is not None and now - row.last < FORGOTTEN_AFTER
            ]
            for row, _ in known:
                # Where the clock was put back since, the wait begins anew, not when that time comes round again.
                row.last = min(row.last, now)
        return max([0.0, *(_left(row, free, now) for row, free in known)])

    def begin(self, name: str, address: str) -> float:
        """Seconds to wait before the next attempt; 0 when it may be made now: it then counts as failed already.

        One call after another, so that many attempts at once are not all let through.
        """
        wait = self.waits(name, address)
        if wait <= 0:
            self._failed(name, address)
        return wait

    def succeeded(self, name: str, address: str) -> None:
        """Somebody logged in: the failures of the name are forgotten, the address gets this attempt back."""
        self.forget(name)
        with self._session() as session, session.begin():
            row = session.get(AttemptRow, _of_address(address))
            if row is not None:
                row.failed = max(0, row.failed - 1)

    def _failed(self, name: str, address: str) -> None:
        now = datetime.now(UTC)
        with self._session() as session, session.begin():
            session.execute(delete(AttemptRow).where(AttemptRow.last < now - FORGOTTEN_AFTER))
            for key in _counted(name, address):
                row = session.get(AttemptRow, key)
                if row is None:
                    session.add(AttemptRow(key=key, failed=1, last=now))
                else:
                    row.failed, row.last = row.failed + 1, now

    def forget(self, name: str) -> None:
        """The failures of a name count no more."""
        with self._session() as session, session.begin():
            session.execute(delete(AttemptRow).where(AttemptRow.key == _of_name(name)))

    def locked(self, names: Iterable[str]) -> dict[str, float]:
        """Those of these names that must wait, and how many seconds."""
        with self._session() as session:
            rows = {row.key: row for row in session.scalars(select(AttemptRow))}
        now, found = datetime.now(UTC), {}
        for name in names:
            row = rows.get(_of_name(name))
            if row is not None:
                left = _left(row, FREE_BY_NAME, now)
                if left > 0:
                    found[name] = left
        return found


def _left(row: AttemptRow, free: int, now: datetime) -> float:
    """Seconds of its wait that are left; all of them where the clock was put back since, never more."""
    return wait_after(row.failed, free) - max(0.0, (now - row.last).total_seconds())


def _counted(name: str, address: str) -> dict[str, int]:
    """What an attempt is counted under, and how many of each are free."""
    by_name = {_of_name(name): FREE_BY_NAME} if name.strip() else {}
    return {**by_name, _of_address(address): FREE_BY_ADDRESS}


def _of_name(name: str) -> str:
    return f"name:{name.strip().casefold()[:90]}"


def _of_address(address: str) -> str:
    return f"from:{address[:90]}"
