"""Who may open which address: one table with one rule for each route, pages and websockets included.

An address without a rule does not exist: the gate answers 404 for it, and a test names the route that wants one.
docs/routes.md is made from this table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, PathMatches, Router
from tornado.web import Application, RequestHandler

# What Bokeh serves beside each page: its websocket, what a page elsewhere would embed, and scripts.
_BESIDE_A_PAGE = r"(?:/ws|/metadata|/autoload\.js|/static/.*|/?)"
_GROUP = re.compile(r"\((?:[^()]|\([^()]*\))*\)\??")


class Access(StrEnum):
    """Who may: the value is what the page of routes says."""

    LOCAL = "local"


WHO = {Access.LOCAL: "whoever reaches the server under one of its host names (--host, --allowed-hosts)"}


@dataclass(frozen=True)
class Rule:
    """One route. `{project}` and `{run}` in it are ids of what it touches; `{file*}` matches slashes too."""

    route: str
    access: Access
    what: str
    page: bool = False

    @property
    def touches(self) -> str:
        """What an owner would be asked for: "project", "run", or "" where nobody owns what is there."""
        return next((one for one in ("project", "run") if f"{{{one}}}" in self.route), "")

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the paths this rule is for."""
        parts = re.split(r"(\{[a-z]+\*?\})", self.route.rstrip("/") if self.page else self.route)
        text = "".join(
            re.escape(part) if not part.startswith("{") else ".*" if part.endswith("*}") else "[^/]+"
            for part in parts
        )
        return re.compile(text + (_BESIDE_A_PAGE if self.page else ""))


RULES: tuple[Rule, ...] = (
    Rule("/", Access.LOCAL, "Projects, examples, upload.", page=True),
    Rule("/fit/{project}", Access.LOCAL, "The workbench.", page=True),
    Rule("/run/{run}", Access.LOCAL, "One run: result, posterior, history.", page=True),
    Rule("/compare", Access.LOCAL, "Runs side by side: those that `?runs=` names.", page=True),
    Rule("/runs/{project}", Access.LOCAL, "All runs of a project.", page=True),
    Rule("/report/{project}", Access.LOCAL, "The notebook of a project, and its exports.", page=True),
    Rule("/learn", Access.LOCAL, "Tutorials.", page=True),
    Rule("/learn/{page}", Access.LOCAL, "One tutorial.", page=True),
    Rule("/api/projects/{project}/files", Access.LOCAL, "Upload a file to a project."),
    Rule("/api/runs/{run}/files/{name}", Access.LOCAL, "Download a file of a run."),
    Rule("/api/runs/{run}/corner.{kind}", Access.LOCAL, "The corner plot of a run, for paper."),
    Rule("/api/learn/{page}.ipynb", Access.LOCAL, "A tutorial as a notebook."),
    Rule(
        "/api/exports/{token}/{name}",
        Access.LOCAL,
        "A report that somebody had made, by a token only they have.",
    ),
    Rule("/api/health", Access.LOCAL, "Whether the server can do its work."),
    Rule("/metrics", Access.LOCAL, "Figures for Prometheus."),
    Rule("/assets/{file*}", Access.LOCAL, "Styles, logo, icons."),
    Rule("/static/{file*}", Access.LOCAL, "Bokeh's and Panel's scripts and styles."),
    Rule("/components/{file*}", Access.LOCAL, "Scripts and styles of our own components."),
    Rule("/favicon.ico", Access.LOCAL, "The icon."),
)

# What stands beside the page "/" would take /static for itself.
_IN_ORDER = sorted(RULES, key=lambda rule: rule.page)


def rule_of(path: str) -> Rule | None:
    """The rule for an address; None when there is none."""
    return next((rule for rule in _IN_ORDER if rule.pattern.fullmatch(path)), None)


class WithoutRule(Matcher):
    """Matches what no rule is for."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return {} if rule_of(request.path) is None else None


class NotHere(RequestHandler):
    """The answer to a request that no rule is for."""

    def prepare(self) -> None:
        sentence = "There is nothing at this address."
        self.set_status(404)
        if self.request.path.startswith("/api"):
            self.finish({"error": sentence})
        else:
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(f"{sentence}\n")


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
