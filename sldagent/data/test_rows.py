"""The one module that reads test rows.

Called by export, bench and `evaluate --split test`, which count each reading, and by `tasks new`,
which writes a user's test table in the form of the task. What searches, prompts or reports before
an export does not come here.
"""

from pathlib import Path

import numpy as np

from sldagent.cuts import Cut
from sldagent.data import cleaning
from sldagent.data.choices import Choice, Finding, Use, Wishes
from sldagent.data.rows import make_table, read_shaped, usable_rows
from sldagent.data.sources import find_table
from sldagent.data.tasks import did_you_mean
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
    far, known = ((t.x * np.array(task.outward)).max(axis=0) for t in (test, train))
    axes = tuple(np.flatnonzero(far > known).tolist())
    all_axes = axes or tuple(range(both.x.shape[1]))
    return both, Cut("test", rows[: len(train)], rows[len(train) :], all_axes)


def read_fixed_test(
    path: Path, wishes: Wishes, choices: list[Choice], train: Table
) -> tuple[Table, list[Finding]]:
    """A test table read by the choices that the training table led to, and what was found in it.

    Raises:
        DataError: A column or a number is missing, or a group has no training rows.
    """
    frame, _ = read_shaped(path, wishes)
    used = [c for c in choices if c.use in (Use.FEATURE, Use.GROUP)]
    for choice in used:
        if choice.name not in frame.columns:
            hint = did_you_mean(choice.name, tuple(frame.columns))
            raise DataError(f"{path}: the test table has no column '{choice.name}'{hint}")
    rows = len(frame)
    # A test row is never taken for diverged: that would choose what is judged by what is predicted.
    for step in (cleaning.drop_unfinished, cleaning.drop_without_target, cleaning.keep_last_steps):
        frame, _ = step(frame, wishes)
    keep, _ = usable_rows(frame, choices)
    table = make_table(frame.rows(keep), choices, wishes.targets)
    for group in table.group_names:
        if group not in train.group_names:
            raise DataError(f"{path}: group '{group}' of the test table has no training rows")
    found = []
    if rows > len(table):
        what = f"{rows - len(table)} of {rows} test rows lack a number or are earlier steps"
        found.append(Finding(what, "left out"))
    known = {(g, *x) for g, x in zip(train.groups, train.x.tolist(), strict=True)}
    same = sum((g, *x) in known for g, x in zip(table.groups, table.x.tolist(), strict=True))
    if same:
        what = f"{same} test rows have the features of a training row"
        found.append(
            Finding(what, "kept: they say how a law interpolates, not how it extrapolates")
        )
    return table, found
