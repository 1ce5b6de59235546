"""Who asks, what they may do with a project, and the records of accounts: frozen, safe to pass between threads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum


class Role(StrEnum):
    """What an account may do beside its own work."""

    USER = "user"
    ADMIN = "admin"


# What a token is for: scripts, or a new password.
API, RESET = "api", "reset"


class Reach(IntEnum):
    """How far somebody may go with a project; each includes those before it."""

    NONE = 0
    READ = 1
    WRITE = 2
    OWN = 3


@dataclass(frozen=True, kw_only=True)
class Account:
    """Somebody who can log in: with a password, through a provider elsewhere, or either. Times are UTC."""

    id: str
    name: str
    role: Role
    disabled: bool
    created: datetime
    has_password: bool = True
    has_provider: bool = False

    @property
    def is_admin(self) -> bool:
        """Whether the account may look after the others."""
        return self.role is Role.ADMIN


@dataclass(frozen=True, kw_only=True)
class Who:
    """Who makes a request: the one person of a server without accounts, an account, whoever has a link, or nobody.

    `links` are hashes of the tokens of read-only links; `login` is the hash of the log-in that a cookie named, ""
    where a token of the API did.
    """

    account: Account | None = None
    links: tuple[str, ...] = ()
    local: bool = False
    login: str = ""

    @property
    def id(self) -> str:
        """The account's id, or "" for all others."""
        return "" if self.account is None else self.account.id

    @property
    def name(self) -> str:
        """What to call them."""
        return "" if self.account is None else self.account.name

    @property
    def is_visitor(self) -> bool:
        """Whether they have no account where others have: they came by a link, or may open next to nothing."""
        return self.account is None and not self.local

    @property
    def is_admin(self) -> bool:
        """Whether everything is theirs."""
        return self.local or (self.account is not None and self.account.is_admin)

    @property
    def key(self) -> tuple[str, tuple[str, ...], bool]:
        """Equal for two requests of the same person."""
        return (self.id, self.links, self.local)


LOCAL = Who(local=True)
NOBODY = Who()


@dataclass(frozen=True, kw_only=True)
class Login:
    """A browser in which somebody is logged in. `id` is a hash: it opens nothing."""

    id: str
    account_id: str
    created: datetime
    seen: datetime
    expires: datetime
    address: str
    agent: str


@dataclass(frozen=True, kw_only=True)
class Token:
    """What a script shows in place of a password."""

    id: str
    account_id: str
    label: str
    created: datetime
    used: datetime | None


@dataclass(frozen=True, kw_only=True)
class Share:
    """A project lent to an account."""

    account_id: str
    name: str
    write: bool
    created: datetime


@dataclass(frozen=True, kw_only=True)
class Link:
    """A read-only link to a project, and who came by it last."""

    id: str
    project_id: str
    created: datetime
    opened: datetime | None
    opened_by: str
    count: int
