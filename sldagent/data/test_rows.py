"""The one module that reads test rows.

Called by export, bench and `evaluate --split test`, which count each reading. What searches,
prompts or reports before an export does not come here.
"""

from pathlib import Path

import numpy as np

from sldagent.cuts import Cut
from sldagent.data.sources import find_table
from sldagent.errors import DataError
from sldagent.table import Table
from sldagent.task import Task


def load_test(task: Task, train: Table, data: str | Path | None = None) -> Table:
    """The task's test table; `data` as in `sldagent.data.sources.load_train`.

    Raises:
        DataError: The table does not fit the task, or has a group that the training table lacks.
        PrerequisiteError: The data have no test table of this task.
    """
    table = find_table(task, "test", data).read(task)
    for group in table.group_names:
        if group not in train.group_names:
            raise DataError(
                f"{table.origin}, column {task.group_column}: group '{group}' is not in"
                f" {train.origin or 'the training table'}"
            )
    return table


def join_test(task: Task, train: Table, test: Table) -> tuple[Table, Cut]:
    """Both tables as one, and the cut that fits on all training rows and holds out the test rows.

    Raises:
        DataError: The test rows have a target that does not vary: no R² can be given.
    """
    if len(test) < 2 or not np.ptp(test.y, axis=0).all():
        raise DataError(f"{test.origin}: the test rows' targets do not vary, so R² has no meaning")
    both = Table(
        np.concatenate([train.x, test.x]),
        np.concatenate([train.y, test.y]),
        train.groups + test.groups,
        test.origin,
    )
    rows = np.arange(len(both))
    axes = tuple(j for j in range(both.x.shape[1]) if test.x[:, j].max() > train.x[:, j].max())
    all_axes = axes or tuple(range(both.x.shape[1]))
    return both, Cut("test", rows[: len(train)], rows[len(train) :], all_axes)
