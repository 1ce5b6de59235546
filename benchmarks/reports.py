"""How long the report of a seven-fitter comparison takes, and how large its files are.

    python -m benchmarks.reports [--draws 250]

The targets: HTML at most 15 MB in 10 s, PDF in 20 s. Writes benchmarks/results/reports.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import torch

import engine
from dashboard.reports.export import as_bytes
from dashboard.reports.read import portable, report_of_folder
from engine.outputs import versions

RESULTS = Path(__file__).parent / "results" / "reports.json"


def fitters(draws: int) -> dict[str, dict[str, int]]:
    """The seven fitters and their options."""
    return {
        "lm": {},
        "iterative": {},
        "iterative-parameters": {},
        "gradient": {},
        "nuts": {"draws": draws, "warmup": 100},
        "hmc": {"draws": draws, "warmup": 100},
        "metropolis": {"draws": 4 * draws, "warmup": 300},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=250, help="draws of each chain (default: 250)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="residua-reports-") as name:
        folder = Path(name)
        problem = engine.load(engine.write_example("seed", folder / "example"))
        rows = []
        for fitter, options in fitters(arguments.draws).items():
            engine.write_run(folder / fitter, problem, engine.fit(problem, fitter, **options))
            rows.append({"fitter": fitter, "folder": fitter})
            print(fitter, flush=True)
        (folder / "compare.json").write_text(json.dumps({"fitters": rows}))
        began = time.perf_counter()
        document = report_of_folder(folder, folder)
        record = {"read": {"seconds": time.perf_counter() - began}}
        for kind in ("html", "ipynb", "pdf", "zip"):
            began = time.perf_counter()
            content = as_bytes(portable(document) if kind == "zip" else document, kind)
            record[kind] = {"seconds": time.perf_counter() - began, "megabytes": len(content) / 1e6}
    for kind, figures in record.items():
        print(kind, "  ".join(f"{value:.2f} {unit}" for unit, value in figures.items()))
    written = {"draws": arguments.draws, "versions": versions(), "reports": record}
    RESULTS.write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main()
