"""The look of the dashboard, and the only module that imports panel-material-ui.

panel-material-ui moves into Panel's core in 1.10; when it does, this is the file to change.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard import bokeh_repair, panel_repair

FONT = 'system-ui, -apple-system, "Segoe UI", "Noto Sans", "Liberation Sans", sans-serif'
LIGHT = {
    "accent": "#0b6b7f",
    "on_accent": "#ffffff",
    "bg": "#f4f6f7",
    "surface": "#ffffff",
    "text": "#171c21",
    "muted": "#56616c",
    "line": "#dce1e6",
    "bad": "#b3261e",
}
DARK = {
    "accent": "#5cc3d6",
    "on_accent": "#06212a",
    "bg": "#0e1114",
    "surface": "#161a1f",
    "text": "#e7ebee",
    "muted": "#9ba7b2",
    "line": "#2a3138",
    "bad": "#ff9b91",
}

CENTERED = {"align-self": "center"}
# Seen well on both themes' surfaces: a curve cannot change with the theme.
CURVE = "#1c93aa"

# One color per component of a scene, in order: Okabe and Ito's colour-blind-safe set without black.
COMPONENT_COLORS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2", "#999999")


def static_folder() -> Path:
    """Folder of the style sheets and logos: beside the packages in a checkout, inside ours when installed."""
    here = Path(__file__).resolve().parent
    inside = here / "static"
    return inside if inside.is_dir() else here.parent / "static"


@cache
def static_text(name: str) -> str:
    """Text of one file of the static folder."""
    return (static_folder() / name).read_text(encoding="utf-8")


def _palette(colors: dict[str, str], mode: str) -> dict[str, Any]:
    return {
        "palette": {
            "mode": mode,
            "primary": {"main": colors["accent"], "contrastText": colors["on_accent"]},
            "error": {"main": colors["bad"]},
            "background": {"default": colors["bg"], "paper": colors["surface"]},
            "text": {"primary": colors["text"], "secondary": colors["muted"]},
            "divider": colors["line"],
        },
        "typography": {"fontFamily": FONT, "fontSize": 13},
        "shape": {"borderRadius": 6},
        "components": {
            "MuiAppBar": {
                "styleOverrides": {
                    "root": {
                        "backgroundColor": colors["surface"],
                        "backgroundImage": "none",
                        "color": colors["text"],
                        "boxShadow": "none",
                        "borderBottom": f"1px solid {colors['line']}",
                    }
                }
            },
            "MuiToolbar": {
                "styleOverrides": {"root": {"minHeight": "48px !important", "padding": "0 12px !important"}}
            },
            "MuiDialog": {
                "styleOverrides": {
                    "paper": {
                        "backgroundColor": colors["surface"],
                        "backgroundImage": "none",
                        "border": f"1px solid {colors['line']}",
                    }
                }
            },
            "MuiButton": {
                "styleOverrides": {
                    "root": {"textTransform": "none", "boxShadow": "none", "&:hover": {"boxShadow": "none"}}
                }
            },
        },
    }


THEME = {"light": _palette(LIGHT, "light"), "dark": _palette(DARK, "dark")}


def setup() -> None:
    """Switch on what every page needs. Called once by the app, and harmless when called again."""
    pn.extension()
    pn.config.respect_explicit_sizing = True
    panel_repair.repair()
    bokeh_repair.repair()


def stylesheet() -> str:
    """Classes shared by our HTML panes and components (each has its own shadow root, so each gets them)."""
    return static_text("components.css")


_locked: ContextVar[str] = ContextVar("locked", default="")


@contextmanager
def locked(reason: str) -> Iterator[None]:
    """A page and components made in this block have what changes something switched off, for this reason."""
    token = _locked.set(reason)
    try:
        yield
    finally:
        _locked.reset(token)


def lock_reason() -> str:
    """Why what is made now must not change anything; empty when it may."""
    return _locked.get()


# The template of panel-material-ui puts a page's title into an attribute as it is.
_NO_MARKUP = str.maketrans({'"': "”", "<": "‹", ">": "›"})


def page(title: str, *, header: list[Any], main: list[Any]) -> pmui.Page:
    """A page of Residua: quiet header with the logo, one main area, theme toggle at the right."""
    dark = (pn.state.cookies or {}).get("residua_theme") == "dark"
    if pn.state.curdoc:  # painted in the right theme from the first byte, before any script runs
        pn.state.curdoc.template_variables["html_attrs"] = f'data-theme-name="{"dark" if dark else "light"}"'
    shell = pmui.Page(
        meta_title=f"{title.translate(_NO_MARKUP)} · Residua" if title else "Residua",
        header=[_brand(), *header, *_spacer(header), *_person()],
        main=main,
        dark_theme=dark,
        theme_toggle=True,
        busy_indicator=None,
        favicon=static_folder() / "favicon.svg",
        theme_config=THEME,
        raw_css=[static_text("tokens.css")],
        sx={"& main": {"backgroundColor": "background.default"}},
    )
    panel_repair.forget_busy(shell)
    # The tokens of static/tokens.css hang on one attribute of <html>; a cookie keeps the choice for the next page.
    shell.jscallback(
        dark_theme="""
        const name = (cb_obj.data ?? cb_obj).dark_theme ? "dark" : "light"
        document.documentElement.dataset.themeName = name
        document.cookie = `residua_theme=${name}; path=/; max-age=31536000; samesite=lax`
        """
    )
    return shell


def _brand() -> pn.pane.HTML:
    mark = static_text("logo.svg")
    return html(
        f'<a class="brand" href="/" aria-label="Residua, all projects">{mark}<span>Residua</span></a>',
        styles=CENTERED,
    )


class _Html(pn.pane.HTML):
    """An HTML pane of which a new text is all that is sent.

    Panel sends the style sheets again with it, and the browser then lays the whole page out anew.
    """

    def _update(self, ref: str, model: Any) -> None:
        model.update(**self._process_param_change({"object": self.object}))


def _spacer(header: list[Any]) -> list[pn.pane.HTML]:
    """What keeps the right of a header at the right, where nothing in it takes the room."""
    stretches = any(getattr(one, "sizing_mode", None) == "stretch_width" for one in header)
    return [] if stretches else [html("", sizing_mode="stretch_width")]


def _person() -> list[pn.pane.HTML]:
    """At the right of the header: that nothing can be changed here, who is logged in, and the way out."""
    context = pn.state.curdoc.session_context if pn.state.curdoc else None
    who = getattr(context.request, "who", None) if context else None
    if who is None or who.local:
        return []
    parts = []
    if lock_reason():
        parts.append(f'<span class="chip lent" title="{escape(lock_reason())}">Read only</span>')
    if who.account is None:
        parts.append('<a href="/login">Log in</a>')
    else:
        if who.is_admin:
            parts.append('<a href="/admin">Admin</a>')
        parts.append(f'<a href="/account" title="Your account">{escape(who.name)}</a>')
        parts.append(
            '<form method="post" action="/logout"><button class="link-button">Log out</button></form>'
        )
    return [
        html(
            f'<nav class="row nowrap page-links person" aria-label="You">{"".join(parts)}</nav>',
            styles=CENTERED,
        )
    ]


def html(text: str, **options: Any) -> pn.pane.HTML:
    """An HTML pane with our classes. ``text`` must be safe: escape what a person or a file wrote."""
    options.setdefault("margin", 0)
    return _Html(text, stylesheets=[stylesheet()], **options)


def icon_button(label: str, icon: str, on_click: Callable[[], Any] | None = None, **options: Any) -> Any:
    """A small button with an icon of the Material set; ``label`` is its accessible name and tooltip."""
    widget = pmui.IconButton(
        label=label, icon=icon, **{"size": "small", "margin": 0, "description": label, **options}
    )
    if on_click is not None:
        widget.on_click(_event_dropped(on_click))
    return widget


def _event_dropped(on_click: Callable[[], Any]) -> Callable[[Any], Any]:
    """The same action for Panel, which passes an event and tells coroutine functions from others."""
    if inspect.iscoroutinefunction(on_click):

        async def act(_: Any) -> None:
            await on_click()

        return act
    return lambda _: on_click()


def dialog(title: str, *content: Any, **more: Any) -> Any:
    """A dialog, closed until its ``open`` is set."""
    return pmui.Dialog(*content, title=title, **{"show_close_button": True, "close_on_click": True, **more})


def live_region() -> pn.pane.HTML:
    """A text that screen readers speak when :func:`say` changes it, and that nobody sees."""
    return html("", width=0, height=0, css_classes=["live"])


def say(region: pn.pane.HTML, text: str) -> None:
    """Speak ``text`` through a live region."""
    region.object = f'<div class="visually-hidden" role="status" aria-live="polite">{escape(text)}</div>'


def rule() -> pn.pane.HTML:
    """A thin line between sections."""
    return html('<hr class="rule">', sizing_mode="stretch_width", height=1)


def message_page(title: str, sentence: str) -> pmui.Page:
    """A page with one sentence and the way back."""
    text = (
        f'<div class="lonely"><h1>{escape(title)}</h1><p>{escape(sentence)}</p>'
        '<p><a href="/">All projects</a></p></div>'
    )
    return page(title, header=[], main=[html(text, sizing_mode="stretch_width")])
