"""Does a lab's server hold up? Many open pages, many people's fits in the queue, for minutes.

    python -m benchmarks.load [--short]

A server of its own with accounts; websocket clients open pages as browsers do and stay; people queue fits of
different lengths. Asked is: no error in the log, none at a client, no fit that fails; the event loop's delay (99 %
below 100 ms, from /metrics); memory back within 15 % of where it began after the sessions have ended; and that, up to
the moment when somebody has nothing left to wait for, all have had the same seconds of worker time within 20 %.

Writes results/load.json; exit code 1 when something was not met. Close other programs first.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bokeh.document import Document
from bokeh.document.events import MessageSentEvent
from bokeh.events import DocumentReady
from bokeh.protocol import Protocol
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClosedError, websocket_connect

from dashboard.memory import take_from_the_c_library

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).resolve().parent / "results"
TARGETS = {"loop_p99_s": 0.1, "memory_growth": 0.15, "share_spread": 0.2}
TOKEN = re.compile(r'"token"\s*:\s*"([^"]+)"|token&#34;:&#34;([^&]+)')
# Longer than the server keeps a session that nobody has open (dashboard.app), twice looked for, and then takes to give
# back its memory (dashboard.giving_back).
SESSIONS_GONE_SECONDS = 130
PATIENCE = 120


@dataclass(frozen=True)
class Plan:
    """How much is asked of the server."""

    clients: int = 50
    seconds: float = 300.0
    people: int = 20
    fits: int = 200
    fit_seconds: float = 0.8  # the queue lasts about as long as the pages stay open
    workers: int = 1


SHORT = Plan(clients=10, seconds=40.0, people=5, fits=40, fit_seconds=0.5)


@dataclass
class Seen:
    """What the clients met."""

    messages: int = 0
    opened: int = 0
    errors: list[str] = field(default_factory=list)
    open_seconds: list[float] = field(default_factory=list)
    trips: list[float] = field(default_factory=list)


# --- the server, in a process of its own


def serve(folder: Path, plan: Plan) -> None:
    """Put people and projects into a new data folder, serve it, and queue the fits when the file `go` appears."""
    import torch

    import engine
    from dashboard.app import create_app
    from dashboard.services import Services, import_fit
    from dashboard.settings import Settings
    from dashboard.store import Role, Store, Who

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("bokeh", "tornado", "distributed", "param", "panel"):
        logging.getLogger(name).setLevel(logging.WARNING)
    data = folder / "data"
    store = Store(data)
    example = engine.write_example("seed", folder / "example")
    whose: list[tuple[Who, str]] = []
    people = []
    for number in range(plan.people):
        account = store.accounts.add(f"person{number}")
        cookie = store.logins.log_in(account.id, days=1, address="127.0.0.1", agent="load")
        who = Who(account=account)
        project = import_fit(store.seen_by(who), example, f"Seed {number}").id
        whose.append((who, project))
        people.append({"id": account.id, "cookie": f"residua_session={cookie}", "project": project})
    keeper = store.accounts.add("keeper", role=Role.ADMIN)
    admin = store.logins.log_in(keeper.id, days=1, address="127.0.0.1", agent="load")
    torch.set_num_threads(1)
    problem = engine.load(example)
    seconds = []
    for _ in range(2):  # the first one loads what it needs
        began = time.perf_counter()
        engine.fit(problem, "metropolis", chains=1, warmup=0, draws=300, start="here")
        seconds.append(time.perf_counter() - began)
    draws = max(20.0, 300 * plan.fit_seconds / min(seconds))
    settings = Settings(
        data_dir=str(data),
        port=0,
        accounts="local",
        workers=plan.workers,
        example=False,
        max_queued_per_user=plan.fits,
    )
    app = create_app(settings, store)
    services: Services = app.services

    def queue_fits() -> None:
        while not (folder / "go").exists():
            time.sleep(0.05)
        for number in range(plan.fits):
            place = number % plan.people
            who, project = whose[place]
            own = services.seen_by(who)
            # From one to two times the length, by person: equal numbers would not be equal shares.
            length = draws * (1 + place / max(1, plan.people - 1))
            options = {"chains": 1, "warmup": 0, "draws": int(length), "start": "here"}
            description = own.store.project(project).description or {}
            own.jobs.submit(
                project, description, "metropolis", options, seconds=length / draws * plan.fit_seconds
            )

    threading.Thread(target=queue_fits, daemon=True).start()
    (folder / "people.json").write_text(
        json.dumps({"url": app.url, "admin": f"residua_session={admin}", "people": people})
    )
    app.run()


# --- the clients


async def browse(url: str, path: str, cookie: str, until: float, seen: Seen) -> None:
    """Open a page as a browser does, say that it is ready, and stay; every few seconds ask and wait for the answer."""
    try:
        began = time.perf_counter()
        page = await AsyncHTTPClient().fetch(
            HTTPRequest(f"{url}{path}", headers={"Cookie": cookie}, request_timeout=PATIENCE)
        )
        token = TOKEN.search(page.body.decode())
        assert token is not None, f"{path} has no session"
        request = HTTPRequest(
            f"{url.replace('http', 'ws', 1)}{path.rstrip('/')}/ws",
            headers={"Cookie": cookie, "Origin": url},
            request_timeout=PATIENCE,
        )
        socket = await websocket_connect(
            request, subprotocols=["bokeh", token[1] or token[2]], max_message_size=1 << 28
        )
        protocol = Protocol()
        for _ in range(3):  # the server's greeting, in three parts: before it, nothing is understood
            await socket.read_message()
        for kind, content in (
            ("PULL-DOC-REQ", ()),
            ("PATCH-DOC", ([MessageSentEvent(Document(), "bokeh_event", DocumentReady())],)),
        ):
            await send(socket, protocol.create(kind, *content))
        seen.opened += 1
        asked, reader = 0.0, asyncio.create_task(read(socket, seen, began))
        while time.monotonic() < until and not reader.done():
            await asyncio.sleep(min(5.0 + random.random() * 5, max(0.0, until - time.monotonic())))
            asked = time.perf_counter()
            await send(socket, protocol.create("SERVER-INFO-REQ"))
            seen.trips.append(-asked)
        if reader.done() and time.monotonic() < until:
            seen.errors.append(f"{path}: the server closed the websocket ({socket.close_reason})")
        reader.cancel()
        socket.close()
    except Exception as error:
        seen.errors.append(f"{path}: {type(error).__name__} {error}")


async def send(socket: Any, message: Any) -> None:
    """Send a message of Bokeh's protocol."""
    for part in (message.header_json, message.metadata_json, message.content_json):
        await socket.write_message(part)
    for header, payload in message.buffers_parts() if hasattr(message, "buffers_parts") else ():
        await socket.write_message(header)
        await socket.write_message(payload, binary=True)


