"""What money buys: the best that a price pays for, and from where on something is worth it.

Not every run spends its money well: of a grid of sizes and data most runs have a cheaper one that
is better. What money buys is told by the others, the frontier, and by the law's values there
rather than by what was measured, whose luck would be chosen with it. So would be the luck of a run
that was cheap by chance: where prices scatter about what runs of such features cost, that counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from sldagent.laws.expressions import Array
from sldagent.laws.families import find
from sldagent.laws.fitting import Fit, fit
from sldagent.laws.fitting.batch import NDArrayInt
from sldagent.task import Role

_LAW = "product(D)"  # E + A p^-a
_LEAST = 4  # runs on a frontier that a curve can be laid through
MORE = 10.0  # times the dearest run
_REACH = 100.0  # times the dearest run: how far groups are compared
_GRID = 400
_SCATTER = 0.02  # of a price about what its features cost, from which it is none of the run's own
_EXPLAINED = 0.9  # of the variance of ln price, from which features tell what runs cost
_SEEN = 0.5  # share of the refits that must have a crossing for its interval to mean anything


@dataclass(frozen=True, slots=True)
class Value:
    """A number with the ends of its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Worth:
    """What price buys in one group, where the best that it pays for is y = E + A price^-a.

    Attributes:
        exponent: a.
        price: Of the dearest run.
        gain: By how much the target gets better from there to ten times the price.
        threshold: Price of a unit of the target from which that is worth it: 9 price / gain.
    """

    group: str
    exponent: Value
    price: float
    gain: Value
    threshold: Value


@dataclass(frozen=True, slots=True)
class Crossing:
    """From which price on one group has the better target.

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
    price: Array, values: Array, x: Array, groups: Sequence[str], level: float = 0.95, seed: int = 0
) -> tuple[list[Worth], list[Crossing]]:
    """What price buys in every group, and where one group becomes worth more than another.

    Args:
        price: Of each run (N,), positive.
        values: The law's at each run, lower being better, then its refits' (1 + draws, N).
        x: Features (N, F) on the scale of their roles, as `scales.on_scale` gives them.
        groups: Group of each run, such as a recipe.
        level: Of the intervals.
        seed: Of what prices may have been by chance.

    A group with fewer than four runs on its frontier has no curve and is left out.
    """
    names = np.array(list(groups))
    rows: list[Array] = []
    labels: list[str] = []
    dearest: dict[str, float] = {}
    for group in dict.fromkeys(groups):
        own = np.flatnonzero(names == group)
        paid = _usual(price[own], x[own], len(values) - 1, seed)
        fronts = [_frontier(p, value) for p, value in zip(paid, values[:, own], strict=True)]
        if len(fronts[0]) < _LEAST:
            continue
        dearest[group] = float(price[own].max())
        for draw, front in enumerate(fronts):
            if len(front) >= _LEAST:
                rows += [np.stack([paid[draw, front], values[draw, own[front]]], axis=1)]
                labels += [_label(group, draw)] * len(front)
    if not rows:
        return [], []
    table = np.concatenate(rows)
    signed = "signed " if (table[:, 1] <= 0).any() else ""
    found = fit(find(signed + _LAW, (Role.DATA,)), table[:, :1], table[:, 1:], labels)
    curves = {group: _draws_of(found, group, len(values)) for group in dearest}
    single = [_worth(found, g, curves[g], dearest[g], level) for g in dearest]
    return single, _crossings(found, curves, price, level)


def _usual(price: Array, x: Array, draws: int, seed: int) -> Array:
    """What runs of such features cost, where prices scatter about that; else the prices.

    By least squares of ln price on the features, their squares and products: a bill has parts that
    grow with the run and parts that do not. Then come `draws` of what might have been found had
    other runs been cheap by chance: (1 + draws, N).
    """
    spread = np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), 1.0)
    z = (x - x.mean(axis=0)) / spread
    pairs = [z[:, i] * z[:, j] for i in range(z.shape[1]) for j in range(i, z.shape[1])]
    terms = np.column_stack([np.ones(len(z)), z, *pairs])
    same, distinct = np.tile(price, (1 + draws, 1)), len(np.unique(x, axis=0))
    if distinct < 2 * terms.shape[1]:
        terms = terms[:, : 1 + z.shape[1]]
    if distinct < 2 * terms.shape[1]:
        return same
    smooth = terms @ np.linalg.pinv(terms)
    logs = np.log(price)
    usual = smooth @ logs
    off = (logs - usual) * np.sqrt(len(logs) / (len(logs) - terms.shape[1]))
    if off.std() <= _SCATTER or np.mean(off**2) > (1 - _EXPLAINED) * logs.var():
        return same
    lucky = np.random.default_rng(seed).choice(off, (draws, len(off)))
    return np.asarray(np.exp(np.vstack([usual, (usual + lucky) @ smooth.T])))


def _frontier(price: Array, value: Array) -> NDArrayInt:
    """Runs that are better than all that cost no more, by price."""
    order = np.lexsort((value, price))
    before = np.minimum.accumulate(np.append(np.inf, value[order][:-1]))
    return order[value[order] < before]


def _label(group: str, draw: int) -> str:
    return f"{draw}\0{group}"


def _draws_of(found: Fit, group: str, count: int) -> list[str]:
    """What the curves of a group are called in the fit, the law's own first."""
    known = set(found.groups)
    return [name for name in (_label(group, draw) for draw in range(count)) if name in known]


