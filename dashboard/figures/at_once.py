"""Several changes to the models of a page, looked through once."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from bokeh.plotting import figure


def at_once(plot: figure) -> AbstractContextManager[Any]:
    """Add models to a figure that is on a page already, inside ``with``.

    Bokeh looks through every model of the page for each that is added, which takes a good part of a second on a
    large page; here it does so once, at the end.
    """
    return nullcontext() if plot.document is None else plot.document.models.freeze()
