"""A mend of Bokeh 3.9: defaults that are the same each time are worked out once.

Bokeh asks a model for all its properties, again and again, when it looks for what the model refers to and when it
writes it; for each that nobody set it copies, checks and converts the default of its class anew, which is much of the
time that a page is made in. Only values that nobody can change are kept, and none that a theme gives.
"""

from __future__ import annotations

from typing import Any

from bokeh.core.has_props import HasProps
from bokeh.core.property.descriptors import PropertyDescriptor

_get_default = PropertyDescriptor._get_default
_found: dict[tuple[type[HasProps], str], Any] = {}
_NONE: dict[str, Any] = {}


def get_default(self: PropertyDescriptor[Any], obj: HasProps) -> Any:
    """The default of this property for a model, as Bokeh has it."""
    name, own = self.name, obj.__dict__
    if name in (own.get("__themed_values__") or _NONE):
        return _get_default(self, obj)
    if name in own["_unstable_default_values"]:
        return own["_unstable_default_values"][name]
    key = type(obj), name
    if key in _found:
        return _found[key]
    value = _get_default(self, obj)
    if not self.has_unstable_default(obj):
        _found[key] = value
    return value


def repair() -> None:
    """Have Bokeh keep them; harmless when called again."""
    PropertyDescriptor._get_default = get_default  # type: ignore[method-assign]
