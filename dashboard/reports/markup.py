"""Markdown with formulae and Python source as HTML that needs no script and nothing from elsewhere."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from typing import Any

from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer


@lru_cache(maxsize=512)
def markdown(text: str) -> str:
    """Markdown as HTML: $...$ and $$...$$ become MathML, HTML in the text is shown as text, pictures are left out."""
    return str(_parser().render(text))


@lru_cache(maxsize=512)
def python(source: str) -> str:
    """Python as HTML, each token in a span whose class names its kind."""
    return str(highlight(source, PythonLexer(), HtmlFormatter(nowrap=True, classprefix="py-"))).rstrip("\n")


def formula(source: str, block: bool) -> str:
    """A formula in LaTeX as MathML; one that cannot be read is shown as it was written."""
    try:
        return str(convert(source, display="block" if block else "inline"))
    except Exception:  # the converter fails in many ways on what is no LaTeX, and a reader's note must not
        return f"<code>{escape(source)}</code>"


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    # No raw HTML, and no pictures: their address would be asked for as soon as the page is shown.
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
    parser.use(
        dollarmath_plugin,
        allow_space=False,
        double_inline=True,
        renderer=lambda source, options: formula(source, bool(options["display_mode"])),
    )
    parser.add_render_rule("link_open", _outside)
    return parser


def _outside(renderer: Any, tokens: Any, number: int, options: Any, environment: Any) -> str:
    """Links lead away without telling where from, and without power over this page."""
    tokens[number].attrSet("rel", "noopener noreferrer")
    return str(renderer.renderToken(tokens, number, options, environment))
