"""Pictures of images, fits and posteriors by matplotlib: for scripts, notebooks and printed reports.

Not imported by ``import engine``: ``from engine import plots``. Each function returns a :class:`Picture`, a
matplotlib Figure that a notebook shows by itself and that needs no display, no pyplot and no backend.
"""

from __future__ import annotations

from engine.plots.corner import corner
from engine.plots.fits import chains, history, offsets, race
from engine.plots.images import image, maps, mosaic
from engine.plots.picture import Picture

__all__ = ["Picture", "chains", "corner", "history", "image", "maps", "mosaic", "offsets", "race"]