async def read(socket: Any, seen: Seen, began: float) -> None:
    """Take what the server sends until it closes."""
    with suppress(WebSocketClosedError):
        while (message := await socket.read_message()) is not None:
            seen.messages += 1
            if not isinstance(message, str) or "msgtype" not in message[:200]:
                continue
            if '"PULL-DOC-REPLY"' in message[:200]:
                seen.open_seconds.append(time.perf_counter() - began)
            elif '"SERVER-INFO-REPLY"' in message[:200]:
                # The oldest question without an answer is the one that was answered.
                place = next((i for i, one in enumerate(seen.trips) if one < 0), None)
                if place is not None:
                    seen.trips[place] += time.perf_counter()
            elif '"ERROR"' in message[:200]:
                seen.errors.append("a message could not be handled")


def pages(person: dict[str, str], number: int) -> str:
    """What a client looks at: most work, some look on."""
    return (
        f"/fit/{person['project']}",
        f"/runs/{person['project']}",
        f"/fit/{person['project']}",
        "/jobs",
        "/",
    )[number % 5]


# --- the figures


async def metrics(url: str, cookie: str) -> tuple[dict[float, float], int]:
    """Cumulative counts of the event loop's delay by bound, and how many fits wait or go on."""
    request = HTTPRequest(f"{url}/metrics", headers={"Cookie": cookie}, request_timeout=30)
    answer = await AsyncHTTPClient().fetch(request)
    text = answer.body.decode()
    found = re.findall(r'loop_delay_seconds_bucket\{le="([^"]+)"\} (\S+)', text)
    active = re.findall(r'residua_runs\{status="(?:queued|running)"\} (\S+)', text)
    return {float(bound.replace("+Inf", "inf")): float(count) for bound, count in found}, int(
        sum(map(float, active))
    )


