"""`residua users ...`: who can log in. Finds the data as `residua serve` does; a running server notices in seconds."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dashboard.accounts import passwords
from dashboard.commands import talk
from dashboard.configuration import gathered
from dashboard.settings import SettingError, Settings
from dashboard.store import Account, Role, StoreError
from dashboard.store.beside import People, people_of
from dashboard.store.people import RESET


@contextmanager
def _people(given: Mapping[str, Any]) -> Iterator[People]:
    with _settings_and_people(given) as (_, people):
        yield people


@contextmanager
def _settings_and_people(given: Mapping[str, Any]) -> Iterator[tuple[Settings, People]]:
    try:
        settings = gathered(given)
        with people_of(settings.data_path, settings.database) as people:
            yield settings, people
    except (StoreError, SettingError) as error:
        talk.refuse(str(error))


def add(name: str, admin: bool, from_stdin: bool, link: bool, given: Mapping[str, Any]) -> None:
    """Make an account, with a password that is asked for, or with a link by which they choose their way in."""
    with _settings_and_people(given) as (settings, people):
        hashed = None if link else passwords.hashed(_password(name, from_stdin))
        account = people.accounts.add(name, hashed, Role.ADMIN if admin else Role.USER)
        if link:
            secret = people.logins.make_token(account.id, "reset", RESET)
            print(f"{settings.public_url.rstrip('/')}/login/new/{secret}")
            words = "" if settings.public_url else " The address of the server goes before it."
            print(f"By this link {account.name} can log in, once, within two days.{words}", file=sys.stderr)
        else:
            print(f"{account.name} can log in now{' and is an admin' if admin else ''}.")
        if admin:
            _tell_of_orphans(people, account)


def reset(name: str, from_stdin: bool, given: Mapping[str, Any]) -> None:
    """Set another password, let somebody in who failed too often, and log them out everywhere."""
    with _people(given) as people:
        account = people.accounts.named(name)
        people.accounts.set_password(account.id, passwords.hashed(_password(account.name, from_stdin)))
        people.attempts.forget(account.name)
        print(f"{account.name} has a new password and is logged out everywhere.")


def set_disabled(name: str, disabled: bool, given: Mapping[str, Any]) -> None:
    """Keep somebody out, or let them in again."""
    with _people(given) as people:
        account = people.accounts.set_disabled(people.accounts.named(name).id, disabled)
        people.attempts.forget(account.name)
        print(f"{account.name} {'cannot log in any more' if disabled else 'can log in again'}.")


def set_role(name: str, role: str, given: Mapping[str, Any]) -> None:
    """Make somebody an admin, or a user again."""
    with _people(given) as people:
        if role not in set(Role):
            talk.refuse(f"{role!r} is no role. Roles are: {', '.join(Role)}.")
        account = people.accounts.set_role(people.accounts.named(name).id, Role(role))
        print(f"{account.name} is {'an admin' if account.is_admin else 'a user'} now.")


def adopt(name: str, given: Mapping[str, Any]) -> None:
    """Give the projects that nobody owns to somebody."""
    with _people(given) as people:
        account = people.accounts.named(name)
        count = people.accounts.adopt(account.id)
        print(f"{account.name} has {count} more project{'' if count == 1 else 's'}.")


def listing(given: Mapping[str, Any], as_json: bool) -> None:
    """Everybody who has an account."""
    with _people(given) as people:
        accounts = people.accounts.all()
        locked = people.attempts.locked([one.name for one in accounts])
        rows = [
            {
                "name": one.name,
                "role": str(one.role),
                "state": _state(one, locked),
                "log-in": _ways(one),
                "made": one.created.date().isoformat(),
                "browsers": len(people.logins.all(one.id)),
                "tokens": len(people.logins.tokens(one.id)),
            }
            for one in accounts
        ]
    if as_json:
        import json

        print(json.dumps(rows, indent=2))
    elif not rows:
        print("Nobody has an account yet. Make the first: residua users add NAME --admin")
    else:
        heads = list(rows[0])
        print(talk.table([heads, *([str(row[head]) for head in heads] for row in rows)], right=(5, 6)))


def tokens(name: str, make: str | None, revoke: str | None, given: Mapping[str, Any]) -> None:
    """List, make or revoke tokens for scripts."""
    with _people(given) as people:
        account = people.accounts.named(name)
        if make is not None:
            print(people.logins.make_token(account.id, make))
            print("This is told only now. Scripts send it: Authorization: Bearer ...", file=sys.stderr)
        elif revoke is not None:
            people.logins.revoke_token(account.id, revoke)
            print("Revoked.")
        else:
            rows = [
                [
                    one.id,
                    one.label,
                    one.created.date().isoformat(),
                    one.used.date().isoformat() if one.used else "never",
                ]
                for one in people.logins.tokens(account.id)
            ]
            print(talk.table([["id", "label", "made", "used"], *rows]) if rows else "No tokens.")


def _state(account: Account, locked: Mapping[str, float]) -> str:
    if account.disabled:
        return "disabled"
    if account.name in locked:
        return f"locked for {int(locked[account.name]) + 1} s"
    return "active"


def _ways(account: Account) -> str:
    ways = [("password", account.has_password), ("provider", account.has_provider)]
    return ", ".join(way for way, there in ways if there) or "none yet"


def _password(name: str, from_stdin: bool) -> str:
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        if not sys.stdin.isatty():
            talk.refuse("There is no terminal to ask for a password on. Use --password-stdin.")
        password = getpass.getpass(f"Password for {name}: ")
        if not passwords.problem_with(password, name) and getpass.getpass("The same again: ") != password:
            talk.refuse("The two passwords differ. Nothing was changed.")
    wrong = passwords.problem_with(password, name)
    if wrong:
        talk.refuse(wrong)
    return password


def _tell_of_orphans(people: People, account: Account) -> None:
    if len([one for one in people.accounts.all() if one.is_admin]) == 1:
        count = people.accounts.adopt(account.id)
        if count:
            print(f"As the first admin {account.name} now owns the {count} projects that were here.")
