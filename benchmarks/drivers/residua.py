"""Times Residua's own fitters on the same problem. Run by benchmarks/peers.py, under Residua's Python."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import measure
import torch

import engine

# The options that make the case the same work as the peers'; everything else is Residua's default.
OPTIONS: dict[str, dict[str, Any]] = {
    "lm": {},
    "iterative": {},
    # AstroPhot's chunks=11 is the size of a chunk, Residua's chunks their number: 22 parameters either way.
    "iterative-parameters": {"chunks": 2},
    # To its own stopping rule; the peer has none that it reaches and takes the 1000 steps it is given.
    "gradient": {},
}


def make(problem: measure.Problem, threads: int) -> measure.Setup:
    # As the command line and the server do for an image of this size: more threads wait more than they work.
    torch.set_num_threads(1)

    def setup(case: str, short: bool) -> Callable[[], dict[str, Any]]:
        options = {**OPTIONS[case], **({"max_steps": 2} if short else {})}
        loaded = engine.load(problem.description)

        def fit() -> dict[str, Any]:
            result = engine.fit(loaded, case, **options)
            return {"chi2_dof": result.chi2_dof, "message": result.message}

        return fit

    return setup


if __name__ == "__main__":
    measure.run("Residua", version("residua"), make)
