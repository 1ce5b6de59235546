"""Addresses of the other pages, as far as this installation has them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

MOST_COMPARED = 7


def has(page: str) -> bool:
    """Whether there is a module for a page, such as "compare"."""
    return importlib.util.find_spec(f"dashboard.pages.{page}") is not None


def compare(runs: Iterable[str]) -> str:
    """Where these runs stand side by side; empty without at least two, or without that page."""
    chosen = list(runs)[:MOST_COMPARED]
    return f"/compare?runs={','.join(chosen)}" if has("compare") and len(chosen) > 1 else ""


def run() -> str:
    """Start of the address of a run's own page."""
    return "/run/" if has("run") else ""


def header(project_id: str) -> list[tuple[str, str]]:
    """(title, address) of the pages beside a workbench."""
    found = []
    if has("report"):
        found.append(("Report", f"/report/{project_id}"))
    if has("learn"):
        found.append(("Learn", "/learn"))
    return found
