"""The best learning rate and batch size at given scales: a search over features that are tuned."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sldagent.laws.expressions import Array

POINTS = 9  # on each axis of a grid
BEYOND = 10.0  # times the ends of the box, where the best is looked for if it is not inside
_SHRINK = 0.4  # of the grid's width from round to round; neighbours of the best stay inside


def tune(
    loss: Callable[[Array], Array], low: Array, high: Array, count: int, rounds: int = 16
) -> tuple[Array, Array]:
    """For each of `count` scales the least loss over K tuned features, by grids.

    Looked for in a box, that of the data; only where the best lies on its edge, also beyond it, as
    polynomials fall without end somewhere, while a valley may well drift out of the data.

    Args:
        loss: Values (count, P, K) of the tuned features to losses (count, P).
        low: Lower ends (K,) of the box, positive.
        high: Upper ends (K,).
        count: Number of scales.
        rounds: Grids; 16 leave 1e-6 of the box's width in logarithms.

    Returns:
        Best values (count, K), and the losses (count,) there.
    """
    best, least = _search(loss, low, high, count, rounds)
    outside = np.any(on_edge(best, low, high), axis=1)
    if np.any(outside):
        further, lower = _search(loss, low / BEYOND, high * BEYOND, count, rounds)
        best = np.where(np.expand_dims(outside, 1), further, best)
        least = np.where(outside, lower, least)
    return best, least


def on_edge(values: Array, low: Array, high: Array) -> NDArray[np.bool_]:
    """Which values (..., K) are, but for a thousandth, an end of the box."""
    return np.asarray((values <= low * 1.001) | (values >= high / 1.001), dtype=np.bool_)


def no_optimum(name: str, value: float) -> str:
    """A warning for a value on the edge of all that was searched."""
    return f"no best {name}: it gets better as far as was looked, to {name} = {value:.3g}"


def _search(
    loss: Callable[[Array], Array], low: Array, high: Array, count: int, rounds: int
) -> tuple[Array, Array]:
    """The best in a box by grids that are even in logarithms, each narrower than the one before."""
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
