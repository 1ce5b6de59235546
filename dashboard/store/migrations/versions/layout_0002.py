"""What people say of a run: tags, a note, a star; and a deletion that can be undone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("run", sa.Column("tags", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("run", sa.Column("note", sa.String(4000), nullable=False, server_default=""))
    op.add_column("run", sa.Column("starred", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("run", sa.Column("deleted", sa.DateTime(timezone=True), nullable=True))
