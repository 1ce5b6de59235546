"""Projects, their files and their runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.String(40), primary_key=True),
        sa.Column("value", sa.String(200), nullable=False),
    )
    op.create_table(
        "project",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("description", sa.JSON(), nullable=True),
    )
    op.create_index("ix_project_updated", "project", ["updated"])
    op.create_table(
        "file",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column(
            "project_id", sa.String(16), sa.ForeignKey("project.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer().with_variant(sa.BigInteger(), "postgresql"), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_file_project_id", "file", ["project_id"])
    op.create_index("ix_file_sha256", "file", ["sha256"])
    op.create_table(
        "run",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column(
            "project_id", sa.String(16), sa.ForeignKey("project.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("fitter", sa.String(60), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("description", sa.JSON(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.String(2000), nullable=False),
        sa.Column("converged", sa.Boolean(), nullable=True),
        sa.Column("chi2_dof", sa.Double(), nullable=True),
        sa.Column("error", sa.String(4000), nullable=True),
    )
    op.create_index("ix_run_project_id", "run", ["project_id"])
    op.create_index("ix_run_status_created", "run", ["status", "created"])
