"""Addresses of the other pages."""

from __future__ import annotations

from collections.abc import Iterable

MOST_COMPARED = 7
RUN = "/run/"


def compare(runs: Iterable[str]) -> str:
    """Where these runs stand side by side; empty without at least two."""
    chosen = list(runs)[:MOST_COMPARED]
    return f"/compare?runs={','.join(chosen)}" if len(chosen) > 1 else ""


def header(project_id: str) -> list[tuple[str, str]]:
    """(title, address) of the pages beside a workbench."""
    return [("Runs", f"/runs/{project_id}"), ("Report", f"/report/{project_id}"), ("Learn", "/learn")]
