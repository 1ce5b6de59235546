"""The fit description: YAML, JSON or dict in, a problem out; engine.describe goes the other way."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from engine.device import kind_of
from engine.errors import DescriptionError, ParameterError, did_you_mean
from engine.images import Image, read_image
from engine.likelihoods import LIKELIHOODS
from engine.models.base import Model
from engine.models.registry import model as model_by_name
from engine.models.scene import Component
from engine.models.start import fill_starts
from engine.models.total_flux import ALTERNATIVES, AmplitudeOfTotal, offers_flux
from engine.parameters import Parameter, Spec, parse_link, parse_prior
from engine.problem import Problem

VERSION = 1
TOP_KEYS = ("residua", "images", "components", "likelihood", "fitters", "seed", "device", "precision")
_IMAGE_FILES = ("data", "sigma", "variance", "weight", "mask", "psf")
IMAGE_KEYS = (
    "name",
    *_IMAGE_FILES,
    "invert_mask",
    "gain",
    "read_noise",
    "psf_oversampling",
    "zero_point",
    "window",
)
_COMPONENT = ("name", "model", "parameters")
_PARAMETER = ("value", "fixed", "bounds", "link", "prior")
_MAX_BYTES = 10_000_000


def load(
    source: str | Path | Mapping[str, Any],
    base: str | Path | None = None,
    *,
    device: str | None = None,
    precision: str | None = None,
    tile: int | None = None,
    read: Callable[..., Image] = read_image,
) -> Problem:
    """Return the problem that a fit description states.

    Args:
        source: Path of a YAML or JSON file, or the description as a mapping.
        base: Folder that relative paths start from; that of the file where None.
        device: Where to compute, before what the description says: cpu, cuda, cuda:1, ... or auto.
        precision: float64 or float32, likewise.
        tile: Side in pixels of the tiles that are worked on one after another: smaller ones take less memory.
        read: Reads the image, as :func:`engine.read_image` does; one that keeps what it read makes editing faster.

    Raises:
        DescriptionError: for a file that cannot be read, or keys and values that do not belong.
        ImageError, ModelError, ParameterError: for what the description refers to.
        DeviceError: for a device that is not here, or an unknown precision.
    """
    if isinstance(source, Mapping):
        content: Any = source
        folder = Path(base) if base is not None else Path.cwd()
    else:
        path = Path(source)
        content = _read(path)
        folder = Path(base) if base is not None else path.parent
    if not isinstance(content, Mapping):
        raise DescriptionError("A fit description is a mapping with the keys residua, images and components.")
    check_keys(content, TOP_KEYS, "the fit description")
    version = content.get("residua")
    if version != VERSION:
        raise DescriptionError(
            f"The fit description has version {version!r}; this Residua reads version {VERSION}. "
            f"Write 'residua: {VERSION}'."
        )
    image, entry = _image(content.get("images"), folder, read)
    components, wishes = _components(content.get("components"))
    likelihood = content.get("likelihood", "gaussian")
    if likelihood not in LIKELIHOODS:
        raise DescriptionError(
            f"There is no likelihood '{likelihood}'. {did_you_mean(str(likelihood), LIKELIHOODS)}"
        )
    starts, notices = fill_starts(image, components, _known_values(components, wishes))
    parameters = _parameters(components, wishes, starts, image)
    if likelihood == "poisson":
        notices += _counts_notices(image)
    seed = content.get("seed")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
        raise DescriptionError(f"seed is {seed!r}; it must be a whole number, 0 or more.")
    problem = Problem(
        image,
        components,
        parameters,
        likelihood=likelihood,
        notices=notices,
        fitters=_fitters(content.get("fitters")),
        seed=seed,
        device=device or content.get("device"),
        precision=precision or content.get("precision"),
        tile=tile,
    )
    problem.image_entry = entry
    if content.get("device"):
        kind_of(str(content["device"]))  # also where another one was given
        problem.stated_device = content["device"]
    _check_links(problem)
    return problem


def _check_links(problem: Problem) -> None:
    """Raise :class:`ParameterError` where a linked parameter starts without a value or outside its bounds."""
    theta, _ = problem.space.expand(problem.values)
    for parameter, value in zip(problem.parameters, theta, strict=True):
        if parameter.link is not None and not parameter.lower <= value <= parameter.upper:
            raise ParameterError(
                f"The link of {parameter.key}, '{parameter.link.text}', gives {value:.6g} at the start, but it must "
                f"lie in [{parameter.lower:.6g}, {parameter.upper:.6g}]. Change the link or what it refers to."
            )


def _counts_notices(image: Image) -> list[str]:
    """What makes an image doubtful as counts with Poisson noise."""
    notices = []
    if image.gain is None:
        notices.append("The Poisson likelihood takes the data as counts, since no gain is given.")
    negative = int((image.data[image.weight > 0] < 0).sum())
    if negative:
        notices.append(
            f"The Poisson likelihood takes {negative} negative pixels as 0 counts. If a sky was subtracted, add it "
            "again or use the gaussian likelihood."
        )
    return notices


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DescriptionError(
                f"{path.name} is larger than {_MAX_BYTES // 1_000_000} MB: not a fit description."
            )
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DescriptionError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
    except UnicodeDecodeError as error:
        raise DescriptionError(
            f"{path.name} is not a text file; a fit description is YAML or JSON."
        ) from error
    try:
        return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (yaml.YAMLError, json.JSONDecodeError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f", near line {line + 1}" if line is not None else ""
        raise DescriptionError(
            f"{path.name} is not valid YAML or JSON{where}. Check colons, dashes and indents."
        ) from error


def check_keys(mapping: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Raise :class:`DescriptionError` for a key that is not known; ``where`` names the mapping for the sentence."""
    known = list(known)
    for key in mapping:
        if key not in known:
            raise DescriptionError(f"'{key}' does not belong in {where}. {did_you_mean(str(key), known)}")


