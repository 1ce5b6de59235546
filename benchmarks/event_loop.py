"""Is anybody kept waiting while one person works on a large image? What holds the event loop, how long.

A server of its own and a client as browsers are: a float32 image of 4096 x 4096 pixels is uploaded; a workbench with
one, a galaxy and a sky is opened, which reads the image, draws it and its model and sends both (an edit draws and sends
the model alone); and opened again. Each callback of the event loop is timed: by the clock, which is what other sessions
wait, and by its own processor time, which a busy machine does not change. The target is for the longest of each step.

Writes results/event_loop.json; exit code 1 when a callback took more processor time than the target.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np

from benchmarks.load import Seen, browse
from benchmarks.server import serving

RESULTS = Path(__file__).resolve().parent / "results"
TARGET = 0.1
TOLD_FROM = 0.005  # shorter ones are not kept
PATIENCE = 600
LOOK_SECONDS = 30.0


def serve(data: Path, out: Path) -> None:
    """Serve `data` in this process, and keep what each callback of its event loop took."""
    from dashboard.app import create_app
    from dashboard.settings import Settings

    held: list[tuple[float, float, float, str]] = []
    run = asyncio.Handle._run  # type: ignore[attr-defined]

    def timed(handle: Any) -> None:
        began, cpu = time.perf_counter(), time.thread_time()
        run(handle)
        took = time.perf_counter() - began
        if took > TOLD_FROM:
            held.append((time.time(), took, time.thread_time() - cpu, named(handle)))

    app = create_app(Settings(data_dir=str(data), port=0, workers=1))
    asyncio.Handle._run = timed  # type: ignore[attr-defined]
    try:
        app.run()
    finally:
        out.write_text(json.dumps(held))


def named(handle: Any) -> str:
    """Which callback it was: of a task, what it works on."""
    callback = handle._callback
    task = getattr(callback, "__self__", None)
    if isinstance(task, asyncio.Task):
        return getattr(task.get_coro(), "__qualname__", repr(task))
    return getattr(callback, "__qualname__", repr(callback))[:80]


def prepare(folder: Path, side: int) -> tuple[str, str]:
    """A data folder with an empty project and one of a large image with a galaxy and a sky; their ids."""
    import yaml
    from astropy.io import fits

    from dashboard.services import import_fit
    from dashboard.store import Store

    y, x = np.mgrid[:side, :side].astype(np.float32) - np.float32(side / 2)
    data = 100 + 5000 * np.exp(-np.hypot(x, y) / (side / 40))
    data += np.random.default_rng(1).normal(0, 5, data.shape)
    fits.PrimaryHDU(data.astype(np.float32)).writeto(folder / "large.fits")
    sky = {"name": "sky", "model": "flat sky", "parameters": {"intensity": 100.0}}
    galaxy = {"name": "galaxy", "model": "sersic", "parameters": {"center": [side / 2, side / 2]}}
    entry = {"name": "large", "data": "large.fits"}
    description = {"residua": 1, "images": [entry], "components": [sky, galaxy]}
    (folder / "large.yaml").write_text(yaml.safe_dump(description))
    with closing(Store(folder / "data")) as store:
        return store.create_project("empty").id, import_fit(store, folder / "large.yaml", "large").id


def drive(url: str, path: Path, empty: str, large: str) -> list[tuple[str, float]]:
    """Open pages and send the file; the steps with the time at which each was over."""
    seen = Seen()

    def look(project: str, seconds: float) -> None:
        page = browse(url, f"/fit/{project}", "", time.monotonic() + seconds, seen)
        asyncio.run(page)

    look(empty, 3)  # what is loaded once for all
    steps = [("start", time.time())]
    where = f"{url}/api/projects/{empty}/files?role=image&name=large.fits"
    with urlopen(Request(where, path.read_bytes(), method="POST"), timeout=PATIENCE) as answer:
        assert answer.status == 201
    steps.append(("upload", time.time()))
    for step in ("first look", "second look"):
        messages = seen.messages
        look(large, LOOK_SECONDS)
        assert seen.messages - messages > 20, seen
        steps.append((step, time.time()))
    assert not seen.errors, seen.errors
    return steps


def longest(held: list[list[Any]], steps: list[tuple[str, float]]) -> dict[str, dict[str, Any]]:
    """For each step its longest callbacks, by the clock and by processor time, in seconds."""
    found = {}
    for (_, began), (step, ended) in pairwise(steps):
        inside = [one for one in held if began < one[0] <= ended]
        by_clock = max(inside, key=lambda one: one[1], default=[0, 0.0, 0.0, ""])
        by_cpu = max(inside, key=lambda one: one[2], default=[0, 0.0, 0.0, ""])
        found[step] = {
            "clock_s": round(by_clock[1], 4),
            "clock_of": by_clock[3],
            "processor_s": round(by_cpu[2], 4),
            "processor_of": by_cpu[3],
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=4096, help="of the image, pixels [4096]")
    parser.add_argument("--out", type=Path, default=RESULTS / "event_loop.json", help="where the figures go")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--held", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.serve, options.held)
        return
    with tempfile.TemporaryDirectory(prefix="residua-event-loop-") as name:
        folder = Path(name)
        empty, large = prepare(folder, options.side)
        command = ("--serve", str(folder / "data"), "--held", str(folder / "held.json"))
        with serving("-m", "benchmarks.event_loop", *command) as (url, _):
            steps = drive(url, folder / "large.fits", empty, large)
        figures = longest(json.loads((folder / "held.json").read_text()), steps)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(
        json.dumps({"side": options.side, "steps": figures, "target_s": TARGET, "machine": machine}, indent=2)
        + "\n"
    )
    for step, one in figures.items():
        print(f"{step:<20} {one['processor_s']:7.3f} s of processor time in {one['processor_of']}")
        print(f"{'':<20} {one['clock_s']:7.3f} s by the clock in {one['clock_of']}")
    print(f"Written to {options.out}")
    sys.exit(int(max(one["processor_s"] for one in figures.values()) > TARGET))


if __name__ == "__main__":
    main()
