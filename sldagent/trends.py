"""Axes along which every series of runs goes one way, and laws that turn round beyond them.

A parabola in the logarithm of the data may hold on every cut and rise again just beyond the largest
run. Where runs have turned, a law may, too; where none of several series has, it has no reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sldagent.table import Table
from sldagent.task import Role

Floats = NDArray[np.float64]

FACTORS = (1.0, 2.0, 4.0, 8.0)  # of the largest runs, at which a law is looked at
_SERIES, _LEVELS = 4, 3  # of an axis and of a series, so that they tell something
# Of all that targets rise and fall along an axis, what is left when the two are set off.
_ONE_WAY = 0.95
_BACK = 0.05  # of a target's spread, by which a law goes back beyond the data, in the mean of rows


@dataclass(frozen=True, slots=True)
class Trend:
    """An axis of size or data, and for each target the way that it goes along it.

    Attributes:
        axis: The feature's column.
        ways: For each target -1 where it falls, 1 where it rises, 0 where nobody can tell; towards
            better runs, where the feature may fall.
        falls: Whether better runs have less of the feature, as of a loss that is aimed at.
    """

    axis: int
    ways: tuple[int, ...]
    falls: bool = False


def steady_trends(
    roles: Sequence[Role | None], falls: Sequence[bool], table: Table
) -> tuple[Trend, ...]:
    """The axes on which some target goes one way in every series of runs.

    A series are rows that differ in nothing else, three levels and more. Beside unique data more of
    it means repeats, and beside a rate the best one moves: there no axis is steady.
    """
    if Role.UNIQUE_DATA in roles or Role.RATE in roles:
        return ()
    found = []
    for axis, (role, down) in enumerate(zip(roles, falls, strict=True)):
        if role in (Role.SIZE, Role.DATA):
            ways = tuple(_way(axis, table, target) * (-1 if down else 1) for target in table.y.T)
            if any(ways):
                found.append(Trend(axis, ways, down))
    return tuple(found)


def _way(axis: int, table: Table, target: Floats) -> int:
    others = np.column_stack([table.group_codes, np.delete(table.x, axis, axis=1)])
    _, codes = np.unique(others, axis=0, return_inverse=True)
    net, path, ways = 0.0, 0.0, set()
    series = 0
    for code in np.flatnonzero(np.bincount(codes) >= _LEVELS):
        mine = np.flatnonzero(codes == code)
        levels, at = np.unique(table.x[mine, axis], return_inverse=True)
        if len(levels) < _LEVELS:
            continue
        means = np.bincount(at, target[mine]) / np.bincount(at)
        net += float(means[-1] - means[0])
        path += float(np.abs(np.diff(means)).sum())
        ways.add(int(np.sign(means[-1] - means[0])))
        series += 1
    if series < _SERIES or len(ways) > 1 or abs(net) < _ONE_WAY * path:
        return 0
    return ways.pop()


def spread_within(table: Table) -> Floats:
    """Standard deviation of each target (T,) about the means of its groups."""
    codes = table.group_codes
    counts = np.bincount(codes)[:, None]
    means = np.stack([np.bincount(codes, target) for target in table.y.T], axis=1) / counts
    return np.asarray((table.y - means[codes]).std(axis=0))


def ladder(trend: Trend, x: Floats, count: int) -> Floats:
    """Points that go on along the trend from up to `count` of the largest rows of `x` (N, F).

    There are `len(FACTORS)` for each row, row after row.
    """
    own = x[:, trend.axis]
    top = np.flatnonzero(own == (own.min() if trend.falls else own.max()))
    chosen = top[np.unique(np.linspace(0, len(top) - 1, min(count, len(top))).round().astype(int))]
    points = np.repeat(x[chosen], len(FACTORS), axis=0)
    factors = np.array(FACTORS) ** (-1 if trend.falls else 1)
    points[:, trend.axis] *= np.tile(factors, len(chosen))
    return points


def turns(trend: Trend, predicted: Floats, spread: Floats) -> bool:
    """Whether a law goes back along the trend beyond the data, as far as it is finite there.

    Args:
        trend: The axis, and which way targets go along it.
        predicted: Predictions (K, T) for the points of one or several ladders.
        spread: From `spread_within`.
    """
    with np.errstate(invalid="ignore"):
        steps = np.diff(predicted.reshape(-1, len(FACTORS), predicted.shape[1]), axis=1)
    steps = np.where(np.isfinite(steps), steps, 0.0)  # what is not has a price of its own
    back = np.maximum(0.0, -steps * np.array(trend.ways)).sum(axis=1)
    return bool((back.mean(axis=0) > _BACK * spread).any())
