"""What money buys: the target against price, and from where on something is worth it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from sldagent.laws.expressions import Array
from sldagent.laws.families import find
from sldagent.laws.fitting import fit
from sldagent.laws.uncertainty import Bootstrap, bootstrap
from sldagent.task import Role

_LAW = "product(D)"  # E + A p^-a
MORE = 10.0  # times the dearest run
_REACH = 100.0  # times the dearest run: how far groups are compared
_GRID = 400
_SEEN = 0.5  # share of the refits that must have a crossing for its interval to mean anything


@dataclass(frozen=True, slots=True)
class Value:
    """A number with the ends of its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Worth:
    """What price buys in one group, for a target y = E + A price^-a.

    Attributes:
        exponent: a.
        price: Of the dearest run.
        gain: By how much the target falls from there to ten times the price.
        threshold: Price of a unit of the target from which that is worth it: 9 price / gain.
    """

    group: str
    exponent: Value
    price: float
    gain: Value
    threshold: Value


@dataclass(frozen=True, slots=True)
class Crossing:
    """From which price on one group has the lower target.

    Attributes:
        better: The group that is better above.
        worse: The one that is better below.
        price: Where their curves cross.
        share: Of the refits that cross this way.
    """

    better: str
    worse: str
    price: Value
    share: float


def worth(
    price: Array, y: Array, groups: Sequence[str], draws: int = 200, level: float = 0.95
) -> tuple[list[Worth], list[Crossing]]:
    """What price buys in every group, and where one group becomes worth more than another.

    Args:
        price: Of each run (N,), positive.
        y: The target (N,), lower is better.
        groups: Group of each run, such as a recipe.
        draws: Bootstrap refits.
        level: Of the intervals.
    """
    x, targets = price[:, None], y[:, None]
    signed = "signed " if (y <= 0).any() else ""
    found = fit(find(signed + _LAW, (Role.DATA,)), x, targets, groups)
    drawn = bootstrap(found, x, targets, groups, draws=draws)
    names = np.array(list(groups))
    single = [_worth(drawn, g, float(price[names == g].max()), level) for g in found.groups]
    return single, _crossings(drawn, price, level)


def _worth(drawn: Bootstrap, group: str, price: float, level: float) -> Worth:
    low, high = drawn.params(group, level=level)["a_D"]
    exponent = Value(drawn.fit.params(group)["a_D"], low, high)
    here, there = np.array([[price]]), np.array([[MORE * price]])
    gain = drawn.fit.predict(here, group)[0, 0] - drawn.fit.predict(there, group)[0, 0]
    gains = (drawn.predict(here, [group]) - drawn.predict(there, [group]))[:, 0, 0]
    bounds = np.nanquantile(gains, [(1 - level) / 2, (1 + level) / 2])
    more = (MORE - 1) * price
    with np.errstate(divide="ignore"):
        dear, cheap = more / np.maximum(bounds, 0)
        threshold = float(more / np.maximum(gain, 0))
    return Worth(
        group, exponent, price, Value(float(gain), float(bounds[0]), float(bounds[1])),
        Value(threshold, float(cheap), float(dear)),
    )  # fmt: skip


def _crossings(drawn: Bootstrap, price: Array, level: float) -> list[Crossing]:
    grid = np.geomspace(price.min(), _REACH * price.max(), _GRID)
    curves = {}
    for group in drawn.fit.groups:
        names = [group] * _GRID
        own = drawn.fit.predict(grid[:, None], names)[:, 0]
        curves[group] = np.vstack([own, drawn.predict(grid[:, None], names)[..., 0]])
    found = []
    for better, worse in permutations(drawn.fit.groups, 2):
        below = curves[better] < curves[worse]
        # The last price from which `better` stays below to the end of the grid.
        start = _GRID - np.argmin(below[:, ::-1], axis=1)
        crosses = below[:, -1] & ~below.all(axis=1)
        share = float(crosses[1:].mean())
        if not crosses[0] or share < _SEEN:
            continue
        prices = grid[np.minimum(start, _GRID - 1)]
        low, high = np.quantile(prices[1:][crosses[1:]], [(1 - level) / 2, (1 + level) / 2])
        found.append(
            Crossing(better, worse, Value(float(prices[0]), float(low), float(high)), share)
        )
    return found
