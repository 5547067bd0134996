"""Points beyond the data at which a law should still give numbers."""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sldagent.task import Column, Role

_REACH = 10.0  # a positive feature's box ends at ten times its largest value
_DECADE = float(np.log(10.0))  # a logged input's box ends one decade beyond its largest value


def probe_points(
    features: Sequence[Column], x: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """`count` points (count, F) of the box that reaches beyond the rows `x` (N, F) of one group.

    The first is the far corner; the others are spread evenly in the logarithm of positive features
    and uniformly otherwise. Fractions are drawn from the simplex, so they sum to what the rows' sum
    is. The points depend on nothing but the ranges of `x`.
    """
    low, high = x.min(axis=0), x.max(axis=0)
    seed = zlib.crc32(np.round(np.concatenate([low, high]), 12).tobytes())
    draws = np.random.default_rng(seed).random((count, len(features)))
    draws[0] = 1.0
    points = np.empty((count, len(features)))
    for j, column in enumerate(features):
        if column.role is Role.LOGGED or low[j] <= 0:
            top = high[j] + (_DECADE if column.role is Role.LOGGED else 0.0)
            points[:, j] = low[j] + draws[:, j] * (top - low[j])
        else:
            points[:, j] = low[j] * (_REACH * high[j] / low[j]) ** draws[:, j]
    shares = [j for j, column in enumerate(features) if column.role is Role.FRACTION]
    if shares:
        total = float(x[:, shares].sum(axis=1).mean())
        weights = -np.log(np.clip(draws[:, shares], 1e-12, 1 - 1e-12))
        points[:, shares] = total * weights / weights.sum(axis=1, keepdims=True)
    return points