def _along(found: Fit, curves: Sequence[str], price: Array) -> Array:
    """What curves say at prices (M,): (curves, M)."""
    each = [name for name in curves for _ in price]
    got = found.predict(np.tile(price, len(curves))[:, None], each)
    return np.asarray(got.reshape(len(curves), len(price)))


def _worth(found: Fit, group: str, curves: Sequence[str], price: float, level: float) -> Worth:
    bounds = [(1 - level) / 2, (1 + level) / 2]
    exponents = np.array([found.params(name)["a_D"] for name in curves])
    low, high = np.nanquantile(exponents[1:], bounds) if len(curves) > 1 else exponents[[0, 0]]
    ends = _along(found, curves, np.array([price, MORE * price]))
    gains = ends[:, 0] - ends[:, 1]
    least, most = np.nanquantile(gains[1:], bounds) if len(curves) > 1 else gains[[0, 0]]
    more = (MORE - 1) * price
    with np.errstate(divide="ignore"):
        threshold, dear, cheap = more / np.maximum([gains[0], least, most], 0.0)
    return Worth(
        group, Value(float(exponents[0]), float(low), float(high)), price,
        Value(float(gains[0]), float(least), float(most)),
        Value(float(threshold), float(cheap), float(dear)),
    )  # fmt: skip


def _crossings(
    found: Fit, curves: Mapping[str, Sequence[str]], price: Array, level: float
) -> list[Crossing]:
    grid = np.geomspace(price.min(), _REACH * price.max(), _GRID)
    along = {group: _along(found, names, grid) for group, names in curves.items()}
    crossings = []
    for better, worse in permutations(along, 2):
        common = min(len(along[better]), len(along[worse]))
        below = along[better][:common] < along[worse][:common]
        # The last price from which `better` stays below to the end of the grid.
        start = _GRID - np.argmin(below[:, ::-1], axis=1)
        crosses = below[:, -1] & ~below.all(axis=1)
        share = float(crosses[1:].mean()) if common > 1 else 0.0
        if not crosses[0] or share < _SEEN:
            continue
        prices = grid[np.minimum(start, _GRID - 1)]
        low, high = np.quantile(prices[1:][crosses[1:]], [(1 - level) / 2, (1 + level) / 2])
        crossings.append(
            Crossing(better, worse, Value(float(prices[0]), float(low), float(high)), share)
        )
    return crossings
