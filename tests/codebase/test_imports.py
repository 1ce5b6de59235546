"""Imports point down only: the engine stands alone, and starting the command line does not load the web."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

WEB = ("dashboard", "panel", "panel_material_ui", "bokeh", "holoviews", "tornado", "distributed")

BELOW: dict[str, tuple[str, ...]] = {
    # dashboard's parts, from the bottom: each may import those listed for it, and the engine.
    "jobs": ("jobs", "store", "settings", "references", "forks"),
    "store": ("store", "settings"),
    "figures": ("figures", "words"),
    "reports": ("reports", "figures", "store", "words"),
    "learn": ("learn", "reports", "jobs"),
    "state": ("state", "services", "store", "jobs", "settings", "figures", "words", "learn", "reports"),
    "views": ("views", "figures", "state", "services", "store", "jobs", "settings", "ui"),
}
"""Which parts of the dashboard a part may import. Parts above views (pages, app, cli) may import anything."""


def imported_modules(code: str) -> set[str]:
    """The top-level modules that are loaded after ``code`` ran in a fresh interpreter."""
    script = f"import sys\n{code}\nprint(' '.join(sorted({{name.split('.')[0] for name in sys.modules}})))"
    finished = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return set(finished.stdout.split())


def test_the_engine_imports_alone() -> None:
    loaded = imported_modules("import engine")
    assert not loaded & set(WEB), f"import engine loads {sorted(loaded & set(WEB))}"


def test_the_command_line_starts_without_the_web() -> None:
    loaded = imported_modules("import dashboard.cli")
    heavy = {"panel", "panel_material_ui", "bokeh", "holoviews", "torch"}
    assert not loaded & heavy, f"import dashboard.cli loads {sorted(loaded & heavy)}: import them where used"


def test_importing_the_engine_has_no_effects(tmp_path: Path) -> None:
    script = "import logging, engine; print(len(logging.getLogger().handlers))"
    finished = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.strip() == "0", "import engine adds a handler to the root logger"
    assert finished.stderr == ""
    assert list(tmp_path.iterdir()) == [], "import engine writes files where it runs"


def modules_imported_by(path: Path) -> set[str]:
    """The dotted names ``path`` imports, at its top or within functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("part", BELOW)
def test_the_dashboard_imports_downwards(part: str) -> None:
    allowed = set(BELOW[part])
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / "dashboard" / part).rglob("*.py"))
        for name in sorted(modules_imported_by(path))
        if name.startswith("dashboard.") and name.split(".")[1] not in allowed
    ]
    assert not wrong, wrong


def packages_with_all() -> list[str]:
    """Every package of ours whose __init__ declares __all__."""
    names = []
    for top in ("engine", "dashboard"):
        for path in sorted((ROOT / top).rglob("__init__.py")):
            if "__all__" in path.read_text():
                names.append(".".join(path.parent.relative_to(ROOT).parts))
    return names


def rank(name: str) -> tuple[int, str]:
    """The order ruff keeps: constants, classes, functions, each by name."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("name", packages_with_all())
def test_all_is_sorted_and_importable(name: str) -> None:
    module = importlib.import_module(name)
    declared = list(module.__all__)
    assert declared == sorted(declared, key=rank)
    assert len(declared) == len(set(declared))
    missing = [entry for entry in declared if not hasattr(module, entry)]
    assert not missing, f"{name}.__all__ names {missing}, which cannot be imported"


def test_the_engine_declares_its_public_names() -> None:
    import engine

    promised = {"load", "fit", "steps", "read_image", "start_values", "detect", "simulate", "write_example"}
    assert promised <= set(engine.__all__)
