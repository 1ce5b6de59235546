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
    path = folder / "executed.ipynb"
    path.write_text(text)
    finished = subprocess.run(
        [sys.executable, "-m", "tests.dashboard.notebooks", str(path), str(timeout)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout + 60,
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    return dict(json.loads(finished.stdout.partition("NUMBERS")[2]))


def main(path: Path, timeout: int) -> None:
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    folder = path.parent
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
    book = nbformat.read(path, as_version=4)
    book.cells.append(nbformat.v4.new_code_cell(NUMBERS, id="numbers"))
    manager = AsyncKernelManager(kernel_spec_manager=specs, kernel_name="python3")
    NotebookClient(
        book, km=manager, timeout=timeout, resources={"metadata": {"path": os.fspath(folder)}}
    ).execute()
    outputs = book.cells[-1].outputs
    sys.stdout.write("".join(one["text"] for one in outputs if one.output_type == "stream"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
