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
import re
import shutil
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import BrowserContext, Error, Page, sync_playwright

from benchmarks.server import serving

RESULTS = Path(__file__).resolve().parent / "results"
TARGETS = {"usable_s": 2.5, "fit_to_residual_s": 1.5, "restretch_s": 0.3, "blocked_p99_s": 0.1}
TICK = 0.01
FITS = 2  # that run while the event loop is watched
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PATIENCE = 60  # seconds that anything may take before the run is given up

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
FIT = """(button, patience) => new Promise((resolve, reject) => {
    const source = Bokeh.documents[0].get_model_by_name("image-pull").data_source
    const began = performance.now()
    const scatter = () => {
        let [sum, used] = [0, 0]
        for (const pull of source.data.image[0]) if (Number.isFinite(pull)) { sum += pull * pull; used += 1 }
        return sum / used
    }
    if (scatter() < 1.05) return reject(new Error("the residual is noise before the fit"))
    const painted = () => {
        const waited = performance.now() - began
        const done = () => resolve(performance.now() - began)
        if (scatter() < 1.05) requestAnimationFrame(() => requestAnimationFrame(done))
        else if (waited > patience) reject(new Error(`the mean of (residual / sigma)^2 is still ${scatter()}`))
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
    """Serve `data` in this process, keep a clock on its event loop, and start fits when told by SIGUSR2."""
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
        for _ in range(FITS):
            services.jobs.submit(
                project.id,
                project.description or {},
                "gradient",
                {"max_steps": 100_000, "tolerance": 0.0, "patience": 100_000},
            )

    # The other such signal is the server's own: it tells where its threads are.
    signal.signal(signal.SIGUSR2, lambda *_: threading.Thread(target=fits).start())
    loop.add_callback(lambda: ring(loop.time()))
    try:
        app.run()
    finally:
        delays.write_text(json.dumps(late))


def prepare(data: Path, side: int, seeds: int) -> tuple[list[str], str]:
    """Make a data folder with some copies of the seed problem and a large image; the ids of the projects."""
    import yaml
    from astropy.io import fits

    import engine
    from dashboard.services import import_fit
    from dashboard.store import Store

    with closing(Store(data)) as store, tempfile.TemporaryDirectory() as folder:
        example = engine.write_example("seed", folder)
        seed = [import_fit(store, example, "seed").id for _ in range(seeds)]
        noise = np.random.default_rng(1).normal(100, 5, (side, side)).astype(np.float32)
        fits.PrimaryHDU(noise).writeto(Path(folder) / "large.fits")
        fits.PrimaryHDU(np.full((side, side), 5, np.float32)).writeto(Path(folder) / "sigma.fits")
        sky = {"name": "sky", "model": "flat sky", "parameters": {"intensity": 100.0}}
        path = Path(folder) / "large.yaml"
        entry = {"name": "large", "data": "large.fits", "sigma": "sigma.fits"}
        path.write_text(yaml.safe_dump({"residua": 1, "images": [entry], "components": [sky]}))
        return seed, import_fit(store, path, "large").id


@contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """Name what was waited for if it does not come."""
    try:
        yield
    except Error as error:
        reason = error.message.splitlines()[0]
        raise SystemExit(f"Given up after at most {PATIENCE} s of waiting for {what}: {reason}") from None


def say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {words}", flush=True)


def open_project(page: Page, project: str) -> float:
    """Open a workbench and wait until it can be used; the seconds it took."""
    with waiting_for("a page that can be used"):
        page.goto(f"/fit/{project}", wait_until="commit")
        return float(page.wait_for_function(USABLE, polling="raf").json_value()) / 1000


def time_fit(page: Page) -> float:
    """Press Fit; the seconds until the residual of the fit is on screen."""
    with waiting_for("the residual of the fit"):
        button = page.get_by_role("button", name="Fit", exact=True)
        return float(button.evaluate(FIT, 1000 * PATIENCE)) / 1000


def time_restretch(page: Page, repeats: int) -> list[float]:
    """Choose one stretch after another; the seconds until each has been painted."""
    with waiting_for("another stretch"):
        chooser = page.get_by_role("combobox", name="Stretch")
        return [chooser.evaluate(RESTRETCH, stretch) / 1000 for stretch in ["linear", "asinh"] * repeats]


def measure(repeats: int, sessions: int, seconds: float, side: int) -> dict[str, object]:
    """Take every figure."""
    chromium = (
        os.environ.get("RESIDUA_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if chromium is None:
        raise SystemExit("There is no Chromium here: name one in RESIDUA_CHROMIUM.")
    with tempfile.TemporaryDirectory(prefix="residua-browser-") as folder:
        data, delays = Path(folder) / "data", Path(folder) / "delays.json"
        say("Making the projects and starting the server ...")
        (first, *seeds), large = prepare(data, side, repeats + 1)
        command = ("-m", "benchmarks.browser", "--serve", str(data), "--delays", str(delays))
        with serving(*command) as (url, process), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
            context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=url)
            context.set_default_timeout(1000 * PATIENCE)
            page = context.new_page()
            say("Warming up: a first page and a first fit ...")
            open_project(page, first)
            time_fit(page)
            usable, fitted = [], []
            for seed in seeds:
                usable.append(open_project(page, seed))
                say(f"page usable: {usable[-1]:.2f} s")
                page.wait_for_timeout(1500)
                fitted.append(time_fit(page))
                say(f"click on Fit to residual on screen: {fitted[-1]:.2f} s")
                page.wait_for_timeout(1500)
            say(f"Opening the image of {side} x {side} pixels ...")
            open_project(page, large)
            page.wait_for_timeout(3000)
            restretched = time_restretch(page, repeats)
            say(f"restretch: {statistics.median(restretched):.3f} s")
            page.close()

            opening = time.time()
            for number in range(sessions):
                page = context.new_page()
                took = open_project(page, first)
                say(f"session {number + 1} of {sessions} is open after {took:.2f} s")
            opened = time.time()
            say(f"Watching the event loop for {seconds:g} s while two fits run ...")
            process.send_signal(signal.SIGUSR2)
            page.wait_for_timeout(2000)
            loaded = time.time()
            page.wait_for_timeout(1000 * seconds)
            ended = time.time()
            running = fits_under_way(context)
            browser.close()
        late = json.loads(delays.read_text())
    if running < FITS:
        raise SystemExit(
            f"Only {running} of {FITS} fits still ran when the watch ended: use fewer --seconds."
        )
    return {
        "usable_s": summary(usable),
        "fit_to_residual_s": summary(fitted),
        "restretch_s": summary(restretched),
        "blocked_while_opening": blocked(late, opening, opened),
        "blocked_while_fits_run": {"sessions": sessions, **blocked(late, loaded, ended)},
    }


def fits_under_way(context: BrowserContext) -> int:
    """How many runs are under way, from the server's own figures."""
    figures = context.request.get("/metrics").text()
    found = re.search(r'residua_runs\{status="running"\} (\d+)', figures)
    return int(found[1]) if found else 0


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
    figures = measure(options.repeats, options.sessions, options.seconds, options.side)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
    figures = {**figures, "targets": TARGETS, "machine": machine}
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=2) + "\n")
    show(figures)
    print(f"Written to {options.out}")


if __name__ == "__main__":
    main()
