"""People of every kind, and a project that each of them reaches as far as their name says."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.store import NOBODY, Reach, Role, RunStatus, Store, Who
from dashboard.store.secrets import sha256_text
from tests.dashboard.fits import fits_bytes, galaxy

FAR = {
    "owner": Reach.OWN,
    "admin": Reach.OWN,
    "writer": Reach.WRITE,
    "reader": Reach.READ,
    "link": Reach.READ,
    "other": Reach.NONE,
    "disabled": Reach.NONE,
    "anonymous": Reach.NONE,
}
"""How far each may go with the project of :class:`World`."""


@dataclass
class World:
    """A project of the owner's with a file and an ended run, and what it is lent by."""

    store: Store
    who: dict[str, Who]
    project: str
    file: str
    run: str
    link: str

    def anew(self) -> World:
        """Another project of the same owner's, lent to the same people in the same ways."""
        return lent(self.store, self.who)


def account(store: Store, name: str, role: Role = Role.USER, password: str | None = None) -> Who:
    return Who(account=store.accounts.add(name, password, role))


def world(store: Store, password: str | None = None) -> World:
    """Put the project and the people into a store; `password` is the hash that all of them get."""
    who = {
        name: account(store, name, Role.ADMIN if name == "admin" else Role.USER, password)
        for name in ("admin", "owner", "writer", "reader", "other", "disabled")
    }
    made = lent(store, who)
    store.accounts.set_disabled(who["disabled"].id, True)
    return made


def lent(store: Store, people: dict[str, Who]) -> World:
    """Make a project of the owner's, and lend it."""
    mine = store.seen_by(people["owner"])
    project = mine.create_project("lent").id
    file = mine.add_file(project, "image", "galaxy.fits", fits_bytes(galaxy(16))).id
    run = mine.create_run(project, {}, "lm", {}).id
    store.advance_run(run, RunStatus.CANCELLED, message="stopped")
    # Who is disabled cannot be lent anything new.
    for name in ("writer", "reader", *(() if "anonymous" in people else ("disabled",))):
        mine.sharing.share(project, name, write=name != "reader")
    token = mine.sharing.make_link(project)
    who = {**people, "link": Who(links=(sha256_text(token),)), "anonymous": NOBODY}
    return World(store, who, project, file, run, token)
