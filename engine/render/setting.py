"""What a component needs to know about the image besides its grid."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.render.psf_spline import PsfSpline
from engine.render.samples import Accuracy


@dataclass(frozen=True)
class Setting:
    """What a component is rendered with.

    Attributes:
        accuracy: Of the integration over pixels.
        psf: For point sources; None where the image has none.
        reference: The center of the image, or of its window, (x, y): where a plane sky has its intensity.
    """

    accuracy: Accuracy = field(default_factory=Accuracy)
    psf: PsfSpline | None = None
    reference: tuple[float, float] = (0.0, 0.0)
