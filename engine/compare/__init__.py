"""Several fits of one image side by side: do they agree, where do they differ, what did they cost."""

from engine.compare.agreement import AGREE, Agreement
from engine.compare.alignment import Aligned, align, difference
from engine.compare.comparison import Comparison, compare, differing_images, differing_weights
from engine.compare.costs import Cost, costs
from engine.compare.criteria import Criteria, criteria, draws_for_loo, leave_one_out
from engine.compare.disagreement import Blame, Cause, blame, disagreement
from engine.compare.leverage import pixel_jacobian
from engine.compare.psis import Loo, psis_loo
from engine.compare.race import AXES, Finish, finishes, race, track
from engine.compare.tension import DENOMINATOR, deviations, overlaps, tensions

__all__ = [
    "AGREE",
    "AXES",
    "DENOMINATOR",
    "Agreement",
    "Aligned",
    "Blame",
    "Cause",
    "Comparison",
    "Cost",
    "Criteria",
    "Finish",
    "Loo",
    "align",
    "blame",
    "compare",
    "costs",
    "criteria",
    "deviations",
    "difference",
    "differing_images",
    "differing_weights",
    "disagreement",
    "draws_for_loo",
    "finishes",
    "leave_one_out",
    "overlaps",
    "pixel_jacobian",
    "psis_loo",
    "race",
    "tensions",
    "track",
]
