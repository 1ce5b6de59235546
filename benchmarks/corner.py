"""How long does a corner plot of 22 parameters and 4000 draws take, from the draws to what a person sees?

Ours: the figure is made, sent as a page and painted by Chromium, which is asked when its canvas has been drawn. Beside
it the corner package (matplotlib) in its own environment (.bench/), to a PNG. Medians go to results/corner.json.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np
from bokeh.embed import file_html
from bokeh.resources import INLINE
from playwright.sync_api import Browser, sync_playwright

from benchmarks.environments import peer_python
from benchmarks.peers import warn_when_busy
from dashboard.figures.corner import corner_figure
from dashboard.figures.corner_shapes import corner_shapes
from dashboard.figures.posterior_view import PosteriorView
from dashboard.figures.print.corner import corner_bytes

RESULTS = Path(__file__).resolve().parent / "results" / "corner.json"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
# Idle means that every view has been painted; one more frame, and it is on screen.
PAINTED = """() => new Promise((resolve) => {
    const look = () => {
        const made = window.Bokeh?.documents?.[0]
        if (made?.is_idle) requestAnimationFrame(() => requestAnimationFrame(() => resolve(true)))
        else setTimeout(look, 5)
    }
    look()
})"""
COLORS = """() => {
    const view = Bokeh.index.find_one_by_id(Bokeh.documents[0].get_model_by_name("corner").id)
    const canvas = view.canvas_view.primary.canvas
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
    return new Set(new Uint32Array(data.buffer)).size
}"""


def main() -> int:
    options = parse()
    load = warn_when_busy()
    rng = np.random.default_rng(options.seed)
    mixing = rng.normal(size=(options.parameters, options.parameters))
    covariance = mixing @ mixing.T
    draws = rng.multivariate_normal(np.zeros(options.parameters), covariance, options.draws)
    view = PosteriorView(
        label="NUTS",
        color="#4f7fe0",
        names=tuple(f"parameter {i}" for i in range(options.parameters)),
        mean=draws.mean(axis=0),
        covariance=covariance,
        period=np.full(options.parameters, np.nan),
        draws=draws.reshape(4, -1, options.parameters),
    )
    found = {"residua": ours(view, options.repeat)}
    if not options.no_peer:
        found["corner package"] = theirs(draws, options.repeat)
    record = {
        "parameters": options.parameters,
        "draws": options.draws,
        "seconds": found,
        "load": load,
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "bokeh": version("bokeh")},
    }
    RESULTS.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=2))
    return 0


def ours(view: PosteriorView, repeat: int) -> dict[str, float]:
    """Medians of each part, in seconds."""
    times: dict[str, list[float]] = {
        "server": [],
        "browser": [],
        "draws to painted": [],
        "PDF": [],
        "PNG": [],
    }
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(prefix="residua-bench-") as folder:
        path = os.environ.get("RESIDUA_CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        for number in range(repeat + 1):
            began = time.perf_counter()
            shapes = corner_shapes([view])
            html = file_html(corner_figure(shapes, width=1000, height=760), INLINE)
            page = Path(folder) / "corner.html"
            page.write_text(html, encoding="utf-8")
            server = time.perf_counter() - began
            painted = paint(browser, page)
            if number == 0:
                continue  # the first warms up imports, fonts and the browser
            times["server"].append(server)
            times["browser"].append(painted)
            times["draws to painted"].append(server + painted)
            for kind in ("pdf", "png"):
                began = time.perf_counter()
                corner_bytes(shapes, kind)
                times[kind.upper()].append(time.perf_counter() - began)
        browser.close()
    return {name: round(median(values), 3) for name, values in times.items()}


def paint(browser: Browser, path: Path) -> float:
    """Seconds from asking for the page to its painted canvas, BokehJS's own start included."""
    page = browser.new_page(viewport={"width": 1020, "height": 800})
    began = time.perf_counter()
    page.goto(path.as_uri())
    page.evaluate(PAINTED)
    seconds = time.perf_counter() - began
    colors = page.evaluate(COLORS)
    page.close()
    if colors < 100:
        raise SystemExit(f"The canvas has {colors} colors: the corner plot was not painted.")
    return seconds


def theirs(draws: np.ndarray, repeat: int) -> dict[str, object]:
    """Medians of the corner package, in seconds, with its versions."""
    python = peer_python(
        "corner", ("corner==2.2.3", *(f"{name}=={version(name)}" for name in ("matplotlib", "scipy")))
    )
    driver = Path(__file__).resolve().parent / "drivers" / "corner_package.py"
    answers = []
    with tempfile.TemporaryDirectory(prefix="residua-bench-") as folder:
        path = Path(folder) / "draws.npy"
        np.save(path, draws)
        for _ in range(repeat):
            finished = subprocess.run(
                [str(python), "-W", "ignore", str(driver.name), str(path)],
                cwd=driver.parent,
                env={**{k: v for k, v in os.environ.items() if k != "PYTHONPATH"}, "PYTHONSAFEPATH": "1"},
                capture_output=True,
                text=True,
                check=False,
            )
            if finished.returncode != 0:
                raise SystemExit(f"The corner package failed: {finished.stderr[-500:]}")
            answers.append(json.loads(finished.stdout.splitlines()[-1]))
    return {
        "figure": round(median(a["made"] for a in answers), 3),
        "draws to PNG": round(median(a["painted"] for a in answers), 3),
        "versions": answers[0]["versions"],
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.corner",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--parameters", type=int, default=22, help="how many (default 22)")
    parser.add_argument("--draws", type=int, default=4000, help="of all chains together (default 4000)")
    parser.add_argument("--repeat", type=int, default=5, help="runs of which the median is taken (default 5)")
    parser.add_argument("--seed", type=int, default=1, help="of the draws")
    parser.add_argument("--no-peer", action="store_true", help="leave the corner package out")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
