"""How quick is the dashboard to the person in front of it? Measured in Chromium, against a server of its own.

- From opening a project to a page that can be used: data on screen, model drawn, Fit enabled.
- From the click on Fit to the fitted residual on screen, on the seed problem.
- From choosing another stretch to the repainted image, 2048 x 2048 pixels.
- How long the server's event loop is blocked with many sessions open while fits run: a timer on that loop should
  ring every 10 ms, and what it is late is what every session waits.

Medians of some repeats; the target stands beside each. Writes results/browser.json. Close other programs first.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).resolve().parent / "results"
TARGETS = {"usable_s": 2.5, "fit_to_residual_s": 1.5, "restretch_s": 0.3, "blocked_p99_s": 0.1}
TICK = 0.01
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PATIENCE = 120_000

# Resolves with the milliseconds since the page was asked for, once it can be used.
USABLE = """() => {
    const doc = window.Bokeh?.documents?.[0]
    const seen = kind => doc?.get_model_by_name(`image-${kind}`)?.data_source.data.image[0].length > 1
    const deep = root => [...root.querySelectorAll("*")].flatMap(
        node => [node, ...(node.shadowRoot ? deep(node.shadowRoot) : [])])
    if (!doc || !seen("data") || !seen("model") || !seen("pull")) return false
    return deep(document).some(node => node.tagName === "BUTTON" && node.textContent.trim() === "Fit" && !node.disabled)
        && performance.now()
}"""
# Clicks Fit and resolves with the milliseconds until the residual on screen is that of a fit: noise, of scatter one.
FIT = """button => new Promise(resolve => {
    const source = Bokeh.documents[0].get_model_by_name("image-pull").data_source
    const began = performance.now()
    const painted = () => {
        const image = source.data.image[0]
        let sum = 0
        for (const pull of image) sum += Number.isFinite(pull) ? pull * pull : 0
        const done = () => resolve(performance.now() - began)
        if (sum / image.length < 1.05) requestAnimationFrame(() => requestAnimationFrame(done))
        else requestAnimationFrame(painted)
    }
    button.click()
    requestAnimationFrame(painted)
})"""
# Chooses a stretch and resolves with the milliseconds until the frame after the one that painted it.
RESTRETCH = """(chooser, stretch) => new Promise(resolve => {
    const began = performance.now()
    chooser.value = stretch
    chooser.dispatchEvent(new Event("change"))
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - began)))
})"""


def serve(data: Path, delays: Path) -> None:
    """Serve `data` in this process, keep a clock on its event loop, and start fits when told by SIGUSR1."""
    from dashboard.app import create_app
    from dashboard.settings import Settings

    app = create_app(Settings(data_dir=str(data), port=0, workers=2))
    loop, services = app.server.io_loop, app.services
    late: list[tuple[float, float]] = []

    def ring(due: float) -> None:
        now = loop.time()
        late.append((time.time(), now - due))
        loop.call_at(now + TICK, ring, now + TICK)

    def fits() -> None:
        project = next(one for one in services.store.projects() if one.title == "seed")
        for _ in range(2):
            services.jobs.submit(
                project.id,
                project.description or {},
                "gradient",
                {"max_steps": 100_000, "tolerance": 0.0, "patience": 100_000},
            )

    signal.signal(signal.SIGUSR1, lambda *_: threading.Thread(target=fits).start())
    loop.add_callback(lambda: ring(loop.time()))
    try:
        app.run()
    finally:
        delays.write_text(json.dumps(late))


@contextmanager
def serving(data: Path, delays: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The server in a process of its own: its address, and the process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve", str(data), "--delays", str(delays)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "Residua is at " in line:
                # Read on, so that the pipe never fills.
                threading.Thread(target=process.stdout.read, daemon=True).start()
                yield line.split("Residua is at ")[1].strip().rstrip("/"), process
                break
        else:
            raise SystemExit("The server did not start.")
    finally:
        process.terminate()
        process.wait(60)


def prepare(data: Path, side: int) -> tuple[str, str]:
    """Make a data folder with the seed problem and a large image; the ids of the two projects."""
    import yaml
    from astropy.io import fits

    import engine
    from dashboard.services import import_fit
    from dashboard.store import Store

    with closing(Store(data)) as store, tempfile.TemporaryDirectory() as folder:
        seed = import_fit(store, engine.write_example("seed", folder), "seed")
        noise = np.random.default_rng(1).normal(100, 5, (side, side)).astype(np.float32)
        fits.PrimaryHDU(noise).writeto(Path(folder) / "large.fits")
        fits.PrimaryHDU(np.full((side, side), 5, np.float32)).writeto(Path(folder) / "sigma.fits")
        sky = {"name": "sky", "model": "flat sky", "parameters": {"intensity": 100.0}}
        path = Path(folder) / "large.yaml"
        entry = {"name": "large", "data": "large.fits", "sigma": "sigma.fits"}
        path.write_text(yaml.safe_dump({"residua": 1, "images": [entry], "components": [sky]}))
        return seed.id, import_fit(store, path, "large").id


def measure(repeats: int, sessions: int, seconds: float, side: int) -> dict[str, object]:
    """Take every figure."""
    import shutil

    from playwright.sync_api import sync_playwright

    chromium = (
        os.environ.get("RESIDUA_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if chromium is None:
        raise SystemExit("There is no Chromium here: name one in RESIDUA_CHROMIUM.")
    with tempfile.TemporaryDirectory(prefix="residua-browser-") as folder:
        data, delays = Path(folder) / "data", Path(folder) / "delays.json"
        seed, large = prepare(data, side)
        with serving(data, delays) as (url, process), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
            context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=url)
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.goto(f"/fit/{seed}")
            page.wait_for_function(USABLE)  # the first page also warms the server up
            page.wait_for_timeout(8000)  # and the workers meanwhile load what a fit needs
            usable, fitted = [], []
            for _ in range(repeats):
                page.goto(f"/fit/{seed}", wait_until="commit")
                usable.append(page.wait_for_function(USABLE, polling="raf").json_value() / 1000)
                page.get_by_role("button", name="Undo", exact=True).wait_for()
                page.wait_for_timeout(500)
                fitted.append(page.get_by_role("button", name="Fit", exact=True).evaluate(FIT) / 1000)
                page.wait_for_timeout(1000)
                # Back to the start values, for the next fit to have something to do.
                page.get_by_role("button", name="Undo", exact=True).click()
                page.wait_for_timeout(1500)
            page.goto(f"/fit/{large}")
            page.wait_for_function(USABLE)
            page.wait_for_timeout(3000)
            chooser = page.get_by_role("combobox", name="Stretch")
            restretched = [
                chooser.evaluate(RESTRETCH, stretch) / 1000 for stretch in ["linear", "asinh"] * repeats
            ]
            page.close()

            opening = time.time()
            pages = []
            for _ in range(sessions):
                one = context.new_page()
                one.goto(f"/fit/{seed}")
                one.wait_for_function(USABLE)
                pages.append(one)
            opened = time.time()
            process.send_signal(signal.SIGUSR1)
            pages[0].wait_for_timeout(2000)
            loaded = time.time()
            pages[0].wait_for_timeout(1000 * seconds)
            ended = time.time()
            browser.close()
        late = json.loads(delays.read_text())
    return {
        "usable_s": summary(usable),
        "fit_to_residual_s": summary(fitted),
        "restretch_s": summary(restretched),
        "blocked_while_opening": blocked(late, opening, opened),
        "blocked_while_fits_run": {"sessions": sessions, **blocked(late, loaded, ended)},
    }


def summary(values: list[float]) -> dict[str, object]:
    """Median and all values."""
    return {"median": statistics.median(values), "values": [round(value, 4) for value in values]}


def blocked(late: list[list[float]], begin: float, end: float) -> dict[str, float]:
    """How late the loop's clock rang between two times, in seconds."""
    inside = np.array([delay for moment, delay in late if begin <= moment <= end])
    if not inside.size:
        raise SystemExit("The event loop never came to its clock: it was blocked all the time.")
    return {
        "p50_s": float(np.percentile(inside, 50)),
        "p99_s": float(np.percentile(inside, 99)),
        "worst_s": float(inside.max()),
        "rings": int(inside.size),
    }


