"""Times imfit's Levenberg-Marquardt, through pyimfit. Run by benchmarks/peers.py, in imfit's environment."""

from collections.abc import Callable
from typing import Any

import measure
import pyimfit

# Wide limits: the fit stays far from every one of them.
LIMITS = {"PA": (-360, 360), "ell": (0, 0.99), "n": (0.2, 10), "r_e": (0.1, 200), "I_e": (0, 1e6)}
SHORT_TOLERANCE = 0.5


def describe(problem: measure.Problem) -> dict[str, Any]:
    """The start of the fit in imfit's terms: 1-based pixels, ellipticity instead of axis ratio."""
    sets = []
    for number, sersic in enumerate(problem.sersics):
        x, y = sersic["x"] + 1, sersic["y"] + 1
        start = {
            "PA": sersic["position_angle"],
            "ell": 1 - sersic["axis_ratio"],
            "n": sersic["n"],
            "I_e": sersic["intensity_e"],
            "r_e": sersic["radius_e"],
        }
        functions = [
            {
                "name": "Sersic",
                "label": "",
                "parameters": {name: [value, *LIMITS[name]] for name, value in start.items()},
            }
        ]
        if number == 0:
            functions.append({"name": "FlatSky", "label": "", "parameters": {"I_sky": [problem.sky, 0, 1e6]}})
        sets.append({"X0": [x, x - 30, x + 30], "Y0": [y, y - 30, y + 30], "function_list": functions})
    return {"function_sets": sets}


def make(problem: measure.Problem, threads: int) -> measure.Setup:
    def setup(case: str, short: bool) -> Callable[[], dict[str, Any]]:
        if case != "lm":
            raise SystemExit(f"imfit has no counterpart of {case!r}; it runs only the case 'lm'.")
        fitter = pyimfit.Imfit(describe(problem), maxThreads=threads)
        fitter.loadData(problem.data, error=problem.variance, error_type="variance")

        def fit() -> dict[str, Any]:
            result = fitter.doFit(solver="LM", **({"ftol": SHORT_TOLERANCE} if short else {}))
            return {
                "chi2_dof": result.fitStat / problem.dof,
                "message": "converged" if result.fitConverged else "not converged",
            }

        return fit

    return setup


if __name__ == "__main__":
    measure.run("imfit", pyimfit.__version__, make)
