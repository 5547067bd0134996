"""The rules of the task, judged from numbers that separate children returned.

Each check returns nothing, or raises what it is given to raise with a status and words that a
person and a model understand.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sldagent.candidate import Status
from sldagent.task import Task

Floats = NDArray[np.float64]
Fail = Callable[[Status, str], Exception]

TOLERANCE = 1e-7  # relative; a law that is the same function of a row differs by rounding only
# Where a prediction happens to be nearly zero, rounding is measured against the targets' spread.
_OF_SPREAD = 1e-9


def describe_row(task: Task, row: Floats, group: str) -> str:
    """A row in words: `tokens=2e+10, params=1e+09, group 'all_data'`."""
    pairs = zip(task.feature_names, row.tolist(), strict=True)
    return ", ".join(f"{name}={value:.6g}" for name, value in pairs) + f", group '{group}'"


def check_literals(task: Task, params: int, literals: int, fail: Fail) -> None:
    """Parameters and literals together may not exceed twice the parameter limit."""
    limit = task.parameter_limit
    if limit is not None and params + literals > 2 * limit:
        raise fail(
            Status.REJECTED,
            f"{params} parameters and {literals} literals in the law exceed twice the limit of "
            f"{limit}: constants belong into the parameters, where they are fitted",
        )


def check_independence(
    task: Task,
    x: Floats,
    group: str,
    batch: Floats,
    single: Floats,
    reversed_: Floats,
    spread: Floats,
    fail: Fail,
) -> None:
    """A row's prediction must be the same in a batch, alone, and in a batch in another order.

    Args:
        task: Names the columns, for the message.
        x: The rows (N, F).
        group: Whose rows they are, for the message.
        batch: Predictions (N, T) for all rows at once.
        single: For each row alone, by another child, in reverse order.
        reversed_: For all rows at once, last row first, put back into the order of `x`.
        spread: Standard deviation of each target (T,).
        fail: Makes the exception that ends the evaluation.
    """
    for other, what in (
        (single, "is {b:.8g} among other rows but {o:.8g} alone in a fresh process"),
        (reversed_, "changes from {b:.8g} to {o:.8g} when the rows are put in another order"),
    ):
        with np.errstate(invalid="ignore"):  # less than half of np.isclose's time
            allowed = np.maximum(TOLERANCE * np.abs(other), _OF_SPREAD * spread)
            same = (np.abs(batch - other) <= allowed) & np.isfinite(other)
        same |= (batch == other) | (np.isnan(batch) & np.isnan(other))
        if same.all():
            continue
        i, j = np.argwhere(~same)[0]
        words = what.format(b=batch[i, j], o=other[i, j])
        raise fail(
            Status.REJECTED,
            f"the prediction for {describe_row(task, x[i], group)} {words}: a law must depend on "
            "its own row and parameters only, and not on chance",
        )
