"""Everything the workbench knows: description, what it opens to, selection, undo, the run on screen.

One owner: views show this object and report to it. An edit makes a new description, opens it (the engine judges it),
and only then takes the old one's place; a refused edit changes nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import param

import engine
from dashboard.state import images
from dashboard.state.history import History

# Fitted values are compared with the description after a trip through JSON: equal up to the last bits.
SAME = 1e-12


@dataclass(frozen=True)
class Opened:
    """A description as the engine understands it: the image, and the problem once the scene has a component.

    ``notices`` are sentences on what was guessed, masked or looks doubtful.
    """

    image: engine.Image | None = None
    problem: engine.Problem | None = None
    notices: tuple[str, ...] = ()


class Workbench(param.Parameterized):
    """State of one workbench page.

    ``open_description`` turns a stored description (file references and all) into :class:`Opened`, and raises
    engine.EngineError with the sentence to show.
    """

    description = param.Dict({}, doc="The fit description as stored: what the next fit starts from.")
    opened = param.ClassSelector(class_=Opened, default=Opened(), doc="What the description opens to.")
    history = param.ClassSelector(class_=History, default=History(), doc="Undo and redo.")
    selected = param.String("", doc="Name of the component that is marked.")
    placing = param.String("", doc="Key of the model whose place the next click in an image gives.")
    error = param.String("", doc="Why the image cannot be used.")
    refused = param.String("", doc="Why the last edit was refused.")
    active = param.Dict({}, doc="Runs that wait or are under way, by id: status, message, fitter, last step.")
    run = param.Dict(None, allow_None=True, doc="The ended run on screen: id, status, message.")
    deleted = param.String("", doc="Id of the run deleted last, which can be brought back.")
    result = param.Dict(None, allow_None=True, doc="Contents of result.json of the run on screen.")

    def __init__(self, open_description: Callable[[Mapping[str, Any]], Opened], **params: Any) -> None:
        super().__init__(**params)
        self._open = open_description

    # --- edits: prepare() may run on a thread, accept() belongs to the page

    def prepare(self, description: Mapping[str, Any]) -> Opened:
        """Open a description without keeping it. engine.EngineError when it cannot be."""
        return self._open(description)

    def accept(self, description: Mapping[str, Any], opened: Opened, *, undoable: bool = True) -> None:
        """Make an opened description the present one."""
        history = self.history.record(self.description) if undoable else self.history
        self._show(written_out(description, opened), opened, history)

    def edit(self, description: Mapping[str, Any]) -> None:
        """Open and accept in one go; a refused description leaves everything as it was."""
        self.accept(description, self.prepare(description))

    def undo_target(self) -> tuple[Mapping[str, Any], History] | None:
        """Where undo leads, or None."""
        return self.history.undo(self.description) if self.history.past else None

    def redo_target(self) -> tuple[Mapping[str, Any], History] | None:
        """Where redo leads, or None."""
        return self.history.redo(self.description) if self.history.future else None

    def travel(self, description: Mapping[str, Any], opened: Opened, history: History) -> None:
        """Arrive where undo or redo led."""
        self._show(dict(description), opened, history)

    def _show(self, description: dict[str, Any], opened: Opened, history: History) -> None:
        names = [component["name"] for component in description.get("components") or []]
        self.param.update(
            description=description,
            opened=opened,
            history=history,
            selected=self.selected if self.selected in names else "",
            error="",
            refused="",
        )

    # --- derived

    @property
    def names(self) -> list[str]:
        """Names of the components, in order."""
        return [component["name"] for component in self.description.get("components") or []]

    @property
    def running(self) -> bool:
        """Whether a run is waiting or under way."""
        return bool(self.active)

    @property
    def fitted_description(self) -> dict[str, Any]:
        """What a fit is given: the description with the one image that is worked on."""
        return images.of_first(self.description)

    @property
    def uncertainties(self) -> dict[str, float | None]:
        """Uncertainty by parameter, when the values on screen are those of the run on screen; else empty."""
        if not self.result_is_current:
            return {}
        assert self.result is not None
        return dict(zip(self.result["names"], self.result["uncertainties"], strict=True))

    @property
    def result_is_current(self) -> bool:
        """Whether the values on screen are the ones the run on screen arrived at."""
        if self.result is None or self.opened.problem is None:
            return False
        about = self.result.get("description") or {}
        if about.get("images") and not images.same(about, self.description):
            return False
        fitted = self.result.get("all_values") or {}
        values = {parameter.key: parameter.value for parameter in self.opened.problem.parameters}
        free = {parameter.key for parameter in self.opened.problem.parameters if parameter.free}
        return (
            values.keys() == fitted.keys()
            and free == set(self.result["names"])
            and all(abs(values[key] - fitted[key]) <= SAME * max(1.0, abs(fitted[key])) for key in values)
        )


def written_out(description: Mapping[str, Any], opened: Opened) -> dict[str, Any]:
    """The description with every parameter of its components written out, as the engine started them."""
    full = copy.deepcopy(dict(description))
    if opened.problem is not None:
        full["components"] = opened.problem.describe()["components"]
    return full


def adopted(description: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """The description with the values a run arrived at; images, fitters and bounds stay as they are."""
    full = copy.deepcopy(dict(description))
    full["components"] = copy.deepcopy(result["description"]["components"])
    return full
