"""Who may open which address: one table with one rule for each route, pages and websockets included.

An address without a rule does not exist: the gate answers 404 for it, and a test names the route that wants one.
Decisions are made here, of what the gate (dashboard.accounts.gate) looked up. docs/routes.md is made from this table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from tornado.routing import PathMatches, Router
from tornado.web import Application

from dashboard.store.people import Reach, Who

# What Bokeh serves beside each page: its websocket, what a page elsewhere would embed, and scripts.
_BESIDE_A_PAGE = r"(?:/ws|/metadata|/autoload\.js|/static/.*|/?)"
_GROUP = re.compile(r"\((?:[^()]|\([^()]*\))*\)\??")
MOST_ASKED = 16


class Access(StrEnum):
    """Who may, on a server with accounts: the value is what the page of routes says."""

    PUBLIC = "everybody"
    USER = "logged in"
    READ = "may read"
    WRITE = "may write"
    OWNER = "owner"
    ADMIN = "admin"


WHO = {
    Access.PUBLIC: "whoever reaches the server under one of its host names",
    Access.USER: "who is logged in, or shows a token",
    Access.READ: "who may read the project: its owner, people it is shared with, whoever has a link to it, admins",
    Access.WRITE: "who may change the project: its owner, people it is shared with for writing, admins",
    Access.OWNER: "the owner of the project, and admins",
    Access.ADMIN: "admins",
}
_NEEDS = {Access.READ: Reach.READ, Access.WRITE: Reach.WRITE, Access.OWNER: Reach.OWN}


class Verdict(StrEnum):
    """What the gate does with a request."""

    ALLOW = "allow"
    LOG_IN = "log in"
    NOT_HERE = "not here"
    FORBIDDEN = "forbidden"


def decide(access: Access, who: Who, reach: Reach = Reach.NONE) -> Verdict:
    """Whether somebody may, when they reach the project that is touched this far.

    What is not theirs is not there, whether it exists or not; who has not logged in yet is asked to, likewise.
    """
    if access is Access.PUBLIC or who.local:
        return Verdict.ALLOW
    if access in _NEEDS:
        if reach >= _NEEDS[access]:
            return Verdict.ALLOW
        if who.account is None and reach is Reach.NONE:
            return Verdict.LOG_IN
        return Verdict.NOT_HERE if reach is Reach.NONE else Verdict.FORBIDDEN
    if who.account is None:
        return Verdict.LOG_IN
    return Verdict.ALLOW if access is Access.USER or who.is_admin else Verdict.FORBIDDEN


class Touched(NamedTuple):
    """What a request is about: "project" or "run", and its id as it came."""

    kind: str
    id: str


@dataclass(frozen=True)
class Rule:
    """One route. `{project}` and `{run}` in it are ids of what it touches; `{file*}` matches slashes too.

    One with `accounts` is there only on a server with accounts.
    `query` names arguments that hold ids of projects or runs, separated by commas: any of them opens the door, and what
    the others name is not there for whoever may not see it.
    """

    route: str
    access: Access
    what: str
    page: bool = False
    accounts: bool = False
    query: tuple[tuple[str, str], ...] = ()

    @property
    def touches(self) -> str:
        """What an owner would be asked for: "project", "run", or "" where nobody owns what is there."""
        return next((one for one in ("project", "run") if f"{{{one}}}" in self.route), "")

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the paths this rule is for."""
        parts = re.split(r"(\{[a-z]+\*?\})", self.route.rstrip("/") if self.page else self.route)
        text = "".join(
            re.escape(part)
            if not part.startswith("{")
            else ".*"
            if part.endswith("*}")
            else f"(?P<{part[1:-1]}>[^/]+)"
            for part in parts
        )
        return re.compile(text + (_BESIDE_A_PAGE if self.page else ""))

    def touched(self, path: str, arguments: Mapping[str, Sequence[bytes]]) -> list[Touched]:
        """The projects and runs that a request to this route is about."""
        found = []
        match = self.pattern.fullmatch(path)
        if match and self.touches:
            found.append(Touched(self.touches, match[self.touches]))
        for name, kind in self.query:
            for text in arguments.get(name, ()):
                found += [Touched(kind, one) for one in text.decode(errors="replace").split(",") if one]
        return found[:MOST_ASKED]


