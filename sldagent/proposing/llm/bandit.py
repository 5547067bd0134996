"""Who writes the next program: a model or symbolic mutation; which model, and with what prompt."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sldagent.proposing.base import Arm

_EVEN = 0.2  # share of draws in which all arms are alike
_SURE = 0.25  # share of proposals that each side has whatever it brings
USUAL_SHARE, MOST_SHARE = 0.5, 1 - _SURE  # of proposals that models write in a mixed search
_PRIOR = (1.0, 2.0)  # accepted and not accepted, before an arm was tried
_MEMORY = 24  # tries that an arm is judged by: what helped early may help no more
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
    if rng.random() < _EVEN:
        return names[int(rng.choice(len(names), p=given / given.sum()))]
    known = [arms.get(name, Arm()) for name in names]
    values = _values(known, rng) * given / given.max() / _costs(known, priced)
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
    values = _values(sides, rng)
    return bool(values[0] >= values[1])


def _together(arms: Sequence[Arm]) -> Arm:
    return Arm(
        tries=sum(arm.tries for arm in arms),
        accepted=sum(arm.accepted for arm in arms),
        gain=sum(arm.gain for arm in arms),
    )


def _values(known: Sequence[Arm], rng: np.random.Generator) -> NDArray[np.float64]:
    """A draw of each arm's rate of acceptance, times one half to one for its gain."""
    tries = np.array([arm.tries for arm in known], dtype=float)
    gains = np.array([arm.gain for arm in known]) / np.maximum(tries, 1)
    best = gains.max()
    relative = np.where(tries > 0, gains / best, 1.0) if best > 0 else np.ones(len(known))
    trust = np.minimum(1.0, _MEMORY / np.maximum(tries, 1))
    yes = np.array([arm.accepted for arm in known]) * trust
    no = tries * trust - yes
    drawn = rng.beta(_PRIOR[0] + yes, _PRIOR[1] + no)
    values: NDArray[np.float64] = drawn * (0.5 + 0.5 * relative)
    return values


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