def quantile(before: dict[float, float], after: dict[float, float], part: float) -> float:
    """A quantile of what was counted between two looks, linear within its bucket."""
    total = after[float("inf")] - before[float("inf")]
    low, below = 0.0, 0.0
    for bound, count in after.items():
        upto = count - before[bound]
        if upto >= part * total:
            if bound == float("inf"):
                return bound
            return low + (bound - low) * (part * total - below) / max(upto - below, 1e-9)
        low, below = bound, upto
    return float("inf")


def resident(process: int) -> float:
    """Megabytes in use by a process."""
    text = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1000  # type: ignore[index]


def shares(data: Path) -> tuple[dict[str, float], dict[str, int], list[str]]:
    """Seconds of worker time by person until somebody's last fit has started; runs by status; why some failed."""
    with closing(sqlite3.connect(data / "residua.db")) as connection:
        rows = connection.execute("SELECT account_id, started, finished, status FROM run").fetchall()
        failed = connection.execute("SELECT DISTINCT message FROM run WHERE status = 'failed'").fetchall()
    status: dict[str, int] = {}
    for row in rows:
        status[row[3]] = status.get(row[3], 0) + 1
    runs = [(who, moment(began), moment(ended)) for who, began, ended, _ in rows if began and ended]
    last_starts: dict[str, float] = {}
    for who, began, _ in runs:
        last_starts[who] = max(began, last_starts.get(who, 0.0))
    end = min(last_starts.values())
    had = dict.fromkeys(last_starts, 0.0)
    for who, began, ended in runs:
        had[who] += max(0.0, min(ended, end) - began)
    return had, status, [message for (message,) in failed]


def moment(text: str) -> float:
    """Seconds of a time in the database."""
    return datetime.fromisoformat(text).timestamp()


