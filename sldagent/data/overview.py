"""What the command `tasks` shows: plain values, ready for JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sldagent.cuts import Cut, make_cuts
from sldagent.data.describe import describe
from sldagent.data.sources import find_table, load_train
from sldagent.data.tasks import find_task, list_tasks
from sldagent.errors import PrerequisiteError
from sldagent.table import Table
from sldagent.task import Role, Task

# Beyond this correlation the exponents of two axes can no longer be told apart.
_COLLINEAR = 0.98


@dataclass(frozen=True, slots=True)
class Check:
    """What `check_task` found: counts of rows, levels of features, the cuts, and warnings."""

    task: str
    table: str
    sha256: str
    rows: int
    groups: dict[str, int]
    features: tuple[dict[str, Any], ...]  # name, role, levels, low, high
    cuts: tuple[dict[str, Any], ...]  # name, axes, fit_rows, held_out_rows
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; keys are stable."""
        return asdict(self)


def summarize_tasks(data: str | None = None) -> list[dict[str, Any]]:
    """Every task: name, title, features, targets, parameter_limit, and training `table` or None.

    Only names of files are looked at.
    """
    return [
        {
            "name": task.name,
            "title": task.title,
            "features": list(task.feature_names),
            "targets": list(task.target_names),
            "parameter_limit": task.parameter_limit,
            "table": _table(task, data),
        }
        for task in list_tasks()
    ]


def task_details(name: str, data: str | None = None) -> dict[str, Any]:
    """All that a task file says, and the names of its groups where its table is at hand."""
    task = find_task(name)
    table = _table(task, data)
    groups = load_train(task, data).group_names if table else ()
    return {**asdict(task), "sha256": task.sha256, "table": table, "groups": list(groups)}


def describe_task(name: str, data: str | None = None) -> str:
    """The task in words, for people and models; made from the rows that no cut holds out."""
    task = find_task(name)
    table = load_train(task, data)
    return describe(task, table, make_cuts(task, table))


def check_task(name: str, data: str | None = None) -> Check:
    """Reads a task's training table, makes its cuts and looks for what spoils a fit.

    Raises:
        DataError: The table does not fit the task, or no cut can be made.
        PrerequisiteError: There are no data.
    """
    task = find_task(name)
    table = load_train(task, data)
    cuts = make_cuts(task, table)
    return Check(
        task=task.name,
        table=table.origin,
        sha256=table.sha256,
        rows=len(table),
        groups={group: table.groups.count(group) for group in table.group_names},
        features=tuple(
            {
                "name": column.name,
                "role": column.role,
                "levels": len(np.unique(values)),
                "low": float(values.min()),
                "high": float(values.max()),
            }
            for column, values in zip(task.features, table.x.T, strict=True)
        ),
        cuts=tuple(
            {
                "name": cut.name,
                "axes": [task.feature_names[axis] for axis in cut.axes],
                "fit_rows": len(cut.fit),
                "held_out_rows": len(cut.held_out),
            }
            for cut in cuts
        ),
        warnings=(
            *_cut_warnings(task, table, cuts),
            *_column_warnings(task, table),
        ),
    )


def _table(task: Task, data: str | None) -> str | None:
    try:
        return str(find_table(task, "train", data))
    except PrerequisiteError:
        return None


def _cut_warnings(task: Task, table: Table, cuts: tuple[Cut, ...]) -> list[str]:
    found = []
    if len(cuts) < 2:
        found.append(
            f"only one cut can be made ({cuts[0].name}): choosing by a single extrapolation is"
            " unreliable; add rows at more levels, or cut rules"
        )
    sets = [("the table", table)]
    sets += [(f"the fit rows of cut {cut.name}", table.rows(cut.fit)) for cut in cuts]
    for where, rows in sets:
        small = _small_groups(task, rows)
        if small:
            found.append(
                f"{_some(small)}: fewer values in {where} than the limit of"
                f" {task.parameter_limit} parameters"
            )
            break  # what is too small in the table is so in every cut, and cuts are alike
    return found


def _small_groups(task: Task, table: Table) -> list[str]:
    """Groups with fewer target values than they may have parameters."""
    counts = np.bincount(table.group_codes) * len(task.targets)
    limit = task.parameter_limit or 0
    return [name for name, count in zip(table.group_names, counts, strict=True) if count < limit]


def _column_warnings(task: Task, table: Table) -> list[str]:
    names = task.feature_names
    constant = [name for name, x in zip(names, table.x.T, strict=True) if np.ptp(x) == 0]
    found = [f"column {name} is constant: no law can say what it does" for name in constant]
    found += [
        f"columns {names[i]} and {names[j]} are nearly collinear (correlation {r:+.3f}): their"
        " exponents cannot be told apart; vary one without the other"
        for i, j, r in _collinear(task, table)
    ]
    keys = np.column_stack([table.group_codes, table.x])
    repeats = len(keys) - len(np.unique(keys, axis=0))
    if repeats:
        found.append(
            f"rows that repeat the features of another row of their group: {repeats}"
            " (seeds, or copies?)"
        )
    return found


def _collinear(task: Task, table: Table) -> list[tuple[int, int, float]]:
    """Pairs of features that move together inside the groups; sizes are compared as logarithms."""
    x = np.array(table.x)
    for i, column in enumerate(task.features):
        if column.role not in (Role.FRACTION, Role.LOGGED):
            x[:, i] = np.log(x[:, i])
    for code in range(len(table.group_names)):
        rows = table.group_codes == code
        x[rows] -= x[rows].mean(axis=0)
    pairs = combinations(range(x.shape[1]), 2)
    correlations = ((i, j, _correlation(x[:, i], x[:, j])) for i, j in pairs)
    return [(i, j, r) for i, j, r in correlations if abs(r) > _COLLINEAR]


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Correlation of two centred columns; 0 where one is constant but for rounding."""
    scale = float(np.sqrt((a @ a) * (b @ b)))
    constant = min(np.ptp(a), np.ptp(b)) < 1e-12
    return 0.0 if constant else float(a @ b) / scale


def _some(groups: Sequence[str]) -> str:
    """The first few of a list of groups, in words."""
    named = ", ".join(groups[:3])
    more = f" and {len(groups) - 3} more" if len(groups) > 3 else ""
    return f"group{'s' if len(groups) > 1 else ''} {named}{more}"
