"""What a component needs to know about the image besides its grid."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.render.psf_spline import PsfSpline
from engine.render.samples import Accuracy


@dataclass(frozen=True)
class Setting:
    """Accuracy of the integration and, for point sources, the PSF."""

    accuracy: Accuracy = field(default_factory=Accuracy)
    psf: PsfSpline | None = None
