"""The film strip: of each draw the model image, its residual, its profile around the brightest component."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

import engine
from dashboard.figures.densities import unwrapped
from engine.radial import rings_around
from engine.residuals import RadialProfile, radial_profile

MOST_FRAMES = 200
KEPT_FRAMES = 64


@dataclass(frozen=True)
class Frame:
    """One draw, seen.

    Attributes:
        number: Which draw, all chains in a row.
        model: (row, column).
        pull: Residual over sigma, nan where ignored.
        profile: Of the model.
        chi2_dof: At this draw.
    """

    number: int
    model: np.ndarray
    pull: np.ndarray
    profile: RadialProfile
    chi2_dof: float


class FilmStrip:
    """Frames of a posterior, rendered when asked for and kept. Methods that render belong on a thread."""

    def __init__(self, problem: engine.Problem, result: engine.FitResult) -> None:
        assert result.draws is not None
        self.problem = problem
        self._flat = result.draws.reshape(-1, len(result.names))
        self.length = result.draws.shape[1]
        count = min(MOST_FRAMES, len(self._flat))
        self._drawn = np.linspace(0, len(self._flat) - 1, count).round().astype(int)
        self._result = result
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self._rings = brightest(problem, result)
        self.data_profile = self._profile(problem.image.data)

    def __len__(self) -> int:
        return len(self._drawn)

    def numbers(self, order: str) -> np.ndarray:
        """Which draws the frames are of: as drawn, or along the weakest direction of the posterior."""
        if order != "weakest":
            return self._drawn
        return self._drawn[np.argsort(self._along_weakest(self._drawn))]

    def _along_weakest(self, numbers: np.ndarray) -> np.ndarray:
        flat = unwrapped(self._flat, self.problem.space.period)
        spread = flat.std(axis=0)
        scaled = (flat - flat.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        _, vectors = np.linalg.eigh(np.atleast_2d(np.cov(scaled.T)))
        return np.asarray(scaled[numbers] @ vectors[:, -1])

    def frame(self, number: int) -> Frame:
        """The draw with this number."""
        if number not in self._frames:
            image = self.problem.image
            model = self.problem.render(self._flat[number])
            pull = (image.data - model) * np.sqrt(image.weight)
            chi2 = float(np.nansum(pull**2))
            pull[image.weight == 0] = np.nan
            dof = self.problem.dof
            self._frames[number] = Frame(
                number, model, pull, self._profile(model), chi2 / dof if dof > 0 else math.nan
            )
            while len(self._frames) > KEPT_FRAMES:
                self._frames.popitem(last=False)
        return self._frames[number]

    def words(self, place: int, order: str) -> str:
        """Which draw of which chain a frame is."""
        number = int(self.numbers(order)[place])
        return f"chain {number // self.length + 1}, draw {number % self.length + 1}"

    def _profile(self, image: np.ndarray) -> RadialProfile:
        center, ratio, angle = self._rings
        return radial_profile(image, self.problem.image.weight, center, ratio, angle)


def brightest(problem: engine.Problem, result: engine.FitResult) -> tuple[tuple[float, float], float, float]:
    """Rings around the brightest component: center (x, y) in the image's array, axis ratio, position angle."""
    found = rings_around(problem, result.all_values)
    return found.center, found.axis_ratio, found.position_angle
