"""How fast does Residua sample a posterior, and is it the right one?

The seed problem: 99x99 pixels, three Sersics on a flat sky, 22 free parameters. Reported for each sampler: the
worst R-hat, the smallest bulk effective sample size, seconds, effective samples a second, and how far means and
standard deviations lie from those of an independent long run (--reference), or else from lm's covariance.

--tutorial runs the settings of the tutorial that the problem comes from: NUTS 20 + 100 draws; HMC 20 + 200 at
step 0.1 with 20 leapfrog steps; 5000 Metropolis steps. --peer also runs AstroPhot 0.16.13 with them, in its own
environment (.bench/), which takes the better part of half an hour.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import engine
from benchmarks.environments import BENCH, peer_python, same_torch
from benchmarks.problem import write_problem
from engine.samplers.diagnostics import diagnose

SAMPLERS = ("nuts", "hmc", "metropolis", "elliptical", "laplace", "svi")
TUTORIAL: dict[str, dict[str, Any]] = {
    "nuts": {"chains": 1, "warmup": 20, "draws": 100},
    "hmc": {"chains": 1, "warmup": 20, "draws": 200, "step_size": 0.1, "leapfrog_steps": 20}
    | {"adapt_step_size": False, "adapt_mass_matrix": "off"},
    "metropolis": {"chains": 1, "warmup": 0, "draws": 5000},
}
FULL: dict[str, dict[str, Any]] = {"nuts": {"chains": 4, "draws": 500}}


def main() -> int:
    options = parse()
    torch.set_num_threads(options.threads)
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"The machine is busy (load {load:.1f}): quote nothing from this run.", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="residua-bench-") as scratch:
        folder = Path(scratch)
        problem = engine.load(engine.write_example("seed", folder))
        lm = engine.fit(problem, "lm")
        mean, sigma, against = lm.values, lm.uncertainties, "lm"
        if options.reference:
            long = engine.fit(problem, "hmc", seed=99, chains=4, warmup=300, draws=options.reference)
            mean, sigma, against = long.values, long.uncertainties, f"hmc, 4 x {options.reference}"
            print(f"reference ({against}): {long.message}")
        print(f"means and sigmas against {against}")
        print(
            f"{'sampler':<12}{'R-hat':>8}{'ESS':>8}{'seconds':>9}{'ESS/s':>8}{'gradients':>10}{'models':>8}"
            f"{'mean off':>9}{'sigma ratio':>13}"
        )
        for name in options.samplers:
            chosen = TUTORIAL.get(name, {}) if options.tutorial else FULL.get(name, {})
            if options.tutorial and name not in TUTORIAL:
                continue
            result = engine.fit(problem, name, seed=options.seed, **chosen)
            row(name, result, mean, sigma)
            if options.peer and name in TUTORIAL:
                peer(name, folder, options.threads)
    return 0


def row(name: str, result: engine.FitResult, mean: np.ndarray, sigma: np.ndarray) -> None:
    assert result.rhat is not None
    assert result.ess_bulk is not None
    ratio = result.uncertainties / sigma
    off = np.abs(result.values - mean) / sigma
    least = float(result.ess_bulk.min())
    print(
        f"{name:<12}{result.rhat.max():>8.4f}{least:>8.0f}{result.seconds:>9.2f}{least / result.seconds:>8.1f}"
        f"{result.jacobians:>10}{result.evaluations:>8}{off.max():>9.3f}"
        f"{f'{ratio.min():.3f}-{ratio.max():.3f}':>13}",
        flush=True,
    )


def peer(name: str, folder: Path, threads: int) -> None:
    """Run AstroPhot 0.16.13's sampler of that name on the same pixels, and report its chain's figures."""
    if not (folder / "problem.json").exists():
        write_problem(folder)
    python = peer_python("astrophot-0.16.13", ("astrophot==0.16.13", same_torch()), False)
    driver = Path(__file__).resolve().parent / "drivers" / "astrophot_016_samplers.py"
    (BENCH / "scratch").mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    finished = subprocess.run(
        [str(python), "-W", "ignore", str(driver), str(folder), str(threads), name],
        cwd=BENCH / "scratch",
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        print(f"AstroPhot's {name} failed: {finished.stderr[-500:]}", file=sys.stderr)
        return
    answer = json.loads(finished.stdout.splitlines()[-1])
    chain = np.load(folder / f"astrophot-{name}.npy")
    least = float(np.nanmin(diagnose(chain[None]).ess_bulk))
    print(
        f"  AstroPhot {name}: {answer['draws']} draws, ESS {least:.1f}, {answer['seconds']:.1f} s "
        f"({time.perf_counter() - began:.0f} s with its start), {least / answer['seconds']:.3f} ESS/s",
        flush=True,
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.samplers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--samplers",
        nargs="+",
        choices=SAMPLERS,
        default=["nuts", "elliptical", "laplace"],
        help="which to run",
    )
    parser.add_argument("--tutorial", action="store_true", help="the tutorial's few draws of one chain")
    parser.add_argument("--peer", action="store_true", help="AstroPhot 0.16.13 too, with those")
    parser.add_argument("--reference", type=int, default=0, help="draws a chain of the long run; 0: none")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (default 1)")
    parser.add_argument("--seed", type=int, default=1, help="of the samplers")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
