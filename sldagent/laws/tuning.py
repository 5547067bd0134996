"""The best learning rate and batch size at given scales: a search over features that are tuned."""

from collections.abc import Callable

import numpy as np

from sldagent.laws.expressions import Array

POINTS = 9  # on each axis of a grid
_SHRINK = 0.4  # of the grid's width from round to round; neighbours of the best stay inside


def tune(
    loss: Callable[[Array], Array], low: Array, high: Array, count: int, rounds: int = 16
) -> tuple[Array, Array]:
    """For each of `count` scales the least loss over K tuned features in a box, by grids.

    Grids are even in logarithms; each next one is narrower, about the best point so far.

    Args:
        loss: Values (count, P, K) of the tuned features to losses (count, P).
        low: Lower ends (K,) of the box, positive.
        high: Upper ends (K,).
        count: Number of scales.
        rounds: Grids; 16 leave 1e-6 of the box's width in logarithms.

    Returns:
        Best values (count, K), and the losses (count,) there.
    """
    bottom, top = np.log(low), np.log(high)
    axes = np.meshgrid(*[np.linspace(-1, 1, POINTS)] * len(low), indexing="ij")
    grid = np.stack([axis.ravel() for axis in axes], axis=1)
    centre = np.tile((bottom + top) / 2, (count, 1))
    half = (top - bottom) / 2
    rows = np.arange(count)
    for _ in range(rounds):
        at = np.clip(centre[:, None] + grid * half, bottom, top)
        with np.errstate(all="ignore"):
            got = loss(np.exp(at))
        got = np.where(np.isfinite(got), got, np.inf)
        best = got.argmin(axis=1)
        centre, least = at[rows, best], got[rows, best]
        half = half * _SHRINK
    return np.exp(centre), least
