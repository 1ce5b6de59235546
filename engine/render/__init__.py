"""From functions of the plane to pixels: grids, integration over pixels, convolution."""

from engine.render.convolve import Convolver
from engine.render.grid import Grid
from engine.render.integrate import plan_samples
from engine.render.psf_spline import PsfSpline
from engine.render.samples import Accuracy, Samples
from engine.render.setting import Setting

__all__ = ["Accuracy", "Convolver", "Grid", "PsfSpline", "Samples", "Setting", "plan_samples"]
