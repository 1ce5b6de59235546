"""Rows of the parameter table, and the shapes drawn for components: what a problem's parameters look like on screen."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import engine
from dashboard.figures.overlays import Marker
from engine.images import angle_east_of_north
from engine.parameters import Parameter


def color_of(colors: Sequence[str], index: int) -> str:
    """Color of the component at this place of the scene; they repeat in long scenes."""
    return colors[index % len(colors)]


def component_rows(
    problem: engine.Problem | None, selected: str, colors: Sequence[str]
) -> list[dict[str, Any]]:
    """One dict a component for the scene list."""
    if problem is None:
        return []
    return [
        {
            "name": component.name,
            "title": component.model.title,
            "color": color_of(colors, index),
            "selected": component.name == selected,
        }
        for index, component in enumerate(problem.components)
    ]


def parameter_rows(
    problem: engine.Problem | None,
    *,
    selected: str = "",
    colors: Sequence[str],
    uncertainties: Mapping[str, float | None],
    at_bounds: Collection[str] = (),
) -> list[dict[str, Any]]:
    """One dict a parameter for the table. ``uncertainties`` is empty where no fit belongs to the values."""
    if problem is None:
        return []
    order = {
        component.name: (index, component.model.title) for index, component in enumerate(problem.components)
    }
    sky = on_the_sky(problem)
    rows = []
    for parameter in problem.parameters:
        index, title = order[parameter.component]
        uncertainty = uncertainties.get(parameter.key)
        remark, kind = _remark(parameter, parameter.key in at_bounds)
        remark = " · ".join(text for text in (remark, sky.get(parameter.key, "")) if text)
        rows.append(
            {
                "key": parameter.key,
                "component": parameter.component,
                "model": title,
                "color": color_of(colors, index),
                "selected": parameter.component == selected,
                "label": parameter.label,
                "help": parameter.help,
                "unit": parameter.unit,
                "value": parameter.value,
                "uncertainty": uncertainty
                if uncertainty is not None and math.isfinite(uncertainty)
                else None,
                "free": parameter.free,
                "link": _link(parameter),
                "lower": _finite(parameter.lower),
                "upper": _finite(parameter.upper),
                "remark": remark,
                "remark_kind": kind,
            }
        )
    return rows


def markers(problem: engine.Problem | None, selected: str, colors: Sequence[str]) -> list[Marker]:
    """Centres and half-light ellipses of the components that have a place."""
    if problem is None:
        return []
    values: dict[str, dict[str, float]] = {}
    for parameter in problem.parameters:
        values.setdefault(parameter.component, {})[parameter.name] = parameter.value
    found = []
    for index, component in enumerate(problem.components):
        own = values.get(component.name, {})
        if "center.x" not in own:
            continue
        radius = own.get("radius_e") or (1.678347 * own["scale_length"] if "scale_length" in own else None)
        found.append(
            Marker(
                component.name,
                own["center.x"],
                own["center.y"],
                color_of(colors, index),
                radius,
                own.get("axis_ratio", 1.0),
                own.get("position_angle", 0.0),
                component.name == selected,
            )
        )
    return found


def on_the_sky(problem: engine.Problem) -> dict[str, str]:
    """What parameters are on the sky, by key: position, arcsec, angle East of North, magnitudes; as far as known."""
    image = problem.image
    scale = engine.pixel_scale(image)
    side = math.sqrt(scale[0] * scale[1]) if scale else None
    values = {parameter.key: parameter.value for parameter in problem.parameters}
    texts = {}
    for parameter in problem.parameters:
        x, y = (values.get(f"{parameter.component}.center.{axis}") for axis in "xy")
        text = ""
        if parameter.name in ("center.x", "center.y"):
            place = engine.sky_position(image, x, y) if x is not None and y is not None else None
            words = place.text.split() if place else []
            text = " ".join(words[:2] if parameter.name == "center.x" else words[2:4])
        elif parameter.name == "position_angle":
            angle = angle_east_of_north(image, parameter.value, x, y)
            text = "" if angle is None else f"{angle:.2f}° E of N"
        elif parameter.unit == "pixel" and side:
            text = f"{parameter.value * side:.4g}″"
        elif image.zero_point is not None and parameter.value > 0:
            magnitude = image.zero_point - 2.5 * math.log10(parameter.value)
            if parameter.unit == "flux":
                text = f"{magnitude:.3f} mag"
            elif parameter.unit == "flux/pixel" and side:
                text = f"{magnitude + 5 * math.log10(side):.3f} mag/arcsec²"
        if text:
            texts[parameter.key] = text
    return texts


def nearest(found: Sequence[Marker], x: float, y: float, reach: float) -> str:
    """Name of the component whose center lies nearest to (x, y); "" when none is within ``reach`` pixels."""
    distances = [(math.hypot(marker.x - x, marker.y - y), marker.name) for marker in found]
    distance, name = min(distances, default=(math.inf, ""))
    return name if distance <= reach else ""


def _remark(parameter: Parameter, at_bound: bool) -> tuple[str, str]:
    if at_bound:
        return "at its bound", "warn"
    if parameter.link is not None:
        return f"= {_link(parameter)}", ""
    if parameter.prior is not None:
        return f"prior {parameter.prior}", ""
    return ("", "") if parameter.free else ("fixed", "")


def _link(parameter: Parameter) -> str:
    link = parameter.link
    return "" if link is None else str(getattr(link, "text", link))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
