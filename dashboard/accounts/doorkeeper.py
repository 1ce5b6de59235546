"""Looks up who makes a request and how far they reach: on threads of its own, and what it found holds for seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tornado.httputil import HTTPServerRequest

from dashboard.access import Touched
from dashboard.store import NOBODY, Reach, Store, Who
from dashboard.store.secrets import sha256_text

SESSION_COOKIE = "residua_session"
LINK_COOKIE = "residua_link"
TRIP_COOKIE = "residua_trip"
MOST_LINKS = 8
# Changes made in this process are known at once; those of `residua users` after this long.
KEPT_SECONDS = 2.0
MOST_KEPT = 20_000
PATIENCE_SECONDS = 10.0
THREADS = 4

Found = TypeVar("Found")


class BadToken(Exception):
    """A request shows a token that opens nothing."""


class Doorkeeper:
    """Knows people by cookie and token. Never waits on the event loop: a database that hangs makes a TimeoutError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="residua-door")
        self._kept: dict[Hashable, tuple[float, Any]] = {}

    async def who(self, request: HTTPServerRequest) -> Who:
        """Who makes a request. BadToken for a token that is none; TimeoutError when the database does not answer."""
        links = links_of(request)
        shown = request.headers.get("Authorization", "")
        if shown:
            kind, _, token = shown.partition(" ")
            account = None
            if kind.lower() == "bearer" and token.strip():
                account = await self._look(self._store.logins.account_of_token, token.strip())
            if account is None:
                raise BadToken
            return Who(account=account)
        secret = cookie(request, SESSION_COOKIE)
        if secret:
            found = await self._look(self._store.logins.account, secret)
            if found is not None:
                return Who(account=found[0], login=found[1], links=links)
        return Who(links=links) if links else NOBODY

    async def reach(self, who: Who, touched: list[Touched]) -> Reach:
        """How far somebody may go with what a request touches; with several, with that where they go farthest."""
        return max([await self._look(self._reach, who, one) for one in touched], default=Reach.NONE)

    def forget(self) -> None:
        """Something was changed: look everything up again."""
        self._kept.clear()

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _reach(self, who: Who, touched: Touched) -> Reach:
        seen = self._store.seen_by(who)
        return seen.reach(touched.id) if touched.kind == "project" else seen.reach_of_run(touched.id)

    async def _look(self, question: Callable[..., Found], *about: Hashable) -> Found:
        key = (question.__name__, *about)
        kept = self._kept.get(key)
        if kept is not None and kept[0] > time.monotonic():
            found: Found = kept[1]
            return found
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE_SECONDS):
            found = await loop.run_in_executor(self._threads, question, *about)
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (time.monotonic() + KEPT_SECONDS, found)
        return found


def cookie(request: HTTPServerRequest, name: str) -> str:
    """What a cookie says; "" where there is none."""
    found = request.cookies.get(name)
    return "" if found is None else found.value


def links_of(request: HTTPServerRequest) -> tuple[str, ...]:
    """The hashes of the links that a browser came by."""
    secrets = [one for one in cookie(request, LINK_COOKIE).split(".") if one]
    return tuple(sha256_text(one) for one in secrets[-MOST_LINKS:])
