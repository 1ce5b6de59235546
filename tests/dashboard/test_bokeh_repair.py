"""Defaults that are kept are those that Bokeh works out, for every kind of model there is."""

from __future__ import annotations

import warnings
from typing import Any

from bokeh.core.has_props import HasProps
from bokeh.core.property.descriptors import PropertyDescriptor
from bokeh.model import Model
from bokeh.models import Range1d, Title
from bokeh.themes import Theme

from dashboard import bokeh_repair, ui


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal; what is a model of its own for each has to be of the same kind."""
    if isinstance(one, HasProps):
        return type(one) is type(other)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and (one == other or one != one)


def models() -> list[Model]:
    """One of each kind that can be made without arguments, Panel's and ours among them."""
    made = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in list(Model.model_class_reverse_map.values()):
            try:
                made.append(kind())
            except TypeError:
                continue
    return made


def test_every_default_is_as_bokeh_has_it() -> None:
    ui.setup()
    checked = 0
    for ours, theirs in zip(models(), models(), strict=True):
        for name in sorted(ours.properties()):
            found = type(ours).lookup(name)
            if name in ours._property_values or not isinstance(found, PropertyDescriptor):
                continue  # it has a value, or is the old name of one that comes too
            expected = bokeh_repair._get_default(found, theirs)
            for _ in range(2):  # worked out, then kept
                assert same(bokeh_repair.get_default(found, ours), expected), (ours, name)
            checked += 1
    assert checked > 10_000


def test_what_can_be_changed_is_each_models_own() -> None:
    ui.setup()
    one, other = Range1d(), Range1d()
    one.tags.append("changed")
    one.js_property_callbacks["change:start"] = []
    assert other.tags == Range1d().tags == []
    assert other.js_property_callbacks == Range1d().js_property_callbacks == {}


def test_a_theme_goes_before_a_default_and_leaves_again() -> None:
    ui.setup()
    title = Title()
    plain = title.text_color
    Theme(json={"attrs": {"Title": {"text_color": "#123456"}}}).apply_to_model(title)
    assert title.text_color == "#123456"
    assert Title().text_color == plain
    Theme(json={}).apply_to_model(title)
    assert title.text_color == plain
    title.text_color = "red"
    assert title.text_color == "red"
