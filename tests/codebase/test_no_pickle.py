"""Nothing that comes from outside is unpickled, or becomes an object of its own choosing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*(ROOT / "engine").rglob("*.py"), *(ROOT / "dashboard").rglob("*.py")])
# Of these modules everything unpickles, or executes what it reads.
MODULES = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
# Methods that do, of whatever: a multiprocessing.Connection's recv among them (recv_bytes does not).
METHODS = {"read_pickle", "unsafe_load", "full_load", "recv", "loads_pickle", "load_module"}


def faults(code: str) -> Iterator[str]:
    """What in some source could unpickle something, by line."""
    for node in ast.walk(ast.parse(code)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = (
                [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
            )
            yield from (f"{line}: import {one}" for one in names if one.partition(".")[0] in MODULES)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        called = ast.unparse(node.func)
        keywords = {one.arg: ast.unparse(one.value) for one in node.keywords}
        if node.func.attr in METHODS or called == "torch.load":
            yield f"{line}: {called}"
        elif called in ("np.load", "numpy.load") and keywords.get("allow_pickle") != "False":
            yield f"{line}: {called} without allow_pickle=False"
        elif called in ("yaml.load", "yaml.load_all"):
            yield f"{line}: {called}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_unpickled(path: Path) -> None:
    assert list(faults(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from dill import loads",
        "import os, cloudpickle.compat",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "torch.load(path, weights_only=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "receiver.recv()",
        "pandas.read_pickle(path)",
    ],
)
def test_what_would_unpickle_is_seen(code: str) -> None:
    assert len(list(faults(code))) == 1