async def drive(folder: Path, plan: Plan, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Run the plan against the server and return the figures."""
    AsyncHTTPClient.configure(None, max_clients=plan.clients + 10)
    deadline = time.monotonic() + PATIENCE
    while not (folder / "people.json").exists():
        if time.monotonic() > deadline or process.poll() is not None:
            raise SystemExit((folder / "log").read_text()[-3000:])
        await asyncio.sleep(0.1)
    about = json.loads((folder / "people.json").read_text())
    url, people = about["url"].rstrip("/"), about["people"]
    cookie = about["admin"]
    while True:
        with suppress(OSError):
            await metrics(url, cookie)
            break
        await asyncio.sleep(0.2)
    # What pages load once for all belongs to the start.
    warm = Seen()
    for number in range(5):
        await browse(url, pages(people[0], number), people[0]["cookie"], time.monotonic() + 3, warm)
    assert not warm.errors, warm.errors
    await asyncio.sleep(SESSIONS_GONE_SECONDS)
    start_memory = resident(process.pid)
    tell(f"{start_memory:.0f} MB before the pages open")

    before, _ = await metrics(url, cookie)
    (folder / "go").touch()
    began = time.monotonic()
    seen, peak = Seen(), start_memory
    clients = []
    for number in range(plan.clients):
        await asyncio.sleep(plan.seconds / 10 / plan.clients)  # people do not come all at once
        person = people[number % len(people)]
        path = pages(person, number // len(people) + number)
        opening = browse(url, path, person["cookie"], began + plan.seconds, seen)
        clients.append(asyncio.create_task(opening))
    opened = before
    while not all(one.done() for one in clients):
        await asyncio.wait(clients, timeout=1)
        peak = max(peak, resident(process.pid))
        if opened is before and len(seen.open_seconds) >= plan.clients:
            opened, _ = await metrics(url, cookie)
    after, left = await metrics(url, cookie)
    tell(f"{resident(process.pid):.0f} MB as the pages close, {left} fits left")
    longest = time.monotonic() + 4 * plan.seconds
    while left and time.monotonic() < longest:
        await asyncio.sleep(2)
        _, left = await metrics(url, cookie)
    tell(f"{resident(process.pid):.0f} MB as the last fit ended")
    await asyncio.sleep(SESSIONS_GONE_SECONDS)
    end_memory = resident(process.pid)
    had, status, failures = shares(folder / "data")
    mean = sum(had.values()) / len(had)
    trips = [one for one in seen.trips if one > 0]
    log = (folder / "log").read_text()
    return {
        # While pages are made, one thread of Python works all the time: told apart from when all are open.
        "loop_p99_while_opening_s": quantile(before, opened, 0.99) if opened is not before else None,
        "loop_p99_once_open_s": quantile(opened, after, 0.99),
        "loop_p99_s": quantile(before, after, 0.99),
        "loop_p50_s": quantile(before, after, 0.5),
        "memory_start_mb": start_memory,
        "memory_peak_mb": peak,
        "memory_end_mb": end_memory,
        "memory_growth": end_memory / start_memory - 1,
        "share_spread": max(abs(one - mean) for one in had.values()) / mean,
        "share_mean_s": mean,
        "runs": status,
        "failures": failures,
        "left": left,
        "clients": seen.opened,
        "messages": seen.messages,
        "open_median_s": sorted(seen.open_seconds)[len(seen.open_seconds) // 2]
        if seen.open_seconds
        else None,
        "round_trip_p99_s": sorted(trips)[int(0.99 * len(trips))] if trips else None,
        "errors": [*seen.errors[:20], *re.findall(r"^.* ERROR .*$", log, re.M)[:20]],
    }


def tell(text: str) -> None:
    """Say how far the test is: it takes its time, and what was seen is not lost when it is cut off."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def misses(figures: dict[str, Any], plan: Plan) -> list[str]:
    """What was not met, in words."""
    found = [
        f"{name} is {figures[name]:.3g}, above {most}"
        for name, most in TARGETS.items()
        if figures[name] > most
    ]
    if figures["errors"]:
        found.append(f"{len(figures['errors'])} errors")
    if figures["runs"] != {"finished": plan.fits}:
        found.append(f"of {plan.fits} fits: {figures['runs']}")
    if figures["clients"] != plan.clients:
        found.append(f"{figures['clients']} of {plan.clients} clients could open their page")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="a tenth of it, to see that it runs")
    parser.add_argument("--workers", type=int, default=1, help="worker processes of the server")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    chosen = SHORT if arguments.short else Plan()
    plan = Plan(**{**chosen.__dict__, "workers": arguments.workers})
    if arguments.serve:
        take_from_the_c_library()  # as `residua serve` does
        serve(arguments.serve, plan)
        return
    with tempfile.TemporaryDirectory(prefix="residua-load-") as name:
        folder = Path(name)
        command = [sys.executable, "-m", "benchmarks.load", "--serve", name, "--workers", str(plan.workers)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, *(["--short"] if arguments.short else [])], cwd=ROOT, stdout=log, stderr=log
            )
        try:
            figures = asyncio.run(drive(folder, plan, process))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    figures |= {"plan": plan.__dict__, "load_average": os.getloadavg(), "cores": os.cpu_count()}
    missed = misses(figures, plan)
    print(json.dumps(figures, indent=2))
    for one in missed:
        print(f"not met: {one}")
    if not arguments.short:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "load.json").write_text(json.dumps({**figures, "missed": missed}, indent=2) + "\n")
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()
