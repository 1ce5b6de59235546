"""What the queue needs to know of a run: how often it was tried, what it takes and where it runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    size = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
    op.add_column("run", sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("run", sa.Column("expected_seconds", sa.Double(), nullable=True))
    op.add_column("run", sa.Column("device", sa.String(8), nullable=False, server_default="auto"))
    op.add_column("run", sa.Column("bytes", size, nullable=False, server_default="0"))
