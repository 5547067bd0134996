"""Extrapolation cuts of a benchmark table: the top along what scales, or far from the centre."""

import numpy as np
from laws.sldbench import Problem
from numpy.typing import NDArray

from sldagent.task import Role

_SCALES = (Role.SIZE, Role.DATA, Role.COUNT, Role.LOGGED)


def reach(problem: Problem) -> NDArray[np.float64]:
    """How far out a row lies: the sum of its scales' logarithms, over their spread."""
    x = problem.table.x
    if Role.FRACTION in problem.roles:
        return np.asarray(np.sum((x - x.mean(axis=0)) ** 2, axis=1))
    total = np.zeros(len(x))
    for column, role in zip(x.T, problem.roles, strict=True):
        if role in _SCALES:
            value = column if role is Role.LOGGED else np.log(column)
            total += (value - value.mean()) / value.std()
    return total


def top(
    problem: Problem, rows: NDArray[np.intp], share: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Splits rows into the lower part and about the top `share`, within each group."""
    far, codes = reach(problem)[rows], problem.table.group_codes[rows]
    held = np.zeros(len(rows), dtype=bool)
    for group in np.unique(codes):
        mine = codes == group
        held |= mine & (far > np.quantile(far[mine], 1 - share) - 1e-12)
    return rows[~held], rows[held]
