"""All fitters on one problem, each with options that fit beside the others."""

from __future__ import annotations

from typing import Any

ALL = ("lm", "iterative", "iterative-parameters", "gradient", "nuts", "hmc", "metropolis")
DRAWS = (100, 500, 2000)


def run_all_options(draws: int) -> dict[str, dict[str, Any]]:
    """Options by fitter, for samplers with this many draws a chain; the rest as declared.

    Warm-up is shortened with the draws, and Metropolis-Hastings, whose neighboring draws are alike, gets ten times
    as many.
    """
    warmup = max(50, min(200, draws // 2))
    return {
        **{name: {} for name in ALL[:4]},
        "nuts": {"draws": draws, "warmup": warmup},
        "hmc": {"draws": draws, "warmup": warmup},
        "metropolis": {"draws": 10 * draws, "warmup": 5 * warmup},
    }
