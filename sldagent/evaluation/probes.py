"""Points beyond the data at which a law should still give numbers."""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sldagent.scales import CAN_BE_ZERO, offset_of
from sldagent.task import Column, Role

Floats = NDArray[np.float64]

_REACH = 10.0  # a positive feature's box ends at ten times its largest value
_DECADE = float(np.log(10.0))  # a logged input's box ends at most one decade beyond its values
_FALL = 0.5  # of its logarithmic range, by which the box of a feature that falls goes on downwards


def probe_points(features: Sequence[Column], x: Floats, count: int) -> Floats:
    """`count` points (count, F) of the box that reaches beyond the rows `x` (N, F) of one group.

    The first is the far corner; the others are spread evenly in the logarithm of positive features
    and uniformly otherwise. Fractions are drawn from the simplex, so they sum to what the rows' sum
    is; one alone goes half of what is left to zero and to one. A feature that falls goes on
    downwards. The points depend on nothing but the values of `x`.
    """
    low, high = x.min(axis=0), x.max(axis=0)
    seed = zlib.crc32(np.round(np.concatenate([low, high]), 12).tobytes())
    draws = np.random.default_rng(seed).random((count, len(features)))
    draws[0] = 1.0
    points = np.empty((count, len(features)))
    for j, column in enumerate(features):
        near, far = _ends(column, x[:, j])
        offset = offset_of(x[:, j], column.role)
        if column.role is Role.LOGGED or low[j] + offset <= 0:
            points[:, j] = near + draws[:, j] * (far - near)
        else:
            steps = ((far + offset) / (near + offset)) ** draws[:, j]
            points[:, j] = (near + offset) * steps - offset
    shares = [j for j, column in enumerate(features) if column.role is Role.FRACTION]
    if len(shares) == 1:
        (j,) = shares
        points[:, j] = low[j] / 2 + draws[:, j] * ((1 + high[j]) / 2 - low[j] / 2)
    elif shares:
        total = float(x[:, shares].sum(axis=1).mean())
        weights = -np.log(np.clip(draws[:, shares], 1e-12, 1 - 1e-12))
        points[:, shares] = total * weights / weights.sum(axis=1, keepdims=True)
    return points


def _ends(column: Column, values: Floats) -> tuple[float, float]:
    """Where a feature's box begins, and where it ends beyond the data."""
    low, high = float(values.min()), float(values.max())
    near, far = (high, low) if column.falls else (low, high)
    if column.role is Role.LOGGED:
        return near, far + float(np.clip(far - near, -_DECADE, _DECADE))
    if low < 0 or (low == 0 and column.role not in CAN_BE_ZERO):
        return near, far
    return near, far * (low / high) ** _FALL if column.falls else far * _REACH
