"""Draws cuts as text: where a cut fits, and where it holds out."""

import numpy as np
from numpy.typing import NDArray

from sldagent.cuts import Cut
from sldagent.scales import on_scale
from sldagent.table import Table
from sldagent.task import Role, Task

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

LEGEND = "o fitted   # held out   + both"
_WIDTH, _HEIGHT = 40, 8
_MARKS = np.array([" ", "o", "#", "+"])


def draw_cut(task: Task, table: Table, cut: Cut) -> list[str]:
    """A line for a cut along one axis, a map for a corner of two, and the distance from the centre.

    Sizes and the like are drawn by their logarithms. Of a corner of more axes
    the line is empty.
    """
    held_out = np.zeros(len(table), dtype=np.bool_)
    held_out[cut.held_out] = True
    axes = list(cut.axes)
    if len(axes) > 1 and all(task.features[axis].role is Role.FRACTION for axis in axes):
        return [_line(_scaled(_distance(table, axes)), held_out)]
    if len(axes) == 1:
        return [_line(_scaled(_drawn(task, table, axes[0])), held_out)]
    if len(axes) > 2:
        return [""]
    columns = _scaled(_drawn(task, table, axes[0]))
    levels, ranks = np.unique(table.x[:, axes[1]], return_inverse=True)
    rows = ranks * _HEIGHT // len(levels) if len(levels) > _HEIGHT else ranks
    lines = [
        _line(columns[rows == height], held_out[rows == height])
        for height in range(int(rows.max()), -1, -1)
    ]
    lines[0] += f" up: {task.feature_names[axes[1]]}"
    lines[-1] += f" across: {task.feature_names[axes[0]]}"
    return lines


def _drawn(task: Task, table: Table, axis: int) -> Floats:
    return on_scale(table.x[:, axis], task.features[axis].role)


def _distance(table: Table, axes: list[int]) -> Floats:
    """How far each row is from the centre of its group, axes scaled by their spread."""
    distance = np.zeros(len(table))
    for code in range(len(table.group_names)):
        rows = table.group_codes == code
        x = table.x[rows][:, axes]
        spread = np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), 1.0)
        distance[rows] = np.sqrt((((x - x.mean(axis=0)) / spread) ** 2).sum(axis=1))
    return distance


def _scaled(values: Floats) -> Places:
    """For each value the column of a line that it falls into."""
    span = float(np.ptp(values)) or 1.0
    return np.asarray(np.round((values - values.min()) / span * (_WIDTH - 1)), dtype=np.intp)


def _line(columns: Places, held_out: NDArray[np.bool_]) -> str:
    marks = np.zeros(_WIDTH, dtype=np.intp)
    marks[columns[~held_out]] |= 1
    marks[columns[held_out]] |= 2
    return f"|{''.join(_MARKS[marks])}|"
