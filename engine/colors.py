"""The one color of each fitter, wherever it is drawn."""

from __future__ import annotations

# Seen on light and dark surfaces, and told apart by the color-blind among the seven that are compared most
# (after Okabe & Ito 2008 and Tol 2021). Never the only sign: a name stands beside each.
FITTER_COLORS: dict[str, str] = {
    "lm": "#1c93aa",
    "iterative": "#e69f00",
    "iterative-parameters": "#c2547d",
    "gradient": "#7a8b00",
    "nuts": "#4f7fe0",
    "hmc": "#d55e00",
    "metropolis": "#9467bd",
    "ensemble-hmc": "#2f9e6e",
    "elliptical": "#56b4e9",
    "laplace": "#b07d3c",
    "svi": "#cc79a7",
    "bootstrap": "#8cab57",
    "scipy": "#6f8fa8",
    "multistart": "#b5a642",
    "differential-evolution": "#a0645a",
}
OTHER_FITTER = "#8a949e"


def fitter_color(fitter: str) -> str:
    """Return the color of a fitter, by its key; chains such as gradient+lm take that of their last member."""
    return FITTER_COLORS.get(fitter.split("+")[-1].strip(), OTHER_FITTER)
