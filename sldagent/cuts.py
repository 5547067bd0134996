"""Cuts: divisions of the training rows that imitate a prediction beyond the largest runs.

A cut is made inside every group by itself, as groups are curves of their own and may cover
different ranges. In a group, rows are ordered by how extreme they are along the cut's axes, and the
rows above one threshold, which lies between two distinct values, are held out:

- *axis*: the value on one axis, or how low it is where the feature falls;
- *corner*: how near a row is to the top of every axis at once: the number of rows at or above it,
  on the axis where that is largest;
- *far*: the distance from the mean of the group's distinct rows, axes scaled by their spread.

Of the thresholds that leave every feature of the group with two levels, the one whose held-out
share is nearest to the wanted share is taken. The unit of a feature makes no difference.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from sldagent.errors import DataError
from sldagent.table import Table
from sldagent.task import CutKind, CutRule, Task

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Row numbers of the training table, sorted: `fit` and `held_out` together are all rows.

    `axes` are the indices of the features along which the held-out rows lie beyond the fit rows.
    """

    name: str
    fit: Rows
    held_out: Rows
    axes: tuple[int, ...]


def make_cuts(task: Task, table: Table) -> tuple[Cut, ...]:
    """The cuts that the task's rules make of its training table, in the rules' order.

    Left out are cuts that would leave a feature of a group with one level, cuts with fewer than two
    held-out rows or with held-out targets that do not vary, and repetitions. A group that cannot be
    cut stays in the fit rows. Targets are looked at for nothing else.

    Raises:
        DataError: No cut is left.
    """
    made: dict[bytes, Cut] = {}
    names: set[str] = set()
    x = table.x * np.array(task.outward)
    for kind, axes, share in _wanted(task):
        groups = [np.flatnonzero(table.group_codes == g) for g in range(len(table.group_names))]
        top = [rows[_held_out(kind, x[rows], axes, share)] for rows in groups]
        held_out = np.sort(np.concatenate(top))
        if len(held_out) < 2 or not np.ptp(table.y[held_out], axis=0).all():
            continue
        if held_out.tobytes() in made:
            continue
        fit = np.setdiff1d(np.arange(len(table)), held_out)
        name = _name(kind, axes, task, table, held_out)
        if name in names:  # two thresholds that round to the same number
            name += f" #{len(made) + 1}"
        names.add(name)
        made[held_out.tobytes()] = Cut(name, fit, held_out, axes)
    if not made:
        raise DataError(
            f"{table.origin or task.name}: empty cut: no rule of task '{task.name}' finds rows to"
            " hold out that vary and leave two levels of every feature; add rows or change [[cuts]]"
        )
    return tuple(made.values())


def _wanted(task: Task) -> Iterator[tuple[CutKind, tuple[int, ...], float]]:
    """Kind, axes and share of every cut that the rules ask for."""
    for rule in task.cut_rules:
        for axes, share in product(_axes(task, rule), rule.shares):
            yield rule.kind, axes, share


def _axes(task: Task, rule: CutRule) -> list[tuple[int, ...]]:
    """The axes of each of a rule's cuts: one at a time for kind axis, all at once otherwise."""
    axes = tuple(task.feature_names.index(name) for name in rule.axes)
    return [(axis,) for axis in axes] if rule.kind is CutKind.AXIS else [axes]


def _held_out(kind: CutKind, x: Floats, axes: tuple[int, ...], share: float) -> NDArray[np.bool_]:
    """Which rows of one group are held out; none where no threshold leaves two levels."""
    order = _extremeness(kind, x[:, axes])
    levels, counts = np.unique(order, return_counts=True)
    above = len(order) - np.cumsum(counts)[:-1]  # rows above each level but the last
    # Rounded, so that shares that are equally near stay so: then the smaller held-out set is taken.
    distance = np.round(np.abs(above / len(order) - share), 9)
    vary = np.ptp(x, axis=0) > 0
    for i in np.lexsort((above, distance)):
        held_out: NDArray[np.bool_] = order > levels[i]
        if (np.ptp(x[~held_out], axis=0) > 0)[vary].all():
            return held_out
    return np.zeros(len(order), dtype=np.bool_)


def _extremeness(kind: CutKind, x: Floats) -> Floats:
    """One number a row, larger further out along the columns of `x`; see the module's docstring."""
    if kind is CutKind.AXIS:
        return x.ravel()
    if kind is CutKind.CORNER:
        ranks = np.stack([_rows_at_or_above(column) for column in x.T])
        return np.asarray(-ranks.max(axis=0))
    distinct = np.unique(x, axis=0)
    spread = np.where(np.ptp(distinct, axis=0) > 0, distinct.std(axis=0), 1.0)
    scaled = (x - distinct.mean(axis=0)) / spread
    distance = np.sqrt((scaled**2).sum(axis=1))
    # Mixtures that mirror each other are equally far but for the last bits of the sum.
    return np.asarray(np.round(distance / (distance.max() or 1.0), 9))


def _rows_at_or_above(values: Floats) -> Floats:
    return np.asarray(len(values) - np.searchsorted(np.sort(values), values), dtype=np.float64)


def _name(kind: CutKind, axes: tuple[int, ...], task: Task, table: Table, held_out: Rows) -> str:
    """`tokens>2e10` where the groups that are cut share a threshold, else the held-out share."""
    falling = kind is not CutKind.FAR and all(task.features[axis].falls for axis in axes)
    share = f"{'lowest' if falling else 'top'} {100 * len(held_out) / len(table):.0f}%"
    names = [task.feature_names[axis] for axis in axes]
    if kind is CutKind.FAR:
        return f"far from the centre, {share}"
    out = np.zeros(len(table), dtype=np.bool_)
    out[held_out] = True
    x = table.x[:, axes] * np.array(task.outward)[list(axes)]
    thresholds = set()
    for code in np.unique(table.group_codes[held_out]):
        rows = table.group_codes == code
        lowest = x[rows & out].min(axis=0)
        fit = x[rows]
        thresholds.add(tuple(max(c[c < low]) for c, low in zip(fit.T, lowest, strict=True)))
    if len(thresholds) > 1:
        return f"{' & '.join(names)} {share}"
    falls = [task.features[axis].falls for axis in axes]
    return " & ".join(
        f"{name}<{_short(-level)}" if down else f"{name}>{_short(level)}"
        for name, level, down in zip(names, thresholds.pop(), falls, strict=True)
    )


def _short(value: float) -> str:
    if value.is_integer() and abs(value) < 1e6:
        return str(int(value))
    mantissa, _, exponent = f"{value:.4g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa
