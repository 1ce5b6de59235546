"""What every driver shares: reading the problem, taking the times, writing the answer.

Drivers run under the Python of the code they drive, so this file uses numpy and the standard library only.

What is timed, the same for all: one call that fits, from a freshly built model at the start values. What is
not: importing, building the model, loading the image, and a first short fit that warms up caches, thread
pools and lazily compiled kernels.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Setup = Callable[[str, bool], Callable[[], dict[str, Any]]]
"""(case, short) -> a function that fits once and returns {"chi2_dof": ..., "message": ...}.

What happens before that function is returned is not timed. ``short`` asks for a step or two, to warm up.
"""


class Problem:
    """The problem as plain numbers: 0-based pixels, degrees counter-clockwise from +y, linear intensities."""

    def __init__(self, folder: Path) -> None:
        text = json.loads((folder / "problem.json").read_text())
        self.data: np.ndarray = np.load(folder / "data.npy")
        self.variance: np.ndarray = np.load(folder / "variance.npy")
        self.sky: float = text["sky"]
        self.sersics: list[dict[str, float]] = text["sersics"]
        self.description: str = text["description"]
        self.n_free = 1 + 7 * len(self.sersics)
        self.dof = self.data.size - self.n_free


def run(code: str, version: str, make: Callable[[Problem, int], Setup]) -> None:
    """Read the command line, fit as often as asked, and write the times to the file named by --out."""
    parser = argparse.ArgumentParser(description=f"Times fits by {code}; run by benchmarks/peers.py.")
    parser.add_argument("--problem", type=Path, required=True, help="folder with problem.json and its arrays")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--case", required=True)
    parser.add_argument("--repeats", type=int, default=5, help="at most this many timed fits")
    parser.add_argument("--seconds", type=float, default=30, help="start no further fit after this long")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()

    out = arguments.out.resolve()
    problem = Problem(arguments.problem.resolve())
    setup = make(problem, arguments.threads)
    setup(arguments.case, True)()
    times: list[float] = []
    answers: list[dict[str, Any]] = []
    began = time.perf_counter()
    while len(times) < arguments.repeats and (not times or time.perf_counter() - began < arguments.seconds):
        fit = setup(arguments.case, False)
        start = time.perf_counter()
        answer = fit()
        times.append(time.perf_counter() - start)
        answers.append(answer)
    out.write_text(
        json.dumps(
            {
                "code": code,
                "version": version,
                "case": arguments.case,
                "threads": arguments.threads,
                "seconds": times,
                "chi2_dof": [float(answer["chi2_dof"]) for answer in answers],
                "message": answers[-1]["message"],
                "load_average": os.getloadavg()[0],
            }
        )
    )
