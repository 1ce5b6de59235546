"""Times AstroPhot 0.16's fitters. Run by benchmarks/peers.py, under a Python that has that version."""

import math
import random
from collections.abc import Callable
from typing import Any

import astrophot as ap
import measure
import torch

# Importing AstroPhot points the root logger at a file in the current folder (peers.py chooses a scratch one).
ap.AP_config.set_logging_output(stdout=False, filename=None)

# This version puts the corner of the image at the origin, so the first pixel's center is at 0.5.
ORIGIN = 0.5


def build(problem: measure.Problem) -> Any:
    """The start of the fit as a group of models; brightnesses are decimal logarithms in this version."""
    target = ap.image.Target_Image(data=problem.data, variance=problem.variance, pixelscale=1.0)
    models = [
        ap.models.AstroPhot_Model(
            name="sky",
            model_type="flat sky model",
            target=target,
            parameters={"F": math.log10(problem.sky)},
        )
    ]
    for number, sersic in enumerate(problem.sersics):
        models.append(
            ap.models.AstroPhot_Model(
                name=f"sersic {number}",
                model_type="sersic galaxy model",
                target=target,
                parameters={
                    "center": [sersic["x"] + ORIGIN, sersic["y"] + ORIGIN],
                    "q": sersic["axis_ratio"],
                    "PA": math.radians(sersic["position_angle"]),
                    "n": sersic["n"],
                    "Re": sersic["radius_e"],
                    "Ie": math.log10(sersic["intensity_e"]),
                },
            )
        )
    group = ap.models.AstroPhot_Model(name="group", model_type="group model", models=models, target=target)
    group.initialize()
    return group


def make(problem: measure.Problem, threads: int) -> measure.Setup:
    torch.set_num_threads(threads)

    def setup(case: str, short: bool) -> Callable[[], dict[str, Any]]:
        model = build(problem)
        steps = {"max_iter": 2} if short else {}
        if case == "lm":
            fitter = ap.fit.LM(model, **steps)
        elif case == "iterative":
            fitter = ap.fit.Iter(model, **({"max_iter": 1} if short else {}))
        elif case == "iterative-parameters":
            # The chunks are drawn from Python's own generator.
            random.seed(42)
            fitter = ap.fit.Iter_LM(model, chunks=11, **({"max_iter": 1} if short else {}))
        elif case == "gradient":
            # report_freq divides max_iter; one report per step is the least it allows for two steps.
            count = 10 if short else 1000
            fitter = ap.fit.Grad(model, method="Adam", max_iter=count, optim_kwargs={"lr": 5e-3})
        else:
            raise SystemExit(f"AstroPhot 0.16 has no counterpart of {case!r}.")

        def fit() -> dict[str, Any]:
            fitter.fit()
            return {"chi2_dof": fitter.res_loss(), "message": fitter.message.strip()}

        return fit

    return setup


if __name__ == "__main__":
    measure.run("AstroPhot", ap.__version__, make)