def _image(entries: Any, folder: Path, read: Callable[..., Image]) -> tuple[Image, dict[str, Any]]:
    if not isinstance(entries, list) or not entries:
        raise DescriptionError("images must be a list with one entry: '- data: galaxy.fits'.")
    if len(entries) > 1:
        raise DescriptionError(
            f"{len(entries)} images were given, but one image is fitted at a time. Keep one of them."
        )
    entry = entries[0]
    if not isinstance(entry, Mapping):
        raise DescriptionError(
            "An image is a mapping, such as '- data: galaxy.fits'. Maybe a 'data:' is missing."
        )
    check_keys(entry, IMAGE_KEYS, "an image")
    if entry.get("data") is None:
        raise DescriptionError("An image needs 'data:', the path of its FITS file.")
    absolute = dict(entry)
    for key in _IMAGE_FILES:
        if isinstance(entry.get(key), str | Path):
            absolute[key] = str(folder.resolve() / str(entry[key]))
    options = {
        key: value for key, value in entry.items() if key not in ("data", "name") and value is not None
    }
    image = read(entry["data"], name=str(entry.get("name") or "image"), base=folder, **options)
    return image, absolute


def _components(entries: Any) -> tuple[list[Component], list[dict[str, dict[str, Any]]]]:
    if not isinstance(entries, list) or not entries:
        raise DescriptionError("components must be a list with at least one entry: '- model: sersic'.")
    components: list[Component] = []
    wishes = []
    first = 0
    for position, entry in enumerate(entries, start=1):
        if not isinstance(entry, Mapping):
            raise DescriptionError(f"Component {position} is a mapping, such as '- model: sersic'.")
        check_keys(entry, _COMPONENT, f"component {position}")
        if not isinstance(entry.get("model"), str):
            raise DescriptionError(f"Component {position} needs 'model:', such as sersic or flat sky.")
        kind = model_by_name(entry["model"])
        name = _name(entry, components)
        given = entry.get("parameters") or {}
        if not isinstance(given, Mapping):
            raise DescriptionError(f"parameters of {name} must be a mapping, such as 'n: 1'.")
        components.append(Component(name, kind, first))
        wishes.append(_wishes(name, kind, given))
        first += len(kind.specs)
    return components, wishes


