"""What an emitted program states: a law, the units of its features, and how it is fitted."""

from dataclasses import dataclass
from enum import StrEnum

from sldagent.laws.expressions import Law
from sldagent.laws.fitting import SQUARED, Objective, Units


class Link(StrEnum):
    """What the formula gives: the target, its logarithm, or that of its odds (of 1 or of 100)."""

    IDENTITY = "identity"
    LOG = "log"
    LOGIT = "logit"
    PERCENT = "percent"


@dataclass(frozen=True)
class Form:
    """A law with all that its program's text holds beside the formula.

    Attributes:
        law: The formula, bound to columns, with the box of each shape in O(1) units.
        units: Shift and scale of every feature column; powers of ten (whole numbers for logged
            inputs), so that readers see `params / 1e9` and nothing is a fitted number in disguise.
        objective: What the fit minimises.
        emphasis: Rows are weighted by (position from the lowest to the highest row along the scale
            features, from 0 to 1) to this power, plus a little; 0 weights all rows alike.
        link: What the formula is fitted to; predictions are always of the target.
    """

    law: Law
    units: Units
    objective: Objective = SQUARED
    emphasis: float = 0.0
    link: Link = Link.IDENTITY
