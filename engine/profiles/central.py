"""The amplitude of profiles that are finite at their center."""

from engine.parameters.spec import Spec

INTENSITY_0 = Spec(
    name="intensity_0",
    unit="flux/pixel",
    lower=0.0,
    default=1.0,
    label="central intensity",
    help="Surface brightness at the center.",
)
