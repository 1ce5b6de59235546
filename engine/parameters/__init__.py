"""Parameters as data: declarations, values, links."""

from engine.parameters.links import Follows, Link, parse_link
from engine.parameters.parameter import Parameter
from engine.parameters.priors import KINDS, Prior, parse_prior
from engine.parameters.space import ParameterSpace
from engine.parameters.spec import Spec

__all__ = [
    "KINDS",
    "Follows",
    "Link",
    "Parameter",
    "ParameterSpace",
    "Prior",
    "Spec",
    "parse_link",
    "parse_prior",
]
