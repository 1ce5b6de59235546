"""The tables, as the newest of dashboard.store.migrations makes them.

Only the store reads and writes them; everyone else sees dashboard.store.records.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, Integer, String, false
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcTime(TypeDecorator[datetime]):
    """Times with a zone; SQLite drops it, so all are stored in UTC and get UTC back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# SQLite's integers have 64 bits under any name; those of Postgres only under this one.
Size = Integer().with_variant(BigInteger(), "postgresql")


class Base(DeclarativeBase):
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy's own convention)
        dict[str, Any]: JSON,
        list[str]: JSON,
        datetime: UtcTime,
    }


class MetaRow(Base):
    """Facts about the database itself: by `schema_version` a Residua from before Alembic refuses a newer one."""

    __tablename__ = "meta"

    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(String(200))


class ProjectRow(Base):
    __tablename__ = "project"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    created: Mapped[datetime]
    updated: Mapped[datetime] = mapped_column(index=True)
    description: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # No foreign key: SQLite cannot add one to a table that is there, and accounts are disabled, not deleted.
    owner_id: Mapped[str | None] = mapped_column(String(16), index=True)


class FileRow(Base):
    __tablename__ = "file"
    __table_args__ = (Index("ix_file_sha256", "sha256"),)

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Size)
    created: Mapped[datetime]


class RunRow(Base):
    __tablename__ = "run"
    __table_args__ = (Index("ix_run_status_created", "status", "created"),)

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
    status: Mapped[str] = mapped_column(String(16))
    fitter: Mapped[str] = mapped_column(String(60))
    options: Mapped[dict[str, Any]]
    description: Mapped[dict[str, Any]]
    created: Mapped[datetime]
    started: Mapped[datetime | None]
    finished: Mapped[datetime | None]
    message: Mapped[str] = mapped_column(String(2000), default="")
    converged: Mapped[bool | None]
    chi2_dof: Mapped[float | None]
    error: Mapped[str | None] = mapped_column(String(4000))
    tags: Mapped[list[str]] = mapped_column(server_default="[]")
    note: Mapped[str] = mapped_column(String(4000), default="", server_default="")
    starred: Mapped[bool] = mapped_column(default=False, server_default=false())
    deleted: Mapped[datetime | None]
    account_id: Mapped[str | None] = mapped_column(String(16), index=True)
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    expected_seconds: Mapped[float | None]
    device: Mapped[str] = mapped_column(String(8), default="auto", server_default="auto")
    bytes: Mapped[int] = mapped_column(Size, default=0, server_default="0")
    number: Mapped[int] = mapped_column(default=0, server_default="0")


class JournalRow(Base):
    """One action in a project: an edit (from one description to the next), a run, a comparison (its runs are in
    `after`), or a note in between.
    """

    __tablename__ = "journal"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
    place: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    run_id: Mapped[str | None] = mapped_column(String(16))
    note: Mapped[str] = mapped_column(String(20000), default="", server_default="")
    hidden: Mapped[bool] = mapped_column(default=False, server_default=false())
    created: Mapped[datetime]


class AccountRow(Base):
    """Somebody who can log in: with a password of ours, or as `subject` of a provider elsewhere."""

    __tablename__ = "account"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    password: Mapped[str | None] = mapped_column(String(200))
    subject: Mapped[str | None] = mapped_column(String(400), unique=True)
    role: Mapped[str] = mapped_column(String(10))
    disabled: Mapped[bool] = mapped_column(default=False)
    created: Mapped[datetime]


class AttemptRow(Base):
    """Failed log-ins, by name and by address, whether or not there is such a name."""

    __tablename__ = "attempt"

    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    failed: Mapped[int]
    last: Mapped[datetime] = mapped_column(index=True)


class LoginRow(Base):
    """A browser in which somebody is logged in; `id` is the SHA-256 of what its cookie says."""

    __tablename__ = "login"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    created: Mapped[datetime]
    seen: Mapped[datetime]
    expires: Mapped[datetime]
    address: Mapped[str] = mapped_column(String(60))
    agent: Mapped[str] = mapped_column(String(200))


class TokenRow(Base):
    """What a script shows (`kind` is api), or what lets somebody choose a new password once (reset)."""

    __tablename__ = "token"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    label: Mapped[str] = mapped_column(String(120))
    created: Mapped[datetime]
    used: Mapped[datetime | None]
    expires: Mapped[datetime | None]


class ShareRow(Base):
    """A project lent to an account, to read or to write."""

    __tablename__ = "share"

    project_id: Mapped[str] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[str] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    write: Mapped[bool]
    created: Mapped[datetime]


class LinkRow(Base):
    """A read-only link to a project; of its token there is only the SHA-256."""

    __tablename__ = "link"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    created: Mapped[datetime]
    opened: Mapped[datetime | None]
    opened_by: Mapped[str] = mapped_column(String(80), default="")
    count: Mapped[int] = mapped_column(default=0)
