"""What each person may do with a project: every method of the store and of the jobs, for everybody there is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dashboard.jobs.seen import SeenJobs
from dashboard.store import NOBODY, NotAllowed, NotFound, Reach, RunStatus, Store, StoreError, Who
from dashboard.store.journal import Journal, new_note
from dashboard.store.queue import Queue
from dashboard.store.secrets import sha256_text
from dashboard.store.sharing import Sharing
from tests.dashboard.people import FAR, World, world

Call = Callable[[Store, World], Any]

# Method, how far one must be let to call it, and a call.
ON_A_PROJECT: dict[str, tuple[Reach, Call]] = {
    "Store.project": (Reach.READ, lambda store, w: store.project(w.project)),
    "Store.files": (Reach.READ, lambda store, w: store.files(w.project)),
    "Store.file": (Reach.READ, lambda store, w: store.file(w.file)),
    "Store.display_names": (Reach.READ, lambda store, w: store.display_names(w.project)),
    "Store.resolved_description": (Reach.READ, lambda store, w: store.resolved_description(w.project, {})),
    "Store.run": (Reach.READ, lambda store, w: store.run(w.run)),
    "Store.runs": (Reach.READ, lambda store, w: store.runs(w.project)),
    "Store.run_folder": (Reach.READ, lambda store, w: store.run_folder(w.run)),
    "Store.require": (Reach.WRITE, lambda store, w: store.require(w.project, Reach.WRITE)),
    "Store.update_project": (Reach.WRITE, lambda store, w: store.update_project(w.project, title="new")),
    "Store.add_file": (Reach.WRITE, lambda store, w: store.add_file(w.project, "psf", "p.fits", b"x")),
    "Store.take_in": (
        Reach.WRITE,
        lambda store, w: store.take_in(w.project, "psf", "p.fits", w.store._blobs.copy(b"y")),
    ),
    "Store.set_file_role": (Reach.WRITE, lambda store, w: store.set_file_role(w.file, "psf")),
    "Store.delete_file": (Reach.WRITE, lambda store, w: store.delete_file(w.file)),
    "Store.create_run": (Reach.WRITE, lambda store, w: store.create_run(w.project, {}, "lm", {})),
    "Store.annotate_run": (Reach.WRITE, lambda store, w: store.annotate_run(w.run, note="seen")),
    "Store.delete_run": (Reach.WRITE, lambda store, w: store.delete_run(w.run)),
    "Store.restore_run": (Reach.WRITE, lambda store, w: store.restore_run(w.run)),
    "Store.delete_project": (Reach.OWN, lambda store, w: store.delete_project(w.project)),
    "Journal.entries": (Reach.READ, lambda store, w: store.journal.entries(w.project)),
    "Journal.arrange": (Reach.WRITE, lambda store, w: store.journal.arrange(w.project, [new_note("x")])),
    "Journal.compared": (Reach.WRITE, lambda store, w: store.journal.compared(w.project, [w.run])),
    "Sharing.of": (Reach.OWN, lambda store, w: store.sharing.of(w.project)),
    "Sharing.share": (Reach.OWN, lambda store, w: store.sharing.share(w.project, "other")),
    "Sharing.unshare": (Reach.OWN, lambda store, w: store.sharing.unshare(w.project, w.who["reader"].id)),
    "Sharing.make_link": (Reach.OWN, lambda store, w: store.sharing.make_link(w.project)),
    "Sharing.revoke": (Reach.OWN, lambda store, w: store.sharing.revoke(w.project, "bcdfghjkmnpq")),
}
ONLY_INSIDE: dict[str, Call] = {
    "Store.signing_key": lambda store, w: store.signing_key(),
    "Store.runs_with_status": lambda store, w: store.runs_with_status(RunStatus.QUEUED),
    "Store.run_counts": lambda store, w: store.run_counts(),
    "Store.advance_run": lambda store, w: store.advance_run(w.run, RunStatus.RUNNING),
    "Store.purge_runs": lambda store, w: store.purge_runs(datetime(2000, 1, 1, tzinfo=UTC)),
    "Queue.waiting_of": lambda store, w: store.queue.waiting_of(""),
    "Queue.used_since": lambda store, w: store.queue.used_since(datetime(2000, 1, 1, tzinfo=UTC)),
    "Queue.usual_seconds": lambda store, w: store.queue.usual_seconds(w.project, "lm"),
    "Queue.bytes_of": lambda store, w: store.queue.bytes_of(""),
}
OF_NO_PROJECT = {
    "Store.close",
    "Store.create_project",
    "Store.projects",
    "Store.reach",
    "Store.reach_of_run",
    "Store.receive",
    "Store.seen_by",
    "Sharing.opened",
    "Queue.entries",  # each sees their own: below
}


def methods() -> set[str]:
    return {
        f"{kind.__name__}.{name}"
        for kind in (Store, Journal, Sharing, Queue)
        for name, _ in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def test_it_is_decided_for_every_method_who_may_call_it():
    decided = {*ON_A_PROJECT, *ONLY_INSIDE, *OF_NO_PROJECT}
    assert methods() == decided, "say in this file who may call what is new, and see to it in the method"


@pytest.fixture
def people(tmp_path: Path, database: str) -> Iterator[World]:
    """Every test with people is run on SQLite and on Postgres."""
    with closing(Store(tmp_path / "data", database)) as store:
        yield world(store)


def outcome(act: Callable[[], Any]) -> str:
    try:
        act()
    except NotFound:
        return "not there"
    except NotAllowed:
        return "refused"
    return "done"


def test_a_method_is_for_those_who_reach_the_project(people):
    for name, (need, call) in ON_A_PROJECT.items():
        made = people.anew()
        # From those who may do least, so that what is deleted is deleted last.
        for who, reach in sorted(FAR.items(), key=lambda item: item[1]):
            seen = made.store.seen_by(made.who[who])
            expected = "not there" if reach is Reach.NONE else "refused" if reach < need else "done"
            assert outcome(lambda call=call, seen=seen, made=made: call(seen, made)) == expected, (name, who)
            if expected == "done" and need >= Reach.WRITE:
                break  # the others may too, but what they would change is changed


def test_what_the_server_does_is_for_nobody_else(people):
    for name, call in ONLY_INSIDE.items():
        for who in FAR:
            seen = people.store.seen_by(people.who[who])
            allowed = "done" if who == "admin" else "refused"
            assert outcome(lambda call=call, seen=seen: call(seen, people)) == allowed, (name, who)


def test_reach_is_as_the_table_says(people):
    for who, reach in FAR.items():
        seen = people.store.seen_by(people.who[who])
        assert (seen.reach(people.project), seen.reach_of_run(people.run)) == (reach, reach), who
        assert seen.reach("nosuchthing1") is Reach.NONE
    assert people.store.reach(people.project) is Reach.OWN, "without accounts everything is everybody's"


def test_lists_hold_what_is_ones_own_or_lent(people):
    nobodys = people.store.create_project("from before accounts").id
    listed = {who: [one.id for one in people.store.seen_by(people.who[who]).projects()] for who in people.who}
    assert listed == {
        "admin": [nobodys, people.project],
        "owner": [people.project],
        "writer": [people.project],
        "reader": [people.project],
        "other": [],
        "disabled": [],
        "link": [],
        "anonymous": [],
    }
    runs = {who: len(people.store.seen_by(people.who[who]).runs()) for who in people.who}
    assert runs == {who: 1 if people.project in ids else 0 for who, ids in listed.items()}


def test_a_link_that_is_revoked_opens_nothing_any_more(people):
    visitor = people.store.seen_by(people.who["link"])
    assert people.store.sharing.opened(people.link, "somebody") == people.project
    owner = people.store.seen_by(people.who["owner"])
    (link,) = owner.sharing.of(people.project).links
    assert (link.opened_by, link.count) == ("somebody", 1)
    visitor.project(people.project)
    owner.sharing.revoke(people.project, link.id)
    with pytest.raises(NotFound, match="no such project"):
        visitor.project(people.project)
    with pytest.raises(NotFound, match="This link does not work any more"):
        people.store.sharing.opened(people.link, "somebody")


def test_a_link_of_another_project_opens_nothing_here(people):
    other = people.store.seen_by(people.who["other"])
    own = other.create_project("own").id
    link = other.sharing.make_link(own)
    visitor = people.store.seen_by(Who(links=(sha256_text(link),)))
    assert (visitor.reach(own), visitor.reach(people.project)) == (Reach.READ, Reach.NONE)


def test_who_is_disabled_or_shut_out_is_so_in_the_middle_of_a_session(people):
    writer = people.store.seen_by(people.who["writer"])
    writer.update_project(people.project, title="once")
    people.store.accounts.set_disabled(people.who["writer"].id, True)
    with pytest.raises(NotFound, match="no such project"):
        writer.update_project(people.project, title="twice")
    reader = people.store.seen_by(people.who["reader"])
    people.store.seen_by(people.who["owner"]).sharing.unshare(people.project, people.who["reader"].id)
    with pytest.raises(NotFound, match="no such project"):
        reader.project(people.project)


def test_sharing_refuses_with_a_sentence(people):
    sharing = people.store.seen_by(people.who["owner"]).sharing
    with pytest.raises(StoreError, match="Nobody here is called 'mallory'"):
        sharing.share(people.project, "mallory")
    with pytest.raises(StoreError, match="Nobody here is called 'disabled'"):
        sharing.share(people.project, "disabled")
    with pytest.raises(StoreError, match="This project is owner's own"):
        sharing.share(people.project, "OWNER")


def test_projects_without_an_owner_can_be_adopted(people):
    nobodys = people.store.create_project("from before accounts").id
    assert people.store.seen_by(people.who["owner"]).reach(nobodys) is Reach.NONE
    assert people.store.accounts.adopt(people.who["owner"].id) == 1
    assert people.store.seen_by(people.who["owner"]).reach(nobodys) is Reach.OWN
    assert people.store.seen_by(people.who["other"]).reach(people.project) is Reach.NONE


class RecordingJobs:
    """Takes down what reaches the jobs behind the gate."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []
        self.heard: Callable[[dict[str, Any]], None] = lambda _: None

    def cancel(self, run_id: str) -> None:
        self.cancelled.append(run_id)

    def subscribe(self, run_id: str | None, callback: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        self.heard = callback
        return lambda: None

    def events(self, run_id: str) -> list[dict[str, Any]]:
        return [{"run": run_id, "type": "state"}]


def test_runs_are_watched_and_cancelled_by_those_who_may(people):
    for who, reach in FAR.items():
        inner = RecordingJobs()
        jobs = SeenJobs(inner, people.store.seen_by(people.who[who]))  # type: ignore[arg-type]
        assert outcome(lambda jobs=jobs: jobs.cancel(people.run)) == (
            "not there" if reach is Reach.NONE else "refused" if reach < Reach.WRITE else "done"
        ), who
        assert inner.cancelled == ([people.run] if reach >= Reach.WRITE else [])
        assert outcome(lambda jobs=jobs: jobs.events(people.run)) == ("done" if reach else "not there")
        assert outcome(lambda jobs=jobs: jobs.subscribe(people.run, print)) == (
            "done" if reach else "not there"
        )


def test_of_other_runs_only_their_state_is_heard(people):
    inner = RecordingJobs()
    jobs = SeenJobs(inner, people.store.seen_by(people.who["other"]))  # type: ignore[arg-type]
    heard: list[dict[str, Any]] = []
    jobs.subscribe(None, heard.append)
    inner.heard({"run": people.run, "type": "step", "values": [1.0]})
    inner.heard({"run": people.run, "type": "state", "status": "finished", "message": "secret"})
    assert heard == [{"run": people.run, "type": "state", "status": "finished"}]


def test_a_run_is_of_whoever_asked_for_it(people):
    run = people.store.seen_by(people.who["writer"]).create_run(people.project, {}, "lm", {})
    assert people.store.run(run.id).account_id == people.who["writer"].id
    assert people.store.run(people.run).account_id == people.who["owner"].id


def test_the_queue_shows_each_their_own_runs(people):
    owner, other = (people.store.seen_by(people.who[who]) for who in ("owner", "writer"))
    other.create_run(people.project, {}, "lm", {})
    mine = owner.create_run(people.project, {}, "nuts", {})
    assert mine.id in [one.id for one in owner.queue.entries()]
    assert {one.fitter for one in other.queue.entries()} == {"lm"}
    assert people.store.seen_by(NOBODY).queue.entries() == []
    assert len(people.store.queue.entries()) >= 2
