"""Starting values from the data, for every parameter that a description leaves out.

Segmentation above the sky gives the pixels of the object at a position; its moments give the shape, its curve
of growth the size; a small grid of sizes and indices is tried on the pixels themselves, and the amplitudes of
all components are solved for together, since the model is linear in them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.errors import ModelError
from engine.images import Image
from engine.models.base import Model
from engine.models.registry import model as model_by_name
from engine.models.scene import Component, Painter
from engine.render import Accuracy, Grid
from engine.tiles import cut

# Cut-outs for trying shapes: large enough for the wings, small enough to render dozens of times.
_MAX_HALF_SIZE = 150
_ROUGH = Accuracy(relative=1e-2, of_peak=1e-4)
# In a large image an object is looked at only where it is brighter than this fraction of its amplitude.
_FAINT = 1e-4


@dataclass(frozen=True)
class Source:
    """A detected object: position in pixels of the full image, flux above the sky, half-light radius in pixels."""

    x: float
    y: float
    flux: float
    radius: float


@dataclass(frozen=True)
class Shape:
    """Moments and growth of the pixels of one object."""

    x: float
    y: float
    axis_ratio: float
    position_angle: float
    radius_e: float
    flux: float
    detected: bool


def sky_level(image: Image) -> tuple[float, float]:
    """Return the level of the sky and its scatter per pixel: clipped median of the border's used pixels."""
    from astropy.stats import sigma_clipped_stats

    height, width = image.shape
    frame = max(2, round(0.08 * min(height, width)))
    border = np.ones(image.shape, dtype=bool)
    border[frame:-frame, frame:-frame] = False
    used = image.weight > 0
    pixels = image.data[border & used]
    if pixels.size < 20:
        pixels = image.data[used]
    _, median, scatter = sigma_clipped_stats(pixels, sigma=3, maxiters=10)
    noise = 1 / math.sqrt(float(np.median(image.weight[used])))
    return float(median), max(min(float(scatter), noise), 1e-300)


def _segments(image: Image) -> tuple[np.ndarray, float, float]:
    """Labels of connected pixels above the sky (0 elsewhere), the sky and its scatter."""
    from scipy import ndimage

    sky, scatter = sky_level(image)
    used = image.weight > 0
    smooth = ndimage.gaussian_filter(np.where(used, image.data - sky, 0.0), 1.0)
    # The filter lowers the noise by 2 sqrt(pi): 1.5 of the smoothed scatter per pixel is then about 5 sigma.
    labels, _ = ndimage.label(smooth > 1.5 * scatter)
    return labels, sky, scatter


