"""A lesson as a Jupyter notebook that runs outside, with the stored outputs in it."""

from __future__ import annotations

from dashboard.learn.lesson import Lesson, Text
from dashboard.learn.stored import stored
from dashboard.reports.notebook import notebook


def as_notebook(page: Lesson) -> str:
    """The notebook as text: `pip install residua` is all that it needs."""
    shown = stored(page.key)
    versions = ", ".join(f"{name} {version}" for name, version in shown["versions"].items())
    head = f"# {page.title}\n\n{page.summary}\n\nRun it with `pip install residua` in any Jupyter."
    if versions:
        head += f" The outputs kept here were made with {versions}."
    cells = [("markdown", head, ())]
    for part in page.parts:
        if isinstance(part, Text):
            cells.append(("markdown", part.markdown, ()))
        else:
            cells.append(("code", part.source, tuple(shown["cells"].get(part.name, ()))))
    return notebook(cells, page.title)
