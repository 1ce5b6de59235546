"""Addresses of the other pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from dashboard.store import Who

MOST_COMPARED = 7
RUN = "/run/"
_EVERYWHERE = {"Jobs": "/jobs", "Learn": "/learn"}


def compare(runs: Iterable[str]) -> str:
    """Where these runs stand side by side; empty without at least two."""
    chosen = list(runs)[:MOST_COMPARED]
    return f"/compare?runs={','.join(chosen)}" if len(chosen) > 1 else ""


def uploaded(project_id: str, guessed: Iterable[str]) -> str:
    """The workbench of a project whose files just came; it asks about those of which the name told what they are."""
    files = ",".join(guessed)
    return f"/fit/{project_id}?guessed={files}" if files else f"/fit/{project_id}"


def navigation(project_id: str, here: str, who: Who, instead: Mapping[str, str] | None = None) -> str:
    """The links to the pages of a project other than `here` that somebody may open, as HTML; `instead` gives some their
    own address.
    """
    return _navigation(
        {
            "Workbench": f"/fit/{project_id}",
            "Runs": f"/runs/{project_id}",
            "Compare": f"/compare?project={project_id}",
            "Report": f"/report/{project_id}",
            **({} if who.is_visitor else _EVERYWHERE),
            **(instead or {}),
        },
        here,
    )


def around(here: str) -> str:
    """The links to the pages that are of no project, as HTML."""
    return _navigation({"Projects": "/", **_EVERYWHERE}, here)


def crumb(project_id: str, title: str, here: str, heading: str = "h1") -> str:
    """The way from the project to the page that a person is on, as HTML; a page with a title of its own has its h1."""
    return (
        f'<div class="row crumb-box"><a href="/fit/{escape(project_id)}">{escape(title)}</a>'
        f'<span class="muted" aria-hidden="true">/</span><{heading}>{escape(here)}</{heading}></div>'
    )


def _navigation(addresses: Mapping[str, str], here: str) -> str:
    links = (f'<a href="{escape(to)}">{title}</a>' for title, to in addresses.items() if title != here)
    return f'<nav class="row nowrap page-links" aria-label="Other pages">{"".join(links)}</nav>'
