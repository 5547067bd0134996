"""What the command `tasks check` says: the rows, the cuts, the checklist, and what is wrong."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sldagent.cuts import Cut, make_cuts
from sldagent.data.checklist import Item, make_checklist
from sldagent.data.findings import design_warnings, find_repeats, find_warnings
from sldagent.data.headroom import find_problems
from sldagent.data.sources import load_or_measured
from sldagent.data.tasks import find_task
from sldagent.table import Table
from sldagent.task import Task

# A standard deviation of fewer repeats is not known well enough to condemn a table by.
_REPEATS = 5


@dataclass(frozen=True, slots=True)
class Check:
    """What `check_task` found.

    Attributes:
        features: For each its name, role, levels, low and high.
        cuts: For each its name, axes, fit_rows and held_out_rows.
        checklist: What a reader of a law wants to know; see `sldagent.data.checklist`.
        warnings: What spoils a fit.
        problems: Why no score on these rows can tell a good law from a bad one.
    """

    task: str
    table: str
    sha256: str
    rows: int
    groups: dict[str, int]
    features: tuple[dict[str, Any], ...]
    cuts: tuple[dict[str, Any], ...]
    checklist: tuple[Item, ...]
    warnings: tuple[str, ...]
    problems: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; keys are stable."""
        return asdict(self)


def check_task(name: str, data: str | None = None) -> Check:
    """Reads a task's training table, makes its cuts and looks for what spoils a fit or a score.

    Raises:
        DataError: The table does not fit the task, or no cut can be made.
        PrerequisiteError: There are no data.
    """
    task, table = load_or_measured(find_task(name), data)
    return check_table(task, table, make_cuts(task, table))


def check_table(task: Task, table: Table, cuts: tuple[Cut, ...]) -> Check:
    """The same for rows that are at hand; without cuts what there is to say of the rows alone."""
    repeats = find_repeats(table)
    noise = repeats.noise if repeats.rows >= _REPEATS else None
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
        checklist=make_checklist(task, table, cuts, repeats),
        warnings=tuple(
            find_warnings(task, table, cuts, repeats)
            if cuts
            else design_warnings(task, table, repeats)
        ),
        problems=tuple(find_problems(task, table, cuts, noise) if cuts else ()),
    )