def detect(image: Image) -> list[Source]:
    """Return the objects above the noise, brightest first.

    Segments of photutils; a segment with several peaks is divided among them, each pixel to the nearest.
    """
    import warnings

    from photutils.segmentation import detect_sources
    from photutils.utils.exceptions import NoDetectionsWarning
    from scipy import ndimage
    from scipy.spatial import cKDTree

    sky, scatter = sky_level(image)
    used = image.weight > 0
    light = np.where(used, image.data - sky, 0.0)
    smooth = ndimage.gaussian_filter(light, 1.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        found = detect_sources(smooth, 1.5 * scatter, 5)
    if found is None:
        return []
    labels = found.data
    # A peak is the highest within 4 pixels and stands out of its surroundings, not just of the noise on a slope.
    rows, columns = np.nonzero((labels > 0) & (smooth == ndimage.maximum_filter(smooth, 9)))
    inside = np.argwhere(labels > 0)
    nearest = cKDTree(np.stack([rows, columns], 1)).query(inside)[1]
    left, bottom = image.origin
    sources = []
    for number, (row, column) in enumerate(zip(rows, columns, strict=True)):
        pixels = inside[nearest == number]
        pixels = pixels[labels[pixels[:, 0], pixels[:, 1]] == labels[row, column]]
        values = light[pixels[:, 0], pixels[:, 1]].clip(0)
        flux = float(values.sum())
        if flux <= 0:
            continue
        y, x = (values @ pixels) / flux
        distance = np.hypot(pixels[:, 1] - x, pixels[:, 0] - y)
        order = np.argsort(distance)
        half = float(distance[order][np.searchsorted(np.cumsum(values[order]), 0.5 * flux)])
        sources.append(Source(left + float(x), bottom + float(y), flux, max(half, 0.5)))
    return sorted(sources, key=lambda source: -source.flux)


def measure(image: Image, x: float, y: float, others: Sequence[tuple[float, float]] = ()) -> Shape:
    """Return moments and half-light radius of the object at (x, y), pixels of the full image.

    Pixels nearer to one of ``others`` are left to it. Where nothing is above the noise, a round object of a
    few pixels is returned, ``detected`` False.
    """
    left, bottom = image.origin
    height, width = image.shape
    labels, sky, scatter = _segments(image)
    column, row = round(x - left), round(y - bottom)
    xs, ys = np.meshgrid(np.arange(width) + left, np.arange(height) + bottom)
    distance = np.hypot(xs - x, ys - y)
    label = 0
    if 0 <= row < height and 0 <= column < width:
        near = labels[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
        label = int(labels[row, column]) or int(near.max(initial=0))
    region = labels == label if label else distance < 4
    for other_x, other_y in others:
        if math.hypot(other_x - x, other_y - y) > 2:
            region &= distance <= np.hypot(xs - other_x, ys - other_y)
    used = region & (image.weight > 0)
    light = np.where(used, image.data - sky, 0.0).clip(0)
    total = float(light.sum())
    if total <= 0 or used.sum() < 5:
        return Shape(x, y, 0.8, 0.0, max(2.0, 0.02 * min(height, width)), max(total, scatter), False)
    mean_x, mean_y = float((light * xs).sum() / total), float((light * ys).sum() / total)
    dx, dy = xs - mean_x, ys - mean_y
    xx, yy, xy = (float((light * v).sum() / total) for v in (dx * dx, dy * dy, dx * dy))
    middle, spread = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
    major, minor = middle + spread, max(middle - spread, 0.05)
    axis_ratio = min(max(math.sqrt(minor / max(major, 0.05)), 0.15), 0.95)
    # Angle of the major axis from +x is atan2(2xy, xx - yy) / 2; from +y it is 90 degrees less.
    angle = (math.degrees(0.5 * math.atan2(2 * xy, xx - yy)) - 90) % 180
    radius_e = _half_light_radius(light, xs - x, ys - y, axis_ratio, angle, total)
    return Shape(mean_x, mean_y, axis_ratio, angle, radius_e, total, bool(label))


def _half_light_radius(
    light: np.ndarray, dx: np.ndarray, dy: np.ndarray, axis_ratio: float, angle: float, total: float
) -> float:
    """Semi-major axis of the ellipse that holds half of the light."""
    a = math.radians(angle)
    along = -dx * math.sin(a) + dy * math.cos(a)
    across = dx * math.cos(a) + dy * math.sin(a)
    radius = np.hypot(along, across / axis_ratio).ravel()
    order = np.argsort(radius)
    growth = np.cumsum(light.ravel()[order])
    return max(0.7, float(radius[order][np.searchsorted(growth, 0.5 * total)]))


def fill_starts(
    image: Image, components: Sequence[Component], known: Sequence[Mapping[str, float]]
) -> tuple[list[dict[str, float]], list[str]]:
    """Return every parameter's start per component, and sentences about what was guessed.

    ``known`` holds the values that a description states; they are kept.
    """
    starts = [dict(values) for values in known]
    missing = [
        [spec.name for spec in c.model.specs if spec.name not in values]
        for c, values in zip(components, starts, strict=True)
    ]
    notices: list[str] = []
    if not any(missing):
        return starts, notices
    _place(image, components, starts, notices)
    centers = [(s["center.x"], s["center.y"]) for s in starts if "center.x" in s]
    for component, values in zip(components, starts, strict=True):
        if component.model.centered:
            _shape(image, component, values, centers, notices)
        else:
            for spec in component.model.specs[1:]:
                values.setdefault(spec.name, spec.default)
    _share_places(components, starts, missing)
    _amplitudes(image, components, starts, missing)
    return starts, notices


def _place(
    image: Image, components: Sequence[Component], starts: list[dict[str, float]], notices: list[str]
) -> None:
    """Centers for components without one: the brightest objects that no other component has."""
    wanting = [
        (c, s)
        for c, s in zip(components, starts, strict=True)
        if c.model.centered and not ("center.x" in s and "center.y" in s)
    ]
    if not wanting:
        return
    taken = [(s["center.x"], s["center.y"]) for s in starts if "center.x" in s and "center.y" in s]
    sources = [s for s in detect(image) if all(math.hypot(s.x - x, s.y - y) > 3 for x, y in taken)]
    left, bottom = image.origin
    height, width = image.shape
    for component, values in wanting:
        if sources:
            source = sources.pop(0)
            x, y = source.x, source.y
        else:
            x, y = left + (width - 1) / 2, bottom + (height - 1) / 2
            notices.append(
                f"{component.name} has no center and no object was left for it; it starts mid-image."
            )
        values.setdefault("center.x", x)
        values.setdefault("center.y", y)


def _shape(
    image: Image,
    component: Component,
    values: dict[str, float],
    centers: Sequence[tuple[float, float]],
    notices: list[str],
) -> None:
    """Shape parameters from moments, growth, and a small grid of sizes and indices."""
    names = [spec.name for spec in component.model.specs]
    wanting = [name for name in names if name not in values]
    if not [name for name in wanting if name != names[component.model.amplitude]]:
        return
    x, y = values["center.x"], values["center.y"]
    shape = measure(image, x, y, [c for c in centers if c != (x, y)])
    if not shape.detected:
        notices.append(
            f"Nothing stands out of the noise at ({x:.1f}, {y:.1f}), where {component.name} starts."
        )
    guesses = {
        "axis_ratio": shape.axis_ratio,
        "position_angle": shape.position_angle,
        **component.model.starts(shape.radius_e),
    }
    for name, guess in guesses.items():
        if name in wanting:
            values[name] = guess
    for spec in component.model.specs:
        if spec.name != names[component.model.amplitude]:
            values.setdefault(spec.name, spec.default)
    tried = {
        name: choices
        for name, choices in (
            (
                "radius_e",
                [values["radius_e"] * f for f in (0.5, 0.75, 1.0, 1.4, 2.0)] if "radius_e" in values else [],
            ),
            ("n", [0.7, 1.3, 2.5, 4.5]),
        )
        if name in wanting
    }
    if tried and shape.detected:
        _try_grid(image, component, values, tried, shape)


def _try_grid(
    image: Image,
    component: Component,
    values: dict[str, float],
    tried: Mapping[str, Sequence[float]],
    shape: Shape,
) -> None:
    """Keep the combination with the lowest chi2 on a cut-out, amplitude and a flat sky solved for."""
    import itertools

    left, bottom = image.origin
    height, width = image.shape
    half = int(min(max(5 * shape.radius_e, 12), _MAX_HALF_SIZE))
    column, row = round(values["center.x"] - left), round(values["center.y"] - bottom)
    columns = slice(max(0, column - half), min(width, column + half + 1))
    rows = slice(max(0, row - half), min(height, row + half + 1))
    if columns.start >= columns.stop or rows.start >= rows.stop:
        return
    grid = Grid(
        left + columns.start, bottom + rows.start, columns.stop - columns.start, rows.stop - rows.start
    )
    data, weight = image.data[rows, columns].ravel(), image.weight[rows, columns].ravel()
    if not (weight > 0).sum() > 10:
        return
    painter = Painter.of(image, _ROUGH)
    names = [spec.name for spec in component.model.specs]
    best, best_chi2 = {}, math.inf
    for combination in itertools.product(*tried.values()):
        trial = {
            **values,
            **dict(zip(tried, combination, strict=True)),
            names[component.model.amplitude]: 1.0,
        }
        unit = painter.image(component, grid, [trial[name] for name in names]).numpy().ravel()
        chi2 = _linear_chi2(data, weight, unit)
        if chi2 < best_chi2:
            best, best_chi2 = dict(zip(tried, combination, strict=True)), chi2
    values.update(best)


def _linear_chi2(data: np.ndarray, weight: np.ndarray, unit: np.ndarray) -> float:
    """chi2 of the best amplitude >= 0 plus constant."""
    sum_w = weight.sum()
    mean_u, mean_d = (weight * unit).sum() / sum_w, (weight * data).sum() / sum_w
    du, dd = unit - mean_u, data - mean_d
    uu, ud = (weight * du * du).sum(), (weight * du * dd).sum()
    amplitude = max(ud / uu, 0.0) if uu > 0 else 0.0
    return float((weight * (dd - amplitude * du) ** 2).sum())


def _share_places(
    components: Sequence[Component], starts: list[dict[str, float]], missing: Sequence[Sequence[str]]
) -> None:
    """Give components on one place different sizes: the least concentrated the largest."""
    groups: list[list[int]] = []
    for i, values in enumerate(starts):
        if "radius_e" not in values:
            continue
        for group in groups:
            first = starts[group[0]]
            if (
                math.hypot(values["center.x"] - first["center.x"], values["center.y"] - first["center.y"])
                < 1.5
            ):
                group.append(i)
                break
        else:
            groups.append([i])
    for group in groups:
        if len(group) < 2:
            continue
        factors = np.geomspace(1.4, 0.35, len(group))
        indices = [1.0, *np.full(len(group) - 1, 2.5)]
        stated = [
            1.0 if "n" not in starts[i] else starts[i]["n"] if "n" not in missing[i] else 2.5 for i in group
        ]
        for rank, position in enumerate(np.argsort(stated, kind="stable")):
            i = group[position]
            if "radius_e" in missing[i]:
                starts[i]["radius_e"] *= float(factors[rank])
            if "n" in missing[i]:
                starts[i]["n"] = float(indices[rank])


def _amplitudes(
    image: Image,
    components: Sequence[Component],
    starts: list[dict[str, float]],
    missing: Sequence[Sequence[str]],
) -> None:
    """Solve for the amplitudes left out, none negative but a sky's, the others kept."""
    from scipy.optimize import lsq_linear

    unknown = [i for i, c in enumerate(components) if c.model.specs[c.model.amplitude].name in missing[i]]
    if not unknown:
        return
    products = _products(image, components, starts, unknown)
    scale = np.sqrt(np.diag(products)[:-1])
    scale[scale == 0] = 1.0
    # The root of the products is a matrix as small as they are that has the same least squares.
    squares, axes = np.linalg.eigh(products[:-1, :-1] / np.outer(scale, scale))
    roots = np.sqrt(np.maximum(squares, 1e-14))
    matrix, right = roots[:, None] * axes.T, axes.T @ (products[:-1, -1] / scale) / roots
    lower = [components[i].model.specs[components[i].model.amplitude].lower for i in unknown]
    # Strictly inside the bounds where the data allow it: a start on a bound tells a fit nothing.
    solved = lsq_linear(matrix, right, bounds=(lower, np.inf), method="bvls").x / scale
    floor = 1e-3 * max(float(np.abs(image.data[image.weight > 0]).max()), 1e-300)
    for i, value, low in zip(unknown, solved, lower, strict=True):
        name = components[i].model.specs[components[i].model.amplitude].name
        starts[i][name] = float(value) if math.isinf(low) else float(max(value, low + floor * 1e-3))


def _products(
    image: Image, components: Sequence[Component], starts: list[dict[str, float]], unknown: Sequence[int]
) -> np.ndarray:
    """Weighted sums of products of the unknown components' images for amplitude 1 and of what they must explain.

    (unknown + 1, unknown + 1), summed over tiles so that memory does not grow with the image.
    """
    painter = Painter.of(image, _ROUGH)
    tiles = cut(image, "cpu")
    places = []
    for i, component in enumerate(components):
        names = [spec.name for spec in component.model.specs]
        values = [starts[i].get(name, 1.0) for name in names]
        unit = [*values]
        unit[component.model.amplitude] = 1.0
        whole = len(tiles) == 1 or not component.model.centered
        reach = math.inf if whole else component.model.reach(unit, _FAINT) + painter.halo
        places.append((component, unit if i in unknown else values, reach))
    products = np.zeros((len(unknown) + 1, len(unknown) + 1))
    for tile in tiles:
        rest, columns = tile.data.numpy().ravel().copy(), {}
        for i, (component, values, reach) in enumerate(places):
            if math.isfinite(reach) and not tile.touches(values[0], values[1], reach):
                continue
            light = painter.image(component, tile.grid, values).numpy().ravel()
            if i in unknown:
                columns[i] = light
            else:
                rest -= light
        numbers = [*(place for place, i in enumerate(unknown) if i in columns), len(unknown)]
        rows = np.stack([*columns.values(), rest]) * np.sqrt(tile.weight.numpy().ravel())
        products[np.ix_(numbers, numbers)] += rows @ rows.T
    return products


def start_values(
    image: Image, model: str, x: float, y: float, others: Sequence[tuple[float, float]] = ()
) -> dict[str, object]:
    """Return parameters, ready for a description, of a component placed at (x, y) in pixels.

    Raises :class:`ModelError` for an unknown model or one without a center.
    """
    kind: Model = model_by_name(model)
    if not kind.centered:
        raise ModelError(f"A {model} has no center; add it without a position.")
    component = Component(model, kind, 0)
    sky = Component("sky", model_by_name("flat sky"), len(kind.specs))
    starts, _ = fill_starts(image, [component, sky], [{"center.x": x, "center.y": y}, {}])
    values = starts[0]
    rest = {spec.name: values[spec.name] for spec in kind.specs if not spec.name.startswith("center.")}
    return {"center": [x, y], **rest}
