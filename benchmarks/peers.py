"""How fast is Residua beside other codes, fitting the same image from the same start?

The seed problem: 99x99 pixels, three Sersics on a flat sky, 22 free parameters, no PSF. Each code runs in a
process and an environment of its own (.bench/), with the same number of threads, to its own stopping rule and
with its defaults. The codes take turns, round after round, so that a machine that slows down slows all of
them. Timed is the fit alone: importing, loading, building the model and one short fit that warms everything
up come before the clock starts, for every code alike.

Cases: lm                    Levenberg-Marquardt          imfit, AstroPhot 0.18.0, AstroPhot 0.16.13
       iterative             one component at a time      AstroPhot 0.18.0, AstroPhot 0.16.13
       iterative-parameters  eleven parameters at a time  AstroPhot 0.18.0, AstroPhot 0.16.13
       gradient              Adam, 1000 steps at most     AstroPhot 0.16.13
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.environments import BENCH, ROOT, peer_python, same_torch

DRIVERS = Path(__file__).resolve().parent / "drivers"
RESULTS = Path(__file__).resolve().parent / "results"
CASES = ("lm", "iterative", "iterative-parameters", "gradient")


@dataclass(frozen=True, kw_only=True)
class Code:
    """One code that takes part: its driver, what it runs, and what is installed for it (Residua: nothing)."""

    driver: str
    cases: tuple[str, ...]
    requirements: tuple[str, ...] = ()
    compiles: bool = False

    def python(self, name: str) -> Path:
        """The Python that runs this code."""
        if not self.requirements:
            return Path(sys.executable)
        return peer_python(name, self.requirements, self.compiles)


def codes() -> dict[str, Code]:
    return {
        "residua": Code(driver="residua.py", cases=CASES),
        "imfit": Code(
            driver="imfit.py",
            cases=("lm",),
            requirements=("pyimfit==1.1", "numpy<3"),
            compiles=True,
        ),
        "astrophot-0.18.0": Code(
            driver="astrophot_018.py",
            cases=("lm", "iterative", "iterative-parameters"),
            requirements=("astrophot==0.18.0", same_torch()),
        ),
        "astrophot-0.16.13": Code(
            driver="astrophot_016.py",
            cases=CASES,
            requirements=("astrophot==0.16.13", same_torch()),
        ),
    }


TARGETS = {
    ("lm", "imfit"): 10,
    ("lm", "astrophot-0.18.0"): 40,
    ("lm", "astrophot-0.16.13"): 40,
    ("iterative", "astrophot-0.16.13"): 40,
    ("iterative-parameters", "astrophot-0.16.13"): 40,
    ("gradient", "astrophot-0.16.13"): 40,
}
"""How many times faster Residua means to be."""


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    chosen = {name: code for name, code in codes().items() if name in options.codes}
    pythons = {name: code.python(name) for name, code in chosen.items()}
    if options.install_only:
        return 0
    from benchmarks.problem import write_problem

    warn_when_busy()
    with tempfile.TemporaryDirectory(prefix="residua-bench-") as scratch:
        folder = Path(scratch)
        write_problem(folder)
        for case in options.cases:
            rows: dict[str, dict[str, Any]] = {}
            for turn in range(options.rounds):
                for name, code in chosen.items():
                    if case in code.cases:
                        print(
                            f"{case}: round {turn + 1} of {options.rounds}, {name} ...",
                            file=sys.stderr,
                            flush=True,
                        )
                        answer = time_once(pythons[name], code, case, folder, options)
                        merge(rows, name, answer)
            report(case, rows)
            save(case, rows, options)
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--cases", type=names(CASES), default=["lm"], help="comma-separated (default: lm), or all"
    )
    parser.add_argument(
        "--codes", type=names(tuple(codes())), default=list(codes()), help="comma-separated (default: all)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns each code gets (default: 3)")
    parser.add_argument("--repeats", type=int, default=5, help="timed fits in a turn, at most (default: 5)")
    parser.add_argument(
        "--seconds", type=float, default=20, help="in a turn, no fit starts later (default: 20)"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads each code may use (default: 2)")
    parser.add_argument(
        "--out", type=Path, default=RESULTS, help="folder for <case>.json (default: benchmarks/results)"
    )
    parser.add_argument("--install-only", action="store_true", help="make the environments and stop")
    return parser.parse_args(arguments)


def names(known: tuple[str, ...]) -> Any:
    """An argparse type: comma-separated names out of ``known``, or all of them."""

    def read(text: str) -> list[str]:
        wanted = list(known) if text == "all" else [name.strip() for name in text.split(",")]
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is not one of {', '.join(known)}, all")
        return wanted

    return read


def time_once(
    python: Path, code: Code, case: str, folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """One code's turn at one case, in a process of its own."""
    out = folder / "answer.json"
    out.unlink(missing_ok=True)
    scratch = BENCH / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    command = [
        python,
        "-W",
        "ignore",
        DRIVERS / code.driver,
        "--problem",
        folder,
        "--out",
        out,
        "--case",
        case,
    ]
    limits = ["--repeats", options.repeats, "--seconds", options.seconds, "--threads", options.threads]
    threads = {"OMP_NUM_THREADS": str(options.threads), "MKL_NUM_THREADS": str(options.threads)}
    finished = subprocess.run(
        [str(word) for word in [*command, *limits]],
        # Some peers write log files where they run.
        cwd=scratch,
        env={**os.environ, **threads},
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0 or not out.exists():
        raise SystemExit(
            f"{code.driver} failed on {case}:\n{finished.stdout[-2000:]}{finished.stderr[-4000:]}"
        )
    answer: dict[str, Any] = json.loads(out.read_text())
    return answer


def merge(rows: dict[str, dict[str, Any]], name: str, answer: dict[str, Any]) -> None:
    """Add one turn's times to what the same code's earlier turns gave."""
    if name not in rows:
        rows[name] = answer
    else:
        rows[name]["seconds"] += answer["seconds"]
        rows[name]["chi2_dof"] += answer["chi2_dof"]


def report(case: str, rows: dict[str, dict[str, Any]]) -> None:
    """Print one case's table: medians, and how many times longer each peer takes than Residua."""
    ours = statistics.median(rows["residua"]["seconds"]) if "residua" in rows else None
    print(f"\n{case}")
    print(
        f"  {'code':<20}{'fits':>5}{'median s':>11}{'fastest s':>11}{'chi2_dof':>11}{'x Residua':>11}  target"
    )
    for name, row in rows.items():
        median = statistics.median(row["seconds"])
        ratio = median / ours if ours else None
        row["median_seconds"] = median
        row["ratio"] = ratio
        target = TARGETS.get((case, name))
        verdict = ""
        if target and ratio:
            verdict = f">= {target}: {'met' if ratio >= target else 'not met'}"
        fits, fastest, chi2_dof = len(row["seconds"]), min(row["seconds"]), statistics.median(row["chi2_dof"])
        times = f"{fits:>5}{median:>11.4f}{fastest:>11.4f}{chi2_dof:>11.6f}"
        print(f"  {name:<20}{times}{'' if ratio is None else format(ratio, '.1f'):>11}  {verdict}")
        print(f"  {'':<20}{row['code']} {row['version']}: {row['message']}")


def save(case: str, rows: dict[str, dict[str, Any]], options: argparse.Namespace) -> None:
    """Write one case's figures, with what they were taken on, to <case>.json."""
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{case}.json"
    text = {
        "case": case,
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "torch": same_torch(),
        "codes": rows,
    }
    path.write_text(json.dumps(text, indent=2) + "\n")
    print(f"  written: {path}")


def commit() -> str:
    """The repository's commit, with a + if files differ from it."""
    answer = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()


def warn_when_busy() -> float:
    """Say that times are not to be quoted which are taken beside other work; the machine's load."""
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"The machine is busy (load {load:.1f}): quote nothing from this run.", file=sys.stderr)
    return load


def machine() -> dict[str, Any]:
    """What the times were taken on."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text().splitlines()
        processor = next(
            (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), processor
        )
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
    }


if __name__ == "__main__":
    sys.exit(main())
