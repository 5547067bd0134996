"""Who writes the next program: a model or symbolic mutation; which model, and with what prompt."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sldagent.proposing.base import Arm
from sldagent.proposing.thompson import EVEN, draw_values

_SURE = 0.25  # share of proposals that each side has whatever it brings
USUAL_SHARE, MOST_SHARE = 0.5, 1 - _SURE  # of proposals that models write in a mixed search
_MEMORY = 24  # tries that an arm is judged by
_MOST_RATIO = 8.0  # a cheaper call counts for at most so many dearer ones


def draw_arm(
    names: Sequence[str],
    weights: Sequence[float],
    arms: Mapping[str, Arm],
    priced: bool,
    rng: np.random.Generator,
) -> str:
    """One of the names, by the improvement that it brought on the island for its cost.

    Each draws its rate of acceptance from what is known of it (Thompson 1933), times one half to
    one for its gain beside the best, over its mean cost beside the cheapest (dollars where every
    model is priced, tokens otherwise; an arm that was never tried counts as the mean one), times
    its weight. The highest wins. In a share of draws the weights alone decide, so that no arm dies
    out.
    """
    given = np.asarray(weights, float)
    if rng.random() < EVEN:
        return names[int(rng.choice(len(names), p=given / given.sum()))]
    known = [arms.get(name, Arm()) for name in names]
    values = draw_values(known, _MEMORY, rng) * given / given.max() / _costs(known, priced)
    return names[int(np.argmax(values))]


def draw_side(llm: Sequence[str], arms: Mapping[str, Arm], rng: np.random.Generator) -> bool:
    """Whether a model is asked rather than symbolic mutation.

    Compared is what a candidate of each side brought on the island, as a candidate is what both
    cost: one evaluation. Each side is sure of a fourth of all proposals.
    """
    chance = rng.random()
    if chance < 2 * _SURE:
        return bool(chance < _SURE)
    asked = set(llm)
    sides = [
        _together([arm for name, arm in arms.items() if (name in asked) == wanted])
        for wanted in (True, False)
    ]
    values = draw_values(sides, _MEMORY, rng)
    return bool(values[0] >= values[1])


def _together(arms: Sequence[Arm]) -> Arm:
    return Arm(
        tries=sum(arm.tries for arm in arms),
        accepted=sum(arm.accepted for arm in arms),
        gain=sum(arm.gain for arm in arms),
    )


def _costs(known: Sequence[Arm], priced: bool) -> NDArray[np.float64]:
    """Mean cost of a try beside the cheapest, at most `_MOST_RATIO`."""
    tries = np.array([arm.tries for arm in known], dtype=float)
    total = np.array([arm.usd if priced else arm.tokens for arm in known], dtype=float)
    mean = total / np.maximum(tries, 1)
    paid = mean[mean > 0]
    if not len(paid):
        return np.ones(len(known))
    usual = np.where(tries > 0, mean, paid.mean())
    ratios: NDArray[np.float64] = np.clip(usual / paid.min(), 1.0, _MOST_RATIO)
    return ratios
