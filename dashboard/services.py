"""What every page gets: the store, the jobs and the settings, made once in app.py."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import yaml

import engine
from dashboard.facts import Facts
from dashboard.jobs import Jobs
from dashboard.jobs.limits import check_disk
from dashboard.jobs.seen import SeenJobs
from dashboard.settings import Settings
from dashboard.store import (
    ROLES,
    File,
    NotFound,
    Project,
    Reach,
    Run,
    Store,
    StoreError,
    Who,
    file_reference,
)
from dashboard.store.files import Incoming
from engine.examples import EXAMPLES

Found = TypeVar("Found")
_KEY_ROLES = {key: role for role, key in ROLES.items()}


@dataclass(frozen=True)
class Services:
    """The parts of a running server that pages work with."""

    store: Store
    jobs: Jobs | SeenJobs
    settings: Settings
    changed: Callable[[], None] = lambda: None
    """Called when somebody may do less than before: pages that are open are then looked at again at once."""
    facts: Facts = field(default_factory=Facts)
    """Of the page that this was made for, what its address names: known without asking the database."""

    def seen_by(self, who: Who) -> Services:
        """The same for one person: what they may not do raises NotFound or NotAllowed."""
        if who.local:
            return self
        assert not isinstance(
            self.jobs, SeenJobs
        )  # made once for each page and request, from the server's own
        store = self.store.seen_by(who)
        return replace(self, store=store, jobs=SeenJobs(self.jobs, store))

    def project(self, project_id: str) -> Project:
        """A project; NotFound where there is none for this person."""
        return _known(self.facts.projects, project_id, self.store.project, "project")

    def run(self, run_id: str) -> Run:
        """A run; NotFound where there is none for this person."""
        return _known(self.facts.runs, run_id, self.store.run, "run")

    def reach(self, project_id: str) -> Reach:
        """How far this person may go with a project."""
        known = self.facts.reach.get(project_id)
        return self.store.reach(project_id) if known is None else known

    def may_share(self, project_id: str) -> bool:
        """Whether this person may say who else opens a project; without accounts there is nobody else."""
        return not self.store.who.local and self.reach(project_id) is Reach.OWN

    def check_room(self, project_id: str, size: int) -> None:
        """LimitError when the owner of a project may not keep so many bytes more. Reads the database.

        It saves work on what is refused anyway: of files that come at once, :meth:`take_in` keeps those that have room.
        """
        if self._quota:
            owner = self.store.project(project_id).owner_id
            check_disk(self._quota, self.store.whole.queue.bytes_of(owner), size)

    def take_in(self, project_id: str, role: str, name: str, incoming: Incoming) -> File:
        """Make a content that has come a file of a project; LimitError where its owner has no room for it."""
        return self.store.take_in(project_id, role, name, incoming, self._allow)

    def add_file(self, project_id: str, role: str, name: str, source: Path | bytes) -> File:
        """Copy a file or bytes into a project; LimitError where its owner has no room for it."""
        return self.store.add_file(project_id, role, name, source, self._allow)

    @property
    def _quota(self) -> int:
        """What one person may keep, in bytes; 0 for no limit."""
        return self.settings.quota_mb * 1_000_000

    @property
    def _allow(self) -> Callable[[int], None] | None:
        return partial(check_disk, self._quota) if self._quota else None

    def add_example(self, name: str, title: str | None = None) -> Project:
        """Make a project of one of the engine's examples; engine.EngineError for an unknown name."""
        with tempfile.TemporaryDirectory(prefix="residua-example-") as folder:
            path = engine.write_example(name, folder)
            return import_fit(self.store, path, title or EXAMPLES[name].title)


def import_fit(store: Store, path: Path, title: str) -> Project:
    """Make a project of a fit description file and the images it names.

    For files of our own making: a stranger's description could name any file of this machine.
    """
    description: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    project = store.create_project(title)
    for entry in description["images"]:
        for key, role in _KEY_ROLES.items():
            if not isinstance(entry.get(key), str):
                continue
            name, bracket, extension = entry[key].partition("[")
            source = path.parent / name
            if not source.is_file():
                raise StoreError(f"{path.name} names {name} as its {key}, but there is no such file.")
            file = store.add_file(project.id, role, source.name, source)
            entry[key] = file_reference(file, extension.rstrip("]") if bracket else None)
    return store.update_project(project.id, description=description)


def _known(
    facts: Mapping[str, Found | None], identifier: str, ask: Callable[[str], Found], noun: str
) -> Found:
    """What the facts say of an id, or the database where they do not speak of it."""
    if identifier not in facts:
        return ask(identifier)
    found = facts[identifier]
    if found is None:
        raise NotFound.of(noun)
    return found
