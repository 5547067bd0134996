"""The benchmark's metrics, over the concatenated rows of all groups."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sldagent.candidate import Metrics

Floats = NDArray[np.float64]


def nmse(actual: Floats, predicted: Floats) -> float:
    """Mean squared error over population variance, per target; the mean over targets.

    Args:
        actual: (N, T).
        predicted: (N, T).

    Raises:
        ValueError: A target does not vary over the rows.
    """
    centred = _centred(actual)
    error = np.mean((predicted - actual) ** 2, axis=0)
    return float(np.mean(error / np.mean(centred**2, axis=0)))


def nmae(actual: Floats, predicted: Floats) -> float:
    """Mean absolute error over mean |y - mean(y)|, per target; the mean over targets."""
    centred = _centred(actual)
    error = np.mean(np.abs(predicted - actual), axis=0)
    return float(np.mean(error / np.mean(np.abs(centred), axis=0)))


def score_rows(actual: Floats, predicted: Floats) -> Metrics:
    """All metrics of these rows; R² = 1 - NMSE. Errors as in `nmse`."""
    squared = nmse(actual, predicted)
    return Metrics(r2=1.0 - squared, nmse=squared, nmae=nmae(actual, predicted))


def group_metrics(
    actual: Floats, predicted: Floats, codes: NDArray[np.intp], names: Sequence[str]
) -> dict[str, Metrics | None]:
    """The metrics of each group that has rows here; None where its targets do not vary."""
    results: dict[str, Metrics | None] = {}
    for code, name in enumerate(names):
        mine = codes == code
        if mine.any():
            varies = bool(np.ptp(actual[mine], axis=0).all())
            results[name] = score_rows(actual[mine], predicted[mine]) if varies else None
    return results


def relative_error(actual: Floats, predicted: Floats) -> float:
    """Mean |error / actual| over the values that are not zero; 0 where all are."""
    known = actual != 0
    if not known.any():
        return 0.0
    return float(np.mean(np.abs((predicted[known] - actual[known]) / actual[known])))


def _centred(actual: Floats) -> Floats:
    # Subtracting a first mean before taking the mean again keeps targets with a large offset exact.
    shifted = actual - actual.mean(axis=0)
    centred: Floats = shifted - shifted.mean(axis=0)
    if len(actual) == 0 or not np.ptp(actual, axis=0).all():
        raise ValueError("a target does not vary over these rows: R² has no meaning")
    return centred
