"""A run keeps its number in its project, whatever is deleted before it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("run", sa.Column("number", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE run SET number = (SELECT COUNT(*) FROM run AS other WHERE other.project_id = run.project_id "
        "AND (other.created < run.created OR (other.created = run.created AND other.id >= run.id)))"
    )
