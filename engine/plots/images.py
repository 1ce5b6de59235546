"""Images beside each other: data, model, residual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import AsinhNorm, Normalize

from engine.images import Image
from engine.plots.picture import Picture, bare, picture, style
from engine.problem import Problem, Values
from engine.results import FitResult

RESIDUAL_LIMIT = 4.0
_SIDE = 2.9
# Sides of a picture are never drawn with more pixels than this.
_MOST = 700


def image(of: Image | Problem) -> Picture:
    """Draw the data, asinh stretch, with the half-light ellipses of a problem's components."""
    with style():
        what = of.image if isinstance(of, Problem) else of
        figure, axes = picture(1, 1, (4.2, 4.2 * _shape(what.shape) + 0.3))
        _show(figure, axes[0, 0], what, np.where(what.mask, np.nan, what.data), _stretch(what), what.name)
        if isinstance(of, Problem):
            ellipses(axes[0, 0], of)
    return figure


def maps(problem: Problem, result: FitResult | None = None, values: Values = None) -> Picture:
    """Draw data, model and residual / sigma: at a result, at ``values``, or where the problem starts."""
    with style():
        what = problem.image
        at = result.values if result is not None else values
        model = problem.render(at)
        figure, axes = picture(1, 3, (3 * _SIDE, _SIDE * _shape(what.shape) + 0.55))
        stretch = _stretch(what)
        _show(figure, axes[0, 0], what, np.where(what.mask, np.nan, what.data), stretch, "data")
        _show(figure, axes[0, 1], what, model, stretch, "model")
        title = f"residual / σ,  χ²/dof {problem.chi2(at) / problem.dof:.4g}"
        _residual(figure, axes[0, 2], problem, at, title)
    return figure


def mosaic(problem: Problem, results: Mapping[str, FitResult | None], columns: int = 4) -> Picture:
    """Draw the residual / sigma of several results, each under its label; None stands for the start."""
    with style():
        rows = -(-len(results) // columns)
        width = min(columns, len(results))
        height = 2.3 * _shape(problem.image.shape) + 0.3
        figure, axes = picture(rows, width, (2.3 * width, rows * height + 0.35))
        last: Any = None
        for place in axes.flat:
            bare(place)
        for place, (label, result) in zip(axes.flat, results.items(), strict=False):
            at = None if result is None else result.values
            title = f"{label}  {problem.chi2(at) / problem.dof:.4g}"
            last = _residual(None, place, problem, at, title)
        bar = figure.colorbar(last, ax=axes, location="bottom", aspect=60, shrink=0.6, pad=0.02)
        bar.set_label("residual / σ")
        bar.outline.set_visible(False)
    return figure


def ellipses(axes: Axes, problem: Problem, values: Values = None, color: str = "#ffffff") -> None:
    """Draw the half-light ellipse of each component that has one."""
    from matplotlib.patches import Ellipse

    at = problem.all_values(problem.space.vector(values))
    for one in problem.components:
        keys = [f"{one.name}.{part}" for part in ("center.x", "center.y", "radius_e", "axis_ratio")]
        if any(key not in at for key in keys):
            continue
        x, y, radius, ratio = (at[key] for key in keys)
        turned = at.get(f"{one.name}.position_angle", 0.0) + 90.0  # from +x, as matplotlib counts
        axes.add_patch(
            Ellipse((x, y), 2 * radius, 2 * radius * ratio, angle=turned, fill=False, ec=color, lw=1)
        )


def _stretch(what: Image) -> Normalize:
    """The same for data and model: linear in the noise, logarithmic above, after the data."""
    values = what.data[~what.mask & np.isfinite(what.data)]
    low, middle, high = np.percentile(values, [0.5, 50, 99.8]) if values.size else (0.0, 0.5, 1.0)
    width = max((middle - low), (high - low) / 300, 1e-12)
    return AsinhNorm(linear_width=width, vmin=low, vmax=max(high, low + 1e-12))


def _residual(figure: Picture | None, axes: Axes, problem: Problem, at: Values, title: str) -> Any:
    what = problem.image
    pull = np.where(what.weight > 0, problem.residual_image(at) * np.sqrt(what.weight), np.nan)
    return _show(figure, axes, what, pull, Normalize(-RESIDUAL_LIMIT, RESIDUAL_LIMIT), title, "RdBu_r")


def _show(
    figure: Picture | None,
    axes: Axes,
    what: Image,
    plane: np.ndarray,
    norm: Normalize,
    title: str,
    colors: str = "viridis",
) -> Any:
    (x0, y0), (ny, nx) = what.origin, plane.shape
    step = max(1, -(-max(plane.shape) // _MOST))
    shown = axes.imshow(
        plane[::step, ::step].astype(np.float32),
        origin="lower",
        extent=(x0 - 0.5, x0 + nx - 0.5, y0 - 0.5, y0 + ny - 0.5),
        norm=norm,
        cmap=colors,
    )
    axes.set_title(title)
    bare(axes)
    if figure is not None:
        bar = figure.colorbar(shown, ax=axes, location="bottom", aspect=30, pad=0.02, shrink=0.9)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=7.5)
        if isinstance(norm, AsinhNorm):
            ticks = np.array([float(f"{v:.2g}") for v in norm.inverse(np.array([0.04, 0.5, 0.96]))])
            ticks = ticks[(ticks >= float(norm.vmin or 0)) & (ticks <= float(norm.vmax or 1))]
            bar.set_ticks(ticks.tolist(), labels=[f"{tick:g}" for tick in ticks])
            bar.minorticks_off()
    return shown


def _shape(shape: tuple[int, ...]) -> float:
    return float(np.clip(shape[0] / shape[1], 0.35, 1.8))
