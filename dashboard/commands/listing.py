"""`residua models`, `fitters` and `example`: what there is, from the declarations."""

from __future__ import annotations

from typing import Any

import engine
import engine.models
from dashboard.commands import talk
from engine.models.total_flux import ALTERNATIVES, offers_flux
from engine.outputs import plain
from engine.parameters import KINDS


def models() -> list[dict[str, Any]]:
    """Every component model with its declared parameters."""
    return [
        plain(
            {
                "key": model.key,
                "title": model.title,
                "summary": model.summary,
                "formula": model.formula,
                "source": model.source,
                "parameters": [
                    {
                        "name": spec.name,
                        "unit": spec.unit,
                        "default": spec.default,
                        "lower": spec.lower,
                        "upper": spec.upper,
                        "period": spec.period,
                        "help": spec.help,
                    }
                    for spec in model.specs
                ],
                "instead_of_" + model.specs[model.amplitude].name: {
                    spec.name: spec.help for spec in ALTERNATIVES.values() if offers_flux(model)
                },
            }
        )
        for model in engine.models.registry().values()
    ]


def fitters() -> list[dict[str, Any]]:
    """Every fitter with its declared options."""
    found = []
    for fitter in engine.fitters.registry().values():
        options = []
        for name in fitter.option_names():
            declared = fitter.param[name]
            choices = getattr(declared, "objects", None)
            options.append(
                {
                    "name": name,
                    "default": declared.default,
                    "bounds": getattr(declared, "bounds", None),
                    "choices": None if choices is None else list(choices),
                    "help": " ".join((declared.doc or "").split()),
                }
            )
        found.append(
            plain({"key": fitter.key, "title": fitter.title, "summary": fitter.summary, "options": options})
        )
    return found


def models_text() -> str:
    """The models for a person."""
    parts = []
    for model in models():
        rows = [["parameter", "unit", "default", "limits", "meaning"]]
        for spec in model["parameters"]:
            limits = f"period {spec['period']:g}" if spec["period"] else _limits(spec["lower"], spec["upper"])
            rows.append([spec["name"], spec["unit"], talk.number(spec["default"]), limits, spec["help"]])
        head = f"{model['key']}: {model['summary']}\n    {model['formula']}\n    source: {model['source']}"
        tail = "".join(
            f"\n    in place of {key.removeprefix('instead_of_')}: {name}. {meaning}"
            for key, totals in model.items()
            if key.startswith("instead_of_")
            for name, meaning in totals.items()
        )
        parts.append(f"{head}\n{talk.table(rows, right=(2,), indent='    ')}{tail}")
    priors = [[f"{kind.name}({', '.join(kind.arguments)})", kind.help] for kind in KINDS.values()]
    parts.append(f"Any parameter can have a prior:\n{talk.table(priors, indent='    ')}")
    return "\n\n".join(parts)


def fitters_text() -> str:
    """The fitters for a person."""
    parts = []
    for fitter in fitters():
        rows = [["option", "default", "limits", "meaning"]]
        for option in fitter["options"]:
            limits = _limits(*(option["bounds"] or (None, None)))
            if option["choices"]:
                limits = ", ".join(str(choice) for choice in option["choices"])
            rows.append([option["name"], str(option["default"]), limits, option["help"]])
        parts.append(
            f"{fitter['key']}: {fitter['title']}. {fitter['summary']}\n{talk.table(rows, indent='    ')}"
        )
    return "\n\n".join(parts)


def _limits(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    if high is None:
        return f">= {low:g}"
    if low is None:
        return f"<= {high:g}"
    return f"{low:g} .. {high:g}"
