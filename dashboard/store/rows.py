"""From rows of the database to records that may be handed out."""

from __future__ import annotations

from dashboard.store.models import ProjectRow, RunRow
from dashboard.store.records import Project, Run, RunStatus


def project_of(row: ProjectRow) -> Project:
    """The record of a project."""
    return Project(
        id=row.id,
        title=row.title,
        created=row.created,
        updated=row.updated,
        description=row.description,
        owner_id=row.owner_id or "",
    )


def run_of(row: RunRow) -> Run:
    """The record of a run."""
    return Run(
        id=row.id,
        project_id=row.project_id,
        status=RunStatus(row.status),
        fitter=row.fitter,
        options=row.options,
        description=row.description,
        created=row.created,
        started=row.started,
        finished=row.finished,
        message=row.message,
        converged=row.converged,
        chi2_dof=row.chi2_dof,
        error=row.error,
        tags=tuple(row.tags),
        note=row.note,
        starred=row.starred,
        deleted=row.deleted,
        account_id=row.account_id or "",
        attempts=row.attempts,
        expected_seconds=row.expected_seconds,
        device=row.device,
        bytes=row.bytes,
        number=row.number,
    )
