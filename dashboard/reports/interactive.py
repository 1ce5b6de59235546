"""The figures of a report for a page: Bokeh models that pan, zoom and tell values without a server."""

from __future__ import annotations

import numpy as np
from bokeh.models import Model

from dashboard.figures.corner import corner
from dashboard.figures.curves import history_curve, race_curves
from dashboard.figures.linked_maps import Map, linked_maps
from dashboard.figures.palettes import fitter_color
from dashboard.figures.posterior_view import PosteriorView
from dashboard.reports.document import Figure, Fit

# All pixels of a report's images together, in their files of base64 at most some 10 MB.
_MOST_PIXELS = 1_800_000


def model(one: Figure, images_in_report: int) -> Model:
    """The Bokeh model of a figure. ``images_in_report`` is over how many images the report's size is shared."""
    fits = one.fits
    best = fits[0]
    most = int(np.clip(np.sqrt(_MOST_PIXELS / max(1, images_in_report)), 96, 768))
    match one.kind:
        case "image":
            image = best.problem.image
            maps = [Map("data", np.where(image.mask, np.nan, image.data))]
            return linked_maps(maps, image.origin, side=420, most=most)
        case "maps":
            image = best.problem.image
            rendered = best.problem.render(best.result.values)
            maps = [
                Map("data", np.where(image.mask, np.nan, image.data)),
                Map("model", rendered),
                Map(f"residual / σ, χ²/dof {best.result.chi2_dof:.4f}", pull(best), residual=True),
            ]
            return linked_maps(maps, image.origin, most=most)
        case "mosaic":
            maps = [Map(f"{fit.label}  {fit.result.chi2_dof:.4f}", pull(fit), residual=True) for fit in fits]
            return linked_maps(maps, best.problem.image.origin, columns=4, side=226, most=most)
        case "corner":
            known = [name for name in one.names if all(name in fit.result.names for fit in fits)]
            return corner([view(fit) for fit in fits], known, height=150 + 92 * len(known))
        case "race":
            return race_curves({fit.label: (fit.result.fitter, fit.result.history) for fit in fits})
    return history_curve(best.result.fitter, best.result.history)


def count_images(figures: list[Figure]) -> int:
    """How many images the figures hold."""
    each = {"image": 1, "maps": 3}
    return sum(len(one.fits) if one.kind == "mosaic" else each.get(one.kind, 0) for one in figures)


def pull(fit: Fit) -> np.ndarray:
    """Residual over sigma, (row, column); nan where pixels are ignored."""
    image = fit.problem.image
    residual = fit.problem.residual_image(fit.result.values)
    return np.where(image.weight > 0, residual * np.sqrt(image.weight), np.nan)


def view(fit: Fit) -> PosteriorView:
    """What a corner plot draws of a fit."""
    result = fit.result
    return PosteriorView(
        label=fit.label,
        color=fitter_color(result.fitter),
        names=tuple(result.names),
        mean=result.values,
        covariance=result.covariance,
        period=fit.problem.space.period,
        draws=result.draws,
        units={one.key: one.unit for one in fit.problem.parameters},
    )