def _name(entry: Mapping[str, Any], earlier: list[Component]) -> str:
    taken = {component.name for component in earlier}
    given = entry.get("name")
    if given is None:
        base = str(entry["model"])
        name, count = base, 2
        while name in taken:
            name, count = f"{base} {count}", count + 1
        return name
    name = str(given)
    if not name or len(name) > 60 or "." in name or not all(c.isalnum() or c in " _-" for c in name):
        raise DescriptionError(
            f"A component is named {name[:60]!r}; a name has 1 to 60 letters, digits, spaces, hyphens and underscores."
        )
    if name in taken:
        raise DescriptionError(f"Two components are named '{name}'. Give each its own name.")
    return name


def _wishes(name: str, kind: Model, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What the description says of each parameter: {parameter: {value, fixed, bounds, link, prior}}."""
    known = [spec.name for spec in kind.specs] + (list(ALTERNATIVES) if offers_flux(kind) else [])
    amplitudes = [kind.specs[kind.amplitude].name, *ALTERNATIVES] if offers_flux(kind) else []
    stated = [key for key in amplitudes if key in given]
    if len(stated) > 1:
        raise DescriptionError(
            f"{name} has {' and '.join(stated)}, which say the same thing. Keep one of them."
        )
    flat: dict[str, Any] = {}
    for key, entry in given.items():
        if key == "center" and "center.x" in known:
            flat |= _split_center(name, entry)
        elif key in known:
            flat[key] = entry
        else:
            shown = list(dict.fromkeys("center" if k.startswith("center.") else k for k in known))
            raise DescriptionError(f"{name} has no parameter '{key}'. {did_you_mean(str(key), shown)}")
    wishes = {}
    for key, entry in flat.items():
        wish = dict(entry) if isinstance(entry, Mapping) else {"value": entry}
        check_keys(wish, _PARAMETER, f"parameter {name}.{key}")
        if wish.get("link") is None:
            wish.pop("link", None)
        elif len(wish) > 1:
            raise DescriptionError(
                f"{name}.{key} has a link, so it cannot have {', '.join(set(wish) - {'link'})} too."
            )
        if wish.get("value") is not None:
            wish["value"] = _number(wish["value"], f"{name}.{key}")
        if not isinstance(wish.get("fixed", False), bool):
            raise DescriptionError(f"fixed of {name}.{key} must be true or false.")
        wishes[key] = wish
    return wishes


def _split_center(name: str, entry: Any) -> dict[str, Any]:
    """Return center.x and center.y."""
    if isinstance(entry, Mapping):
        check_keys(entry, _PARAMETER, f"parameter {name}.center")
        parts: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        for key, value in entry.items():
            if key == "link":
                parts[0]["link"], parts[1]["link"] = f"{value}.x", f"{value}.y"
            elif key in ("value", "bounds", "prior") and value is not None:
                if not isinstance(value, list | tuple) or len(value) != 2:
                    raise DescriptionError(f"{key} of {name}.center needs two entries, for x and y.")
                parts[0][key], parts[1][key] = value
            else:
                parts[0][key] = parts[1][key] = value
        return {"center.x": parts[0], "center.y": parts[1]}
    if not isinstance(entry, list | tuple) or len(entry) != 2:
        raise DescriptionError(f"center of {name} must be [x, y] or a mapping with 'value: [x, y]'.")
    return {"center.x": entry[0], "center.y": entry[1]}


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise DescriptionError(f"{what} is {value!r}; it must be a number.")
    if not math.isfinite(value):
        raise DescriptionError(f"{what} is {value}; it must be a finite number.")
    return float(value)


def _known_values(
    components: list[Component], wishes: list[dict[str, dict[str, Any]]]
) -> list[dict[str, float]]:
    """Values that the start from the data must respect, per component; links to plain values followed."""
    known = [
        {key: wish["value"] for key, wish in wish_of.items() if wish.get("value") is not None}
        for wish_of in wishes
    ]
    by_key = {
        f"{c.name}.{key}": value
        for c, values in zip(components, known, strict=True)
        for key, value in values.items()
    }
    for wish_of, values in zip(wishes, known, strict=True):
        for key, wish in wish_of.items():
            if wish.get("link") in by_key:
                values[key] = by_key[wish["link"]]
    return known


def _parameters(
    components: list[Component],
    wishes: list[dict[str, dict[str, Any]]],
    starts: list[dict[str, float]],
    image: Image,
) -> list[Parameter]:
    keys = [key for component in components for key in component.keys]
    keys += [
        f"{c.name}.{name}"
        for c, w in zip(components, wishes, strict=True)
        for name in ALTERNATIVES
        if name in w
    ]
    parameters: list[Parameter] = []
    totals: list[Parameter] = []
    for component, wish_of, start in zip(components, wishes, starts, strict=True):
        of_total = _of_total(component, wish_of, image)
        for spec in component.model.specs:
            if of_total is not None and spec is component.model.specs[component.model.amplitude]:
                value = start[spec.name]
                parameters.append(
                    Parameter(component.name, spec, value, spec.lower, spec.upper, link=of_total)
                )
            else:
                parameters.append(
                    _parameter(component, spec, wish_of.get(spec.name, {}), start[spec.name], keys)
                )
        if of_total is not None:
            amplitude = start[component.model.specs[component.model.amplitude].name]
            start_total = of_total.total_of(start, amplitude)
            spec = ALTERNATIVES[of_total.total]
            totals.append(_parameter(component, spec, wish_of[spec.name], start_total, keys))
    return parameters + totals


def _parameter(
    component: Component, spec: Spec, wish: Mapping[str, Any], start: float, keys: list[str]
) -> Parameter:
    key = f"{component.name}.{spec.name}"
    link = parse_link(str(wish["link"]), keys) if "link" in wish else None
    lower, upper = _bounds(wish.get("bounds"), spec, key)
    prior = parse_prior(str(wish["prior"]), key) if wish.get("prior") is not None else None
    if prior is not None:
        lower, upper = max(lower, prior.support[0]), min(upper, prior.support[1])
    value = wish.get("value")
    if value is None:
        # A start from the data gives way to the bounds; a stated value outside them is an error.
        if spec.period is not None and not lower <= start <= upper:
            start = _turned(start, lower, upper, spec.period)
        value = min(max(start, lower), upper)
    return Parameter(component.name, spec, value, lower, upper, bool(wish.get("fixed")), link, prior)


def _turned(angle: float, lower: float, upper: float, period: float) -> float:
    """The same angle a few turns on, between the bounds or as near to them as it gets."""
    middle = next((b for b in ((lower + upper) / 2, lower, upper) if math.isfinite(b)), angle)
    return middle + (angle - middle + period / 2) % period - period / 2


def _of_total(
    component: Component, wish_of: Mapping[str, Mapping[str, Any]], image: Image
) -> AmplitudeOfTotal | None:
    """The link of the amplitude to a total flux or magnitude, where the description speaks of one."""
    if not offers_flux(component.model):
        return None
    for total in ALTERNATIVES:
        if total in wish_of:
            if total == "magnitude" and image.zero_point is None:
                raise DescriptionError(
                    f"{component.name} has a magnitude, but image '{image.name}' has no zero_point. Give one."
                )
            return AmplitudeOfTotal(component.name, component.model, total, image.zero_point or 0.0)
    return None


def _bounds(given: Any, spec: Spec, key: str) -> tuple[float, float]:
    if given is None:
        return spec.lower, spec.upper
    if not isinstance(given, list | tuple) or len(given) != 2:
        raise DescriptionError(f"bounds of {key} must be [lower, upper]; null leaves a side open.")
    lower, upper = (
        default if side is None else _number(side, f"a bound of {key}")
        for side, default in zip(given, (spec.lower, spec.upper), strict=True)
    )
    if lower >= upper:
        raise ParameterError(
            f"{key} has bounds [{lower:g}, {upper:g}]: the lower one must be below the upper one."
        )
    return lower, upper


def _fitters(entries: Any) -> list[tuple[str, dict[str, object]]]:
    from engine.fitters import configured

    if entries is None:
        return []
    if not isinstance(entries, list):
        raise DescriptionError("fitters must be a list, such as '- lm: {max_steps: 100}'.")
    chosen: list[tuple[str, dict[str, object]]] = []
    for entry in entries:
        if isinstance(entry, str):
            entry = {entry: {}}
        if not isinstance(entry, Mapping) or len(entry) != 1:
            raise DescriptionError(
                "A fitter is a name, or one name with its options: '- lm: {max_steps: 100}'."
            )
        name, options = next(iter(entry.items()))
        options = dict(options or {})
        configured(str(name), options)
        chosen.append((str(name), options))
    return chosen
