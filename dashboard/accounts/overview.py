"""What the admin page shows, gathered on a thread and on the event loop: plain values, no HTML."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dashboard.accounts.account import browser_name
from dashboard.jobs.workers import Seen
from dashboard.services import Services
from dashboard.store import Store
from dashboard.store.queue import Entry


@dataclass(frozen=True)
class Person:
    """An account with what it has here. `locked` is in seconds, `disk` in bytes."""

    id: str
    name: str
    role: str
    disabled: bool
    can_log_in: bool
    by_provider: bool
    locked: float
    projects: int
    disk: int
    seen: datetime | None


@dataclass(frozen=True)
class Browser:
    """A browser that is logged in."""

    id: str
    name: str
    browser: str
    address: str
    seen: datetime


@dataclass(frozen=True)
class State:
    """All of it. Sizes in bytes; `pages` are (who, path, how many browsers show it)."""

    people: tuple[Person, ...]
    browsers: tuple[Browser, ...]
    queue: tuple[Entry, ...]
    names: dict[str, str]
    workers: tuple[Seen, ...]
    disk_free: int
    disk_total: int
    records: int
    pages: tuple[tuple[str, str, int], ...] = ()


def gather(services: Services) -> State:
    """Ask store, jobs and disk. Call it on a thread."""
    store = services.store
    accounts = store.accounts.all()
    names = {one.id: one.name for one in accounts}
    locked = store.attempts.locked(names.values())
    projects = Counter(one.owner_id for one in store.projects())
    logins = store.logins.all()
    usage = shutil.disk_usage(store.data_dir)
    return State(
        people=tuple(
            Person(
                id=one.id,
                name=one.name,
                role=str(one.role),
                disabled=one.disabled,
                can_log_in=one.has_password or one.has_provider,
                by_provider=one.has_provider,
                locked=locked.get(one.name, 0.0),
                projects=projects[one.id],
                disk=store.queue.bytes_of(one.id),
                seen=max((login.seen for login in logins if login.account_id == one.id), default=None),
            )
            for one in accounts
        ),
        browsers=tuple(
            Browser(
                login.id,
                names.get(login.account_id, ""),
                browser_name(login.agent),
                login.address,
                login.seen,
            )
            for login in logins
        ),
        queue=tuple(store.queue.entries()),
        names=names,
        workers=tuple(services.jobs.seen_workers()),
        disk_free=usage.free,
        disk_total=usage.total,
        records=_size_of_records(store),
    )


def open_pages(requests: list[Any]) -> tuple[tuple[str, str, int], ...]:
    """Who has which page open, from the requests that opened them."""
    counted = Counter((one.request.who.name or "by a link", one.page or "/") for one in requests)
    return tuple((who, path, count) for (who, path), count in sorted(counted.items()))


async def state_of(services: Services, requests: list[Any]) -> State:
    """Everything the page shows now."""
    return replace(await asyncio.to_thread(gather, services), pages=open_pages(requests))


def _size_of_records(store: Store) -> int:
    """Bytes of the SQLite files; 0 where Postgres has the records."""
    return sum(path.stat().st_size for path in store.data_dir.glob("residua.db*"))
