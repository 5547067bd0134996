"""The benchmark's metrics, over the concatenated rows of all groups."""

import math
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sldagent.candidate import Metrics

Floats = NDArray[np.float64]

_MOST = sys.float_info.max


def nmse(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Mean squared error over population variance, per target; the mean over targets.

    Args:
        actual: (N, T), or (N,) for one target.
        predicted: Of the same shape.

    Returns:
        A finite number, also where the truth is too large for a float: then about the largest.

    Raises:
        ValueError: A target does not vary over the rows, or the arrays are no tables of finite
            numbers of one shape.
    """
    return score_rows(actual, predicted).nmse


def nmae(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Mean |y - ŷ| over mean |y - mean(y)|, per target; the mean over targets. Else as `nmse`."""
    return score_rows(actual, predicted).nmae


def r2(actual: ArrayLike, predicted: ArrayLike) -> float:
    """1 - NMSE. Else as `nmse`."""
    return score_rows(actual, predicted).r2


def score_rows(actual: ArrayLike, predicted: ArrayLike) -> Metrics:
    """All metrics of these rows; arguments and errors as in `nmse`."""
    y, given = _tables(actual, predicted)
    squared, absolute = [], []
    for j in range(y.shape[1]):
        centred = _centred(y[:, j])
        # Both are taken in units of the targets' largest deviation, whose square then never
        # overflows or vanishes; the ratios stay what they are.
        unit = float(np.abs(centred).max())
        with np.errstate(over="ignore"):
            error = (given[:, j] - y[:, j]) / unit
            squared.append(_ratio(error * error, (centred / unit) ** 2))
            absolute.append(_ratio(np.abs(error), np.abs(centred) / unit))
    mean_squared = _mean(squared)
    return Metrics(r2=1.0 - mean_squared, nmse=mean_squared, nmae=_mean(absolute))


def group_metrics(
    actual: ArrayLike, predicted: ArrayLike, codes: NDArray[np.intp], names: Sequence[str]
) -> dict[str, Metrics | None]:
    """The metrics of each group that has rows here; None where a target does not vary in them.

    `codes` gives for each row the index of its group in `names`.
    """
    y, given = _tables(actual, predicted)
    results: dict[str, Metrics | None] = {}
    for code, name in enumerate(names):
        mine = codes == code
        if mine.any():
            varies = bool((y[mine].max(axis=0) > y[mine].min(axis=0)).all())
            results[name] = score_rows(y[mine], given[mine]) if varies else None
    return results


def relative_error(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Mean |error / actual| over the values that are not zero, finite; 0 where all are zero."""
    y, given = _tables(actual, predicted)
    known = y != 0
    with np.errstate(over="ignore"):
        errors = np.abs((given[known] - y[known]) / y[known])
    return _mean(errors.tolist()) if errors.size else 0.0


def _tables(actual: ArrayLike, predicted: ArrayLike) -> tuple[Floats, Floats]:
    y, given = np.asarray(actual, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if y.shape != given.shape or y.ndim not in (1, 2) or not y.size:
        raise ValueError(f"cannot compare actual {y.shape} with predicted {given.shape} values")
    if not (np.isfinite(y).all() and np.isfinite(given).all()):
        raise ValueError("actual and predicted values must be finite")
    return y.reshape(len(y), -1), given.reshape(len(y), -1)


def _centred(y: Floats) -> Floats:
    """The target less its mean; exact to the last digits for a large offset too."""
    if not y.max() > y.min():
        raise ValueError("a target does not vary over these rows: R² has no meaning")
    # Differences between near numbers are exact, so the mean of what is left is small and precise.
    shifted = y - y[0]
    centred: Floats = shifted - math.fsum(shifted.tolist()) / len(y)
    return centred


def _ratio(parts: Floats, whole: Floats) -> float:
    """Quotient of two sums."""
    return min(_sum(parts.tolist()) / _sum(whole.tolist()), _MOST)


def _mean(values: list[float]) -> float:
    return _sum(values) / len(values)


def _sum(values: list[float]) -> float:
    """The correctly rounded sum of numbers that are not negative; at most the largest float."""
    try:
        return min(math.fsum(values), _MOST)
    except OverflowError:
        return _MOST
