"""Which fitter, with which options."""

from __future__ import annotations

from typing import Any

import param

from engine import fitters


class FitForm(param.Parameterized):
    """A choice among the engine's fitters. Each keeps its options while another is looked at."""

    fitter: param.Selector[Any] = param.Selector(default="lm", objects=["lm"], doc="Key of the fitter.")

    def __init__(self, **params: Any) -> None:
        kinds = fitters.registry()
        self.param.fitter.objects = list(kinds)
        self._forms = {key: kind() for key, kind in kinds.items()}
        super().__init__(**params)

    @property
    def chosen(self) -> fitters.Fitter:
        """The chosen fitter, holding its options."""
        return self._forms[self.fitter]

    def titles(self) -> dict[str, str]:
        """Screen title to key, in the order of the registry."""
        return {form.title: key for key, form in self._forms.items()}

    def options(self) -> dict[str, Any]:
        """The options that differ from their defaults: what a run is asked for."""
        chosen = self.chosen
        return {
            name: value for name, value in chosen.options().items() if value != chosen.param[name].default
        }
