"""The figures of a report on paper and in notebooks: engine.plots, called as the notebook's own cells call it."""

from __future__ import annotations

from dashboard.reports.document import Figure
from engine import plots
from engine.plots import Picture


def picture(one: Figure) -> Picture:
    """The matplotlib picture of a figure."""
    best = one.fits[0]
    results = {fit.label: fit.result for fit in one.fits}
    match one.kind:
        case "image":
            return plots.image(best.problem)
        case "maps":
            return plots.maps(best.problem, best.result)
        case "mosaic":
            return plots.mosaic(best.problem, results)
        case "corner":
            names = [name for name in one.names if all(name in fit.result.names for fit in one.fits)]
            return plots.corner(best.problem, results, names)
        case "race":
            return plots.race(results)
    return plots.history(best.result)
