"""Environments of their own for the codes Residua is measured against: .bench/<name>, made once and kept.

No line of a peer's code is part of this repository: the drivers call what its package offers to everybody.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / ".bench"


def peer_python(name: str, requirements: tuple[str, ...], compiles: bool = False) -> Path:
    """The Python of a peer's environment, which is made if it isn't there or if its requirements changed.

    ``compiles`` says that installing the peer compiles it, so that a missing compiler can be told beforehand.
    """
    folder = BENCH / name
    python = folder / "bin" / "python"
    stamp = folder / "requirements.txt"
    wanted = "\n".join(requirements) + "\n"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    if compiles:
        check_compiler(name)
    print(f"Making {folder.relative_to(ROOT)} with {', '.join(requirements)} ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    torch = [requirement for requirement in requirements if requirement.startswith("torch==")]
    if torch and os.environ.get("TORCH_INDEX"):
        subprocess.run([*pip, "--no-deps", "--index-url", os.environ["TORCH_INDEX"], *torch], check=True)
    subprocess.run([*pip, *requirements], check=True)
    stamp.write_text(wanted)
    return python


def same_torch() -> str:
    """The requirement that gives a peer the version of torch Residua runs with, whatever its build."""
    return "torch==" + version("torch").partition("+")[0]


def check_compiler(name: str) -> None:
    """Stop with a sentence if what installing ``name`` compiles with is missing."""
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if shutil.which("g++") is None or not header.exists():
        python = f"python{sys.version_info.major}.{sys.version_info.minor}-dev"
        raise SystemExit(
            f"{name} is compiled when installed and needs g++ and Python's headers ({header}). "
            f"On Debian: apt-get install g++ {python}"
        )
