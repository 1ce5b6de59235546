"""Accounts: who can log in, whose projects and runs are whose, and with whom they are shared."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("project", sa.Column("owner_id", sa.String(16), nullable=True))
    op.create_index("ix_project_owner_id", "project", ["owner_id"])
    op.add_column("run", sa.Column("account_id", sa.String(16), nullable=True))
    op.create_index("ix_run_account_id", "run", ["account_id"])
    op.create_table(
        "account",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False, unique=True),
        sa.Column("password", sa.String(200), nullable=True),
        sa.Column("subject", sa.String(400), nullable=True, unique=True),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "attempt",
        sa.Column("key", sa.String(100), primary_key=True),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("last", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_attempt_last", "attempt", ["last"])
    op.create_table(
        "login",
        sa.Column("id", sa.String(64), primary_key=True),
        _account(),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.String(60), nullable=False),
        sa.Column("agent", sa.String(200), nullable=False),
    )
    op.create_index("ix_login_account_id", "login", ["account_id"])
    op.create_table(
        "token",
        sa.Column("id", sa.String(16), primary_key=True),
        _account(),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("label", sa.String(120), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("ix_token_account_id", "token", ["account_id"])
    op.create_table(
        "share",
        sa.Column(
            "project_id", sa.String(16), sa.ForeignKey("project.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column(
            "account_id", sa.String(16), sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("write", sa.Boolean(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_share_account_id", "share", ["account_id"])
    op.create_table(
        "link",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column(
            "project_id", sa.String(16), sa.ForeignKey("project.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_by", sa.String(80), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
    )
    op.create_index("ix_link_project_id", "link", ["project_id"])


def _account() -> sa.Column[str]:
    return sa.Column(
        "account_id", sa.String(16), sa.ForeignKey("account.id", ondelete="CASCADE"), nullable=False
    )
