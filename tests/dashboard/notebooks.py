"""Running a notebook from top to bottom in a kernel of this very interpreter, and reading numbers out of it.

In a process of its own, since the Jupyter stack leaves sockets and warnings behind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

# Appended as the last cell: what every fit result among the names came to.
NUMBERS = """
import json as _json
from engine import FitResult as _FitResult
from engine.outputs import plain as _plain
print("NUMBERS" + _json.dumps(_plain({
    name: {"chi2_dof": value.chi2_dof, "names": value.names, "values": value.values, "mcse": value.mcse,
           "uncertainties": value.uncertainties, "status": value.status.word}
    for name, value in list(globals().items()) if isinstance(value, _FitResult) and not name.startswith("_")})))
"""


def executed(text: str, folder: Path, timeout: int = 600) -> dict[str, Any]:
    """Run a notebook in ``folder`` (its data beside it) and return the numbers of its fit results, by name."""
    return executed_in_turn([text], folder, timeout)[0]


def executed_in_turn(texts: list[str], folder: Path, timeout: int = 600) -> list[dict[str, Any]]:
    """The numbers of several notebooks, run one after the other by one kernel that forgets all names in between.

    A kernel of its own would take each as long to load what all need as most take to run.
    """
    for number, text in enumerate(texts):
        (folder / f"{number}.ipynb").write_text(text)
    finished = subprocess.run(
        [sys.executable, "-m", "tests.dashboard.notebooks", str(folder), str(len(texts)), str(timeout)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout * len(texts) + 60,
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    return [json.loads(part) for part in finished.stdout.split("NUMBERS")[1:]]


def main(folder: Path, count: int, timeout: int) -> None:
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    kernels = folder / ".kernels"
    (kernels / "python3").mkdir(parents=True, exist_ok=True)
    # A clean machine has no kernel installed; this one is the interpreter that runs the tests.
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python 3",
        "language": "python",
        "env": {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "IPYTHONDIR": str(folder / ".ipython")},
    }
    (kernels / "python3" / "kernel.json").write_text(json.dumps(spec))
    specs = KernelSpecManager(kernel_dirs=[str(kernels)], ensure_native_kernel=False)
    book = nbformat.v4.new_notebook()
    for number in range(count):
        book.cells += nbformat.read(folder / f"{number}.ipynb", as_version=4).cells
        book.cells.append(nbformat.v4.new_code_cell(NUMBERS, id=f"numbers-{number}"))
        book.cells.append(nbformat.v4.new_code_cell("%reset -f", id=f"forget-{number}"))
    manager = AsyncKernelManager(kernel_spec_manager=specs, kernel_name="python3")
    NotebookClient(
        book, km=manager, timeout=timeout, resources={"metadata": {"path": os.fspath(folder)}}
    ).execute()
    for cell in book.cells:
        if cell.id.startswith("numbers-"):
            sys.stdout.write("".join(one["text"] for one in cell.outputs if one.output_type == "stream"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
