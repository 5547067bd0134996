"""The moves: each makes another form of a form, and says in words what it did."""

from sldagent.proposing.symbolic.moves import (
    couplings,
    crossing,
    exponents,
    fits,
    terms,
    transforms,
)
from sldagent.proposing.symbolic.moves.base import Made, Move

MOVES: dict[str, Move] = {
    "add term": terms.add_term,
    "drop term": terms.drop_term,
    "replace term": terms.replace_term,
    "floor": terms.change_floor,
    "share exponents": exponents.share,
    "unshare exponents": exponents.unshare,
    "fix exponent": exponents.fix,
    "free exponent": exponents.free,
    "couple": couplings.couple,
    "join terms": couplings.join_terms,
    "split product": couplings.split,
    "generalised mean": couplings.mean,
    "interaction": couplings.interact,
    "follow": couplings.follow,
    "transform feature": transforms.transform,
    "power to logarithm": transforms.to_logarithm,
    "saturate power": transforms.saturate,
    "drift": transforms.drift,
    "exponentiate": transforms.exponentiate,
    "box": fits.change_box,
    "objective": fits.change_objective,
    "emphasis": fits.change_emphasis,
    "cross terms": crossing.cross_terms,
    "swap term": crossing.swap_term,
    "cross fit": crossing.cross_fit,
    "fresh form": terms.fresh,
}
NEED_MATES = frozenset({"cross terms", "swap term", "cross fit"})
KEEP_STRUCTURE = frozenset({"box", "objective", "emphasis", "cross fit"})

__all__ = ["KEEP_STRUCTURE", "MOVES", "NEED_MATES", "Made", "Move"]
