"""The journal of a project: what was done in it, one row an action."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "journal",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column(
            "project_id", sa.String(16), sa.ForeignKey("project.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("run_id", sa.String(16), nullable=True),
        sa.Column("note", sa.String(20000), nullable=False, server_default=""),
        sa.Column("hidden", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_journal_project_id", "journal", ["project_id"])
