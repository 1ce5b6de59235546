"""From a run's record to the order that a worker gets."""

from __future__ import annotations

from dashboard.jobs.limits import Limits
from dashboard.jobs.worker import Job
from dashboard.store import Run, Store, StoreError
from dashboard.store.files import CONTENTS
from dashboard.store.references import map_references


def job_of(store: Store, run: Run, limits: Limits, torch_threads: int, *, gpu: bool) -> Job:
    """The order for the next attempt at a run; StoreError when a file that it names was deleted."""
    files = {file.id: file for file in store.files(run.project_id)}
    used: set[str] = set()

    def path_of(key: str, identifier: str, extension: str) -> str:
        if identifier not in files:
            raise StoreError(
                f"The image's {key} is a file that was deleted. Upload it again or choose another."
            )
        used.add(identifier)
        return f"{files[identifier].path}{extension}"

    description = map_references(run.description, path_of)
    return Job(
        run=run.id,
        description=description,
        fitter=run.fitter,
        options=run.options,
        folder=str(store.run_folder(run.id)),
        contents=str(store.data_dir / CONTENTS),
        hashes={str(files[one].path): files[one].sha256 for one in sorted(used)},
        names={str(files[one].path): files[one].name for one in sorted(used)},
        torch_threads=torch_threads,
        attempt=run.attempts + 1,
        device="cuda" if gpu else "cpu",
        seconds=limits.fit_seconds,
        memory=limits.fit_memory,
        checkpoint_seconds=limits.checkpoint_seconds,
        room_seconds=limits.room_seconds,
    )
