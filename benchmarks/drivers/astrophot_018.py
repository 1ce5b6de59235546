"""Times AstroPhot 0.18's fitters. Run by benchmarks/peers.py, under a Python that has that version."""

import math
from collections.abc import Callable
from typing import Any

import astrophot as ap
import measure
import torch

# Importing AstroPhot points the root logger at a file in the current folder (peers.py chooses a scratch one).
ap.config.set_logging_output(stdout=False, filename=None)


def build(problem: measure.Problem) -> Any:
    """The start of the fit as a group of models; pixel centers are whole numbers here as in Residua."""
    target = ap.TargetImage(data=problem.data, variance=problem.variance, pixelscale=1.0)
    models = [ap.Model(name="sky", model_type="flat sky model", target=target, I0=problem.sky)]
    for number, sersic in enumerate(problem.sersics):
        models.append(
            ap.Model(
                name=f"sersic{number}",
                model_type="sersic galaxy model",
                target=target,
                center=[sersic["x"], sersic["y"]],
                q=sersic["axis_ratio"],
                PA=math.radians(sersic["position_angle"]),
                n=sersic["n"],
                Re=sersic["radius_e"],
                Ie=sersic["intensity_e"],
            )
        )
    group = ap.Model(name="group", model_type="group model", models=models, target=target)
    group.initialize()
    return group


def make(problem: measure.Problem, threads: int) -> measure.Setup:
    torch.set_num_threads(threads)

    def setup(case: str, short: bool) -> Callable[[], dict[str, Any]]:
        model = build(problem)
        steps = {"max_iter": 2} if short else {}
        if case == "lm":
            fitter = ap.fit.LM(model, verbose=0, **steps)
        elif case == "iterative":
            fitter = ap.fit.Iter(model, verbose=0, **steps)
        elif case == "iterative-parameters":
            fitter = ap.fit.IterParam(model, chunks=11, chunk_order="random", verbose=0, **steps)
        else:
            raise SystemExit(f"AstroPhot 0.18 has no counterpart of {case!r}.")

        def fit() -> dict[str, Any]:
            fitter.fit()
            return {"chi2_dof": fitter.res_loss(), "message": fitter.message.strip()}

        return fit

    return setup


if __name__ == "__main__":
    measure.run("AstroPhot", ap.__version__, make)
