"""How fast does Residua sample a posterior, and is it the right one?

The seed problem: 99x99 pixels, three Sersics on a flat sky, 22 free parameters. Reported for each sampler: the
worst R-hat, the smallest bulk effective sample size, seconds, effective samples a second, and how far means and
standard deviations lie from those of an independent long run (--reference), or else from lm's covariance.

--tutorial runs the settings of the tutorial that the problem comes from: NUTS 20 + 100 draws; HMC 20 + 200 at
step 0.1 with 20 leapfrog steps; 5000 Metropolis steps. --peer also runs AstroPhot 0.16.13 with them, in its own
environment (.bench/), which takes the better part of half an hour.

--full is all of it in one run: NUTS with 4 x 500 draws against a long run of ensemble-hmc, then the tutorial's
settings beside the peer, with ratios and the targets they are for. Figures go to results/samplers.json.

Whether compiled code ran is among the figures; on this problem all derivatives are in closed form, so that none does.
What compiling is worth is another script's question: benchmarks.compiling.
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
from benchmarks.peers import RESULTS, commit, machine, warn_when_busy
from benchmarks.problem import write_problem
from engine.samplers.diagnostics import diagnose

SAMPLERS = ("nuts", "hmc", "ensemble-hmc", "metropolis", "elliptical", "laplace", "svi")
TUTORIAL: dict[str, dict[str, Any]] = {
    "nuts": {"chains": 1, "warmup": 20, "draws": 100},
    "hmc": {"chains": 1, "warmup": 20, "draws": 200, "step_size": 0.1, "leapfrog_steps": 20}
    | {"adapt_step_size": False, "adapt_mass_matrix": "off"},
    "metropolis": {"chains": 1, "warmup": 0, "draws": 5000},
}
FULL: dict[str, dict[str, Any]] = {"nuts": {"chains": 4, "draws": 500}}
# The peer's NUTS makes so many times fewer effective samples a second; each of its tutorial runs takes so much longer.
TARGET_ESS, TARGET_SECONDS = 100, 40

Row = dict[str, Any]


def main() -> int:
    options = parse()
    torch.set_num_threads(options.threads)
    warn_when_busy()
    if options.full:
        options.samplers, options.tutorial, options.peer = ["nuts"], True, True
        options.reference = options.reference or 2000
    with tempfile.TemporaryDirectory(prefix="residua-bench-") as scratch:
        folder = Path(scratch)
        problem = engine.load(engine.write_example("seed", folder))
        lm = engine.fit(problem, "lm")
        mean, sigma, against = lm.values, lm.uncertainties, "lm"
        if options.reference:
            long = engine.fit(problem, "ensemble-hmc", seed=99, warmup=300, draws=options.reference)
            mean, sigma = long.values, long.uncertainties
            assert long.draws is not None
            against = f"ensemble-hmc, {len(long.draws)} x {options.reference}"
            print(f"reference ({against}): {long.message}")
        print(f"means and sigmas against {against}")
        print(
            f"{'sampler':<22}{'R-hat':>8}{'ESS':>8}{'seconds':>9}{'ESS/s':>8}{'gradients':>10}{'models':>8}"
            f"{'mean off':>9}{'sigma ratio':>13}"
        )
        rows: list[Row] = []
        if not options.tutorial or options.full:
            rows += [
                ours(problem, name, FULL.get(name, {}), "own settings", options.seed, mean, sigma)
                for name in options.samplers
            ]
        if options.tutorial:
            names = list(TUTORIAL) if options.full else [n for n in options.samplers if n in TUTORIAL]
            for name in names:
                rows.append(ours(problem, name, TUTORIAL[name], "tutorial", options.seed, mean, sigma))
                if options.peer:
                    rows += peer(name, folder, options.threads)
    verdicts = judged(rows)
    for verdict in verdicts:
        print(f"{verdict['what']}: {verdict['value']:.4g}, target {verdict['target']}: {verdict['words']}")
    if options.full:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        text = {
            "commit": commit(),
            "machine": machine(),
            "torch": same_torch(),
            "threads": options.threads,
            "against": against,
            "runs": rows,
            "targets": verdicts,
        }
        options.out.write_text(json.dumps(text, indent=2) + "\n")
        print(f"written: {options.out}")
    return 0


def ours(
    problem: engine.Problem,
    name: str,
    chosen: dict[str, Any],
    settings: str,
    seed: int,
    mean: np.ndarray,
    sigma: np.ndarray,
) -> Row:
    """Run one of Residua's samplers and return its figures."""
    result = engine.fit(problem, name, seed=seed, **chosen)
    assert result.rhat is not None
    assert result.ess_bulk is not None
    ratio = result.uncertainties / sigma
    off = np.abs(result.values - mean) / sigma
    least = float(result.ess_bulk.min())
    row = {
        "code": "residua",
        "sampler": name,
        "settings": settings,
        "options": chosen,
        "rhat": float(result.rhat.max()),
        "ess": least,
        "seconds": result.seconds,
        "ess_per_second": least / result.seconds,
        "gradients": result.jacobians,
        "models": result.evaluations,
        "mean_off": float(off.max()),
        "sigma_ratios": [float(ratio.min()), float(ratio.max())],
        "compiled": bool(result.history.get("compiled", [False])[-1]),
        "message": result.message,
        "notes": list(result.notes),
    }
    label = f"{name} ({settings})" if settings == "tutorial" else name
    print(
        f"{label:<22}{row['rhat']:>8.4f}{least:>8.0f}{result.seconds:>9.2f}{row['ess_per_second']:>8.1f}"
        f"{result.jacobians:>10}{result.evaluations:>8}{off.max():>9.3f}"
        f"{f'{ratio.min():.3f}-{ratio.max():.3f}':>13}",
        flush=True,
    )
    return row