def show(figures: dict[str, object]) -> None:
    rows = [
        ("page usable", figures["usable_s"]["median"], TARGETS["usable_s"]),
        (
            "click on Fit to residual on screen",
            figures["fit_to_residual_s"]["median"],
            TARGETS["fit_to_residual_s"],
        ),
        ("restretch", figures["restretch_s"]["median"], TARGETS["restretch_s"]),
        (
            "event loop late, p99, fits running",
            figures["blocked_while_fits_run"]["p99_s"],
            TARGETS["blocked_p99_s"],
        ),
    ]
    for name, value, target in rows:
        verdict = "ok" if value <= target else "ABOVE THE TARGET"
        print(f"{name:<38} {value:7.3f} s   target {target:g} s   {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5, help="of each figure but the last [5]")
    parser.add_argument("--sessions", type=int, default=20, help="open while fits run [20]")
    parser.add_argument("--seconds", type=float, default=20.0, help="to watch the event loop [20]")
    parser.add_argument("--side", type=int, default=2048, help="of the large image, pixels [2048]")
    parser.add_argument("--out", type=Path, default=RESULTS / "browser.json", help="where the figures go")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--delays", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.serve, options.delays)
        return
    sys.path.insert(0, str(ROOT))
    figures = measure(options.repeats, options.sessions, options.seconds, options.side)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
    figures = {**figures, "targets": TARGETS, "machine": machine}
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=2) + "\n")
    show(figures)
    print(f"Written to {options.out}")


if __name__ == "__main__":
    main()
