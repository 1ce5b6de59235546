"""From functions of the plane to pixels: grids, integration over pixels, convolution."""

from engine.render.convolve import Convolver
from engine.render.grid import Grid
from engine.render.integrate import forget_plans, plan_samples
from engine.render.psf_spline import PsfSpline
from engine.render.samples import Accuracy, Samples
from engine.render.scratch import forget_scratch
from engine.render.setting import Setting


def forget() -> None:
    """Let go of work arrays and plans that are kept for the next time."""
    forget_scratch()
    forget_plans()


__all__ = ["Accuracy", "Convolver", "Grid", "PsfSpline", "Samples", "Setting", "forget", "plan_samples"]
