"""What a page is about, read on a thread before the page is made: pages are made on the event loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dashboard.access import Touched
from dashboard.store import NotFound, Project, Reach, Run, Store


@dataclass(frozen=True)
class Facts:
    """Projects and runs by the ids that an address names, None where there is none; how far its reader may go."""

    projects: dict[str, Project | None] = field(default_factory=dict)
    runs: dict[str, Run | None] = field(default_factory=dict)
    reach: dict[str, Reach] = field(default_factory=dict)

    @property
    def least(self) -> Reach:
        """How far a page's reader may go with all that they may see of what it is about."""
        return min([one for one in self.reach.values() if one], default=Reach.WRITE)


def facts_of(store: Store, touched: Sequence[Touched]) -> Facts:
    """Read them, as the person whom the store stands for may. Asks the database."""
    found = Facts()
    for one in touched:
        project = one.id
        if one.kind == "run":
            try:
                found.runs[one.id] = run = store.run(one.id)
            except NotFound:
                found.runs[one.id] = None
                continue
            project = run.project_id
        if project not in found.projects:
            try:
                found.projects[project] = store.project(project)
            except NotFound:
                found.projects[project] = None
            found.reach[project] = store.reach(project)
    return found