RULES: tuple[Rule, ...] = (
    Rule("/", Access.USER, "Projects, examples, upload.", page=True),
    Rule("/fit/{project}", Access.READ, "The workbench.", page=True),
    Rule("/run/{run}", Access.READ, "One run: result, posterior, history.", page=True),
    Rule(
        "/compare",
        Access.READ,
        "Runs side by side: those that `?runs=` names.",
        page=True,
        query=(("runs", "run"), ("project", "project")),
    ),
    Rule("/runs/{project}", Access.READ, "All runs of a project.", page=True),
    Rule("/report/{project}", Access.READ, "The notebook of a project, and its exports.", page=True),
    Rule("/jobs", Access.USER, "The queue: one's own fits, for admins everybody's.", page=True),
    Rule("/learn", Access.USER, "Tutorials.", page=True),
    Rule("/learn/{page}", Access.USER, "One tutorial.", page=True),
    Rule(
        "/api/projects",
        Access.USER,
        "One's own projects and those that are lent, for scripts; POST makes one.",
    ),
    Rule("/api/projects/{project}/runs", Access.READ, "The runs of a project, for scripts; POST starts one."),
    Rule("/api/runs/{run}", Access.READ, "Where a run stands, for scripts."),
    Rule("/api/runs/{run}/cancel", Access.WRITE, "Asks a run to stop, for scripts."),
    Rule("/api/projects/{project}/files", Access.WRITE, "Upload a file to a project."),
    Rule("/api/runs/{run}/files/{name}", Access.READ, "Download a file of a run."),
    Rule("/api/runs/{run}/corner.{kind}", Access.READ, "The corner plot of a run, for paper."),
    Rule("/api/learn/{page}.ipynb", Access.USER, "A tutorial as a notebook."),
    Rule(
        "/api/exports/{project}/{token}/{name}",
        Access.READ,
        "A report that somebody had made, by a token only they have.",
    ),
    Rule("/account", Access.USER, "One's own password, tokens and browsers.", accounts=True),
    Rule("/admin", Access.ADMIN, "People, browsers, queue, disk, log.", accounts=True),
    Rule("/login", Access.PUBLIC, "Log-in.", accounts=True),
    Rule(
        "/login/new/{token}",
        Access.PUBLIC,
        "A new password, by a link that an admin made; it works once.",
        accounts=True,
    ),
    Rule(
        "/login/provider",
        Access.PUBLIC,
        "On to the provider elsewhere that vouches for people, where there is one.",
        accounts=True,
    ),
    Rule("/login/provider/back", Access.PUBLIC, "Back from there.", accounts=True),
    Rule("/logout", Access.PUBLIC, "Ends the log-in of a browser.", accounts=True),
    Rule(
        "/s/{token}",
        Access.PUBLIC,
        "A link that somebody shared: opens its project for reading.",
        accounts=True,
    ),
    Rule("/api/health", Access.PUBLIC, "Whether the server can do its work."),
    Rule("/metrics", Access.ADMIN, "Figures for Prometheus."),
    Rule("/assets/{file*}", Access.PUBLIC, "Styles, logo, icons."),
    Rule("/static/{file*}", Access.PUBLIC, "Bokeh's and Panel's scripts and styles."),
    Rule("/components/{file*}", Access.PUBLIC, "Scripts and styles of our own components."),
    Rule("/favicon.ico", Access.PUBLIC, "The icon."),
)

# What stands beside the page "/" would take /static for itself.
_IN_ORDER = sorted(RULES, key=lambda rule: rule.page)


def rule_of(path: str) -> Rule | None:
    """The rule for an address; None when there is none."""
    return next((rule for rule in _IN_ORDER if rule.pattern.fullmatch(path)), None)


# --- the other way round: what a server has


def routes_of(application: Application) -> list[str]:
    """Every route of a built server as the table would write it, `{}` for each part that varies."""
    found = {template_of(pattern) for pattern in _patterns(application.default_router)}
    return sorted(found)


def _patterns(router: Router) -> Iterator[str]:
    for rule in getattr(router, "rules", ()):
        if isinstance(rule.matcher, PathMatches):
            yield rule.matcher.regex.pattern
        if isinstance(rule.target, Router):
            yield from _patterns(rule.target)


def template_of(pattern: str) -> str:
    """A router's pattern in the table's words: "/fit/(?P<project>[^/]+)/ws$" is beside the page "/fit/{}"."""
    text = pattern.removesuffix("$").replace("(?!extensions/)", "").replace("/?", "")
    text = _GROUP.sub("{}", text).replace("\\", "")
    for beside in ("/ws", "/metadata", "/autoload.js"):
        text = text.removesuffix(beside)
    if "/static/" in text and not text.startswith("/static/"):
        text = text.partition("/static/")[0]
    return text.replace("/static/extensions/{}", "/static/{}") or "/"


def template(rule: Rule) -> str:
    """A rule's route with `{}` for each part that varies, to compare with :func:`routes_of`."""
    return re.sub(r"\{[a-z]+\*?\}", "{}", rule.route)