def peer(name: str, folder: Path, threads: int) -> list[Row]:
    """Run AstroPhot 0.16.13's sampler of that name on the same pixels, and return its chain's figures."""
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
        return []
    answer = json.loads(finished.stdout.splitlines()[-1])
    chain = np.load(folder / f"astrophot-{name}.npy")
    least = float(np.nanmin(diagnose(chain[None]).ess_bulk))
    print(
        f"  AstroPhot {name}: {answer['draws']} draws, ESS {least:.1f}, {answer['seconds']:.1f} s "
        f"({time.perf_counter() - began:.0f} s with its start), {least / answer['seconds']:.3f} ESS/s",
        flush=True,
    )
    return [
        {
            "code": "astrophot-0.16.13",
            "sampler": name,
            "settings": "tutorial",
            "ess": least,
            "seconds": answer["seconds"],
            "ess_per_second": least / answer["seconds"],
        }
    ]


def judged(rows: list[Row]) -> list[Row]:
    """The figures that have a target, as far as ``rows`` tell, each with whether it is met."""
    found: list[Row] = []

    def add(what: str, value: float, target: str, met: bool) -> None:
        found.append(
            {"what": what, "value": value, "target": target, "met": met, "words": "met" if met else "not met"}
        )

    by = {(row["code"], row["sampler"], row["settings"]): row for row in rows}
    full = by.get(("residua", "nuts", "own settings"))
    if full:
        low, high = full["sigma_ratios"]
        add("worst R-hat of NUTS", full["rhat"], "< 1.01", full["rhat"] < 1.01)
        add("smallest bulk ESS of NUTS", full["ess"], "> 400", full["ess"] > 400)
        add("means of NUTS off, in sigma", full["mean_off"], "< 0.1", full["mean_off"] < 0.1)
        worst = max(1 - low, high - 1)
        add("sigmas of NUTS off, relative", worst, "< 0.1", worst < 0.1)
    theirs = by.get(("astrophot-0.16.13", "nuts", "tutorial"))
    if full and theirs:
        ratio = full["ess_per_second"] / theirs["ess_per_second"]
        add("ESS/s of NUTS over the peer's", ratio, f">= {TARGET_ESS}", ratio >= TARGET_ESS)
    for name in TUTORIAL:
        mine, other = (by.get((code, name, "tutorial")) for code in ("residua", "astrophot-0.16.13"))
        if mine and other:
            ratio = other["seconds"] / mine["seconds"]
            add(f"times faster, tutorial's {name}", ratio, f">= {TARGET_SECONDS}", ratio >= TARGET_SECONDS)
    return found


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
    parser.add_argument("--full", action="store_true", help="everything that has a target, and write it down")
    parser.add_argument("--tutorial", action="store_true", help="the tutorial's few draws of one chain")
    parser.add_argument("--peer", action="store_true", help="AstroPhot 0.16.13 too, with those")
    parser.add_argument("--reference", type=int, default=0, help="draws a chain of the long run; 0: none")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (default 1)")
    parser.add_argument("--seed", type=int, default=1, help="of the samplers")
    parser.add_argument("--out", type=Path, default=RESULTS / "samplers.json", help="where figures go")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
