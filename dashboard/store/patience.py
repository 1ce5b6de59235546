"""How long Postgres is waited for: while it restarts, and while it is there but does not answer."""

from __future__ import annotations

import asyncio
import threading
import time
from functools import cache
from typing import Any

CONNECT_SECONDS = 5
# An answer that takes longer does not come: all that is asked here are small questions.
ANSWER_SECONDS = 10.0
# A Postgres that restarts is waited for this long.
AWAY_SECONDS = 5.0
AGAIN_SECONDS = 0.25


class Patience:
    """Makes the connections of an SQLAlchemy engine, as its listener for `do_connect`.

    While Postgres is away, whoever asks within `AWAY_SECONDS` waits, so that a restart costs nobody anything. After
    that one at a time tries again, and all others are told at once. A connection whose question is not answered within
    `ANSWER_SECONDS` is given up.
    """

    def __init__(self) -> None:
        self._away_since: float | None = None
        self._trying = threading.Lock()

    def __call__(self, dialect: Any, record: Any, arguments: Any, keywords: Any) -> Any:
        """Connect; psycopg.OperationalError where that cannot be done."""
        failure = dialect.loaded_dbapi.OperationalError
        while True:
            known = self._long_away()
            if known and not self._trying.acquire(blocking=False):
                raise failure("the database was away a moment ago, and is being looked for")
            try:
                connection = _connection_class().connect(*arguments, **keywords)
            except failure:
                self._away_since = self._away_since or time.monotonic()
                if on_an_event_loop() or self._long_away():
                    raise
                time.sleep(AGAIN_SECONDS)
            else:
                self._away_since = None
                return connection
            finally:
                if known:
                    self._trying.release()

    def _long_away(self) -> bool:
        since = self._away_since
        return since is not None and time.monotonic() - since > AWAY_SECONDS


def on_an_event_loop() -> bool:
    """Whether the caller runs on an event loop, which stands still while it waits."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@cache
def _connection_class() -> Any:
    """Psycopg's connection, but one that does not wait for ever. psycopg is there only where Postgres is used."""
    import psycopg

    class ImpatientConnection(psycopg.Connection[Any]):
        """Closes itself when a question is not answered in time."""

        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            """As psycopg's; OperationalError after `ANSWER_SECONDS`."""
            began = time.monotonic()
            try:
                return super().wait(gen, interval, ANSWER_SECONDS if timeout is None else timeout)
            except psycopg.errors.Error as error:
                if timeout is not None or time.monotonic() - began < ANSWER_SECONDS:
                    raise
                self.pgconn.finish()
                raise psycopg.OperationalError(f"no answer within {ANSWER_SECONDS:g} s") from error

    return ImpatientConnection
