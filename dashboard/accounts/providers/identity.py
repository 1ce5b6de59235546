"""Who somebody is to a provider, and whom of its people we let in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

LONGEST_NAME = 50
LONGEST_SUBJECT = 400
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9._@+-]+")


class ProviderError(Exception):
    """A provider that does not answer, or whose word is not taken. The text is for the log, not for a screen."""


class ProviderAway(ProviderError):
    """A provider that does not answer at all."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Somebody as a provider knows them.

    `subject` is the provider's address and its own id of the person: it never changes, and no two people or providers
    share one. `name` can be an account's. `emails` are theirs, as the provider has made sure; `groups` are the e-mail
    domains and organizations that they belong to. All but `subject` is in small letters.
    """

    subject: str
    name: str
    emails: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Admission:
    """Who gets an account by logging in: everybody, those of some groups, and people named as admins."""

    everybody: bool = False
    groups: frozenset[str] = frozenset()
    admins: frozenset[str] = frozenset()

    def admits(self, identity: Identity) -> bool:
        """Whether somebody gets an account that nobody made for them."""
        return self.everybody or bool(self.groups & identity.groups) or self.makes_admin(identity)

    def makes_admin(self, identity: Identity) -> bool:
        """Whether that account is an admin's."""
        return bool(self.admins.intersection(identity.emails))


def subject_of(provider: str, own_id: object) -> str:
    """What an account keeps to know somebody again; ProviderError where the provider's id cannot be one."""
    text = f"{provider} {own_id}"
    if (
        not isinstance(own_id, str | int)
        or not str(own_id)
        or not text.isprintable()
        or len(text) > LONGEST_SUBJECT
    ):
        raise ProviderError(f"the id of a person at {provider} is {own_id!r:.80}")
    return text


def name_of(wanted: Iterable[object], emails: Iterable[str]) -> str:
    """The first of some names that can be an account's, in letters that cannot be taken for others.

    A name that looks like an e-mail address counts up to its @, unless it is one that is theirs.
    """
    theirs = set(emails)
    for one in wanted:
        text = unicodedata.normalize("NFKD", one).lower() if isinstance(one, str) else ""
        if text not in theirs:
            text = text.partition("@")[0]
        plain = "".join(letter for letter in text if not unicodedata.combining(letter))
        name = _NOT_IN_A_NAME.sub("-", plain)[:LONGEST_NAME].strip("-.@+")
        if name:
            return name
    return "somebody"


def domain_of(email: str) -> str:
    """What stands behind the @, in small letters."""
    return email.rpartition("@")[2].lower()
