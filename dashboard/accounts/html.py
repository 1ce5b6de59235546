"""Plain pages: log-in, account, admin, refusals. What a person or a request said is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape as escape

from tornado.httputil import HTTPServerRequest

from dashboard import ui
from dashboard.store import Who

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_STYLES = ("tokens.css", "components.css", "plain.css")


def page(
    request: HTTPServerRequest,
    title: str,
    body: str,
    *,
    wide: bool = False,
    who: Who | None = None,
    scripts: Iterable[str] = (),
    head: str = "",
) -> str:
    """A whole page around a body (and more of a head) of safe HTML, in the theme that the person chose last."""
    theme = request.cookies.get("residua_theme")
    dark = theme is not None and theme.value == "dark"
    styles = "".join(f'<link rel="stylesheet" href="/assets/{name}">' for name in _STYLES)
    more = "".join(f'<script src="/assets/{name}" defer></script>' for name in scripts)
    return (
        f'<!doctype html><html lang="en" data-theme-name="{"dark" if dark else "light"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)} · Residua</title><link rel="icon" href="/assets/favicon.svg">'
        f"{styles}{more}{head}</head>"
        f'<body><header class="top"><a class="brand" href="/" aria-label="Residua, all projects">'
        f"{ui.static_text('logo.svg')}<span>Residua</span></a>{_person(who)}</header>"
        f'<main class="plain{" wide" if wide else ""}">{body}</main></body></html>'
    )


def _person(who: Who | None) -> str:
    if who is None or who.account is None:
        return ""
    admin = '<a href="/admin">Admin</a>' if who.is_admin else ""
    return (
        f'<span class="grow"></span><nav aria-label="You"><a href="/">Projects</a>{admin}'
        f'<a href="/account">{escape(who.name)}</a>'
        '<form method="post" action="/logout"><button class="link-button">Log out</button></form></nav>'
    )


def message_page(request: HTTPServerRequest, title: str, sentence: str) -> str:
    """One sentence and the way back."""
    return page(
        request,
        title,
        f'<h1>{escape(title)}</h1><p>{escape(sentence)}</p><p><a href="/">All projects</a></p>',
    )


def note(kind: str, text: str) -> str:
    """A sentence in a colored box; kind is bad, good or info."""
    return (
        f'<p class="say {kind}" role="{"alert" if kind == "bad" else "status"}">{escape(text)}</p>'
        if text
        else ""
    )


def hidden(name: str, value: str) -> str:
    """A field of a form that nobody sees."""
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'


def field(name: str, label: str, *, kind: str = "text", value: str = "", more: str = "") -> str:
    """A labelled field of a form."""
    return (
        f'<label class="labelled"><span>{escape(label)}</span>'
        f'<input class="field" name="{escape(name)}" type="{escape(kind)}" value="{escape(value)}" {more}></label>'
    )


def button(form: str, action: str, identifier: str, text: str, label: str) -> str:
    """A form of one button, that does something with what an id names; `form` is its hidden token."""
    return (
        f'<form method="post" class="bare">{form}{hidden("do", action)}{hidden("id", identifier)}'
        f'<button class="btn small" type="submit" aria-label="{escape(label)}">{escape(text)}</button></form>'
    )


def table(label: str, heads: Sequence[str], rows: str) -> str:
    """A table of rows that are safe HTML already."""
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    return f'<table aria-label="{escape(label)}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
