"""What spoils a fit, looked for in the rows: one sentence each, with what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sldagent.cuts import Cut
from sldagent.data.headroom import ROWS
from sldagent.scales import on_scale
from sldagent.table import Table
from sldagent.task import Role, Task

Floats = NDArray[np.float64]

# Beyond this correlation the exponents of two axes can no longer be told apart.
_COLLINEAR = 0.98
# A power law with an offset bends: fewer levels of an axis cannot show that.
_LEVELS = 3
# Of a target's range: a loss that rises by less along an axis is flat, or noisy.
_RISE = 0.05
# A turn in fewer of the series than this share is as likely to be noise.
_TURNS = 0.1
_DATA_ROLES = (Role.DATA, Role.UNIQUE_DATA)


@dataclass(frozen=True, slots=True)
class Repeats:
    """Rows that share group and features with another row.

    Attributes:
        copies: Rows that equal an earlier row in the targets too.
        rows: Further rows that differ from another in the targets only.
        noise: Standard deviation of each target among those, pooled; None where there are none.
    """

    copies: int
    rows: int
    noise: Floats | None


def find_repeats(table: Table) -> Repeats:
    """The repeats of a table; copies do not make the noise smaller."""
    keys = np.column_stack([table.group_codes, table.x])
    whole = np.unique(np.column_stack([keys, table.y]), axis=0)
    _, runs, counts = np.unique(
        whole[:, : keys.shape[1]], axis=0, return_inverse=True, return_counts=True
    )
    more = int((counts - 1).sum())
    if not more:
        return Repeats(len(table) - len(whole), 0, None)
    y = whole[:, keys.shape[1] :]
    means = np.stack([np.bincount(runs, target) / counts for target in y.T], axis=1)
    return Repeats(
        len(table) - len(whole), more, np.sqrt(((y - means[runs]) ** 2).sum(axis=0) / more)
    )


def find_warnings(task: Task, table: Table, cuts: tuple[Cut, ...], repeats: Repeats) -> list[str]:
    """Everything that is worth a look before a law is believed."""
    return [
        *_cut_warnings(task, table, cuts),
        *design_warnings(task, table, repeats),
        *_shape_warnings(task, table, repeats),
        *_share_warnings(task, table),
    ]


def design_warnings(task: Task, table: Table, repeats: Repeats) -> list[str]:
    """What the choice of the runs leaves undetermined, whatever law is fitted.

    A fixed ratio of data to size cannot identify two exponents: the condition number of the fit
    grows as 1/(alpha - beta)^2 (arXiv 2605.08541).
    """
    return [
        *_level_warnings(task, table),
        *_collinear_warnings(task, table),
        *_repeat_warnings(task, table, repeats),
    ]


def _cut_warnings(task: Task, table: Table, cuts: tuple[Cut, ...]) -> list[str]:
    found = []
    if len(cuts) < 2:
        found.append(
            f"only one cut can be made ({cuts[0].name}): choosing by a single extrapolation is"
            " unreliable; add rows at more levels, or cut rules"
        )
    found += [
        f"cut {cut.name} holds out {len(cut.held_out)} rows: R² on fewer than {ROWS} says little"
        for cut in cuts
        if len(cut.held_out) < ROWS
    ]
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


def _level_warnings(task: Task, table: Table) -> list[str]:
    """Columns that do not vary, not within groups, or on too few levels to show a bend."""
    found = []
    for column, x in zip(task.features, table.x.T, strict=True):
        levels = max(len(np.unique(x[rows])) for rows in _rows_of_groups(table))
        if np.ptp(x) == 0:
            found.append(f"column {column.name} is constant: no law can say what it does")
        elif levels == 1:
            found.append(
                f"column {column.name} is constant inside every group: no law of a group can say"
                " what it does; make it the group column, or put the groups together"
            )
        elif levels < _LEVELS and column.role is not Role.FRACTION:
            found.append(
                f"column {column.name} has {levels} levels at most in a group: an exponent cannot"
                f" be told from an offset; {_LEVELS} levels are the least"
            )
    return found


def _collinear_warnings(task: Task, table: Table) -> list[str]:
    found = []
    for i, j, r in _collinear(task, table):
        a, b = task.features[i], task.features[j]
        if a.role is b.role is Role.FRACTION:
            continue  # shares of one whole move together: what one gains the others lose
        if {a.role, b.role} == {Role.SIZE, Role.DATA} and _fixed_ratio(task, table, i, j):
            size, data = (a, b) if a.role is Role.SIZE else (b, a)
            found.append(
                f"{data.name}/{size.name} is fixed inside the groups: the exponents of size and"
                " data cannot be told apart; vary one without the other"
            )
        else:
            found.append(
                f"columns {a.name} and {b.name} are nearly collinear (correlation {r:+.3f}): their"
                " exponents cannot be told apart; vary one without the other"
            )
    return found


def _fixed_ratio(task: Task, table: Table, i: int, j: int) -> bool:
    logs = [on_scale(table.x[:, k], task.features[k].role) for k in (i, j)]
    ratio = logs[0] - logs[1]
    return all(np.ptp(ratio[rows]) < 0.05 for rows in _rows_of_groups(table))


def _collinear(task: Task, table: Table) -> list[tuple[int, int, float]]:
    """Pairs of features that move together inside the groups; sizes are compared as logarithms."""
    x = np.array(table.x)
    for i, column in enumerate(task.features):
        x[:, i] = on_scale(x[:, i], column.role)
    for rows in _rows_of_groups(table):
        x[rows] -= x[rows].mean(axis=0)
    pairs = combinations(range(x.shape[1]), 2)
    correlations = ((i, j, _correlation(x[:, i], x[:, j])) for i, j in pairs)
    return [(i, j, r) for i, j, r in correlations if abs(r) > _COLLINEAR]


def _correlation(a: Floats, b: Floats) -> float:
    """Correlation of two centred columns; 0 where one is constant but for rounding."""
    scale = float(np.sqrt((a @ a) * (b @ b)))
    constant = min(np.ptp(a), np.ptp(b)) < 1e-12
    return 0.0 if constant else float(a @ b) / scale


def _repeat_warnings(task: Task, table: Table, repeats: Repeats) -> list[str]:
    found = []
    if repeats.copies:
        found.append(
            f"rows that are copies of another row: {repeats.copies}; they weigh twice in every fit"
        )
    if repeats.noise is not None:
        spread = table.y.std(axis=0)
        noise = ", ".join(
            f"{name} {sigma:.3g} ({sigma / s:.0%} of its spread)"
            for name, sigma, s in zip(task.target_names, repeats.noise, spread, strict=True)
            if s > 0
        )
        found.append(
            f"rows that repeat the features of another row of their group: {repeats.rows}; standard"
            f" deviation among repeats: {noise}. Seeds, or a feature that is missing, such as the"
            " step? Laws that differ by less are equal"
        )
    return found


def _shape_warnings(task: Task, table: Table, repeats: Repeats) -> list[str]:
    """Axes of size or data along which a target bends back, all other features held fixed."""
    least = _RISE * np.ptp(table.y, axis=0)
    if repeats.noise is not None:
        least = np.maximum(least, 3 * repeats.noise)
    found = []
    for i, column in enumerate(task.features):
        if column.role not in (Role.SIZE, *_DATA_ROLES):
            continue
        lines = _lines(table, i)
        bent = sum(bool((_bends(table.y[rows]) > least).any()) for rows in lines)
        if bent > _TURNS * len(lines):
            found.append(
                f"along {column.name} a target turns in {bent} of {len(lines)} series of rows that"
                " differ in nothing else: a power law cannot; model the turn, or drop rows and say"
                " so"
            )
    return found


def _lines(table: Table, axis: int) -> list[NDArray[np.intp]]:
    """Rows that differ in one feature only, in its order; series of three levels and more."""
    others = np.column_stack([table.group_codes, np.delete(table.x, axis, axis=1)])
    _, codes = np.unique(others, axis=0, return_inverse=True)
    found = []
    order = np.lexsort((table.x[:, axis], codes))
    for rows in np.split(order, np.cumsum(np.bincount(codes))[:-1]):
        if len(rows) < _LEVELS:
            continue
        levels = len(np.unique(table.x[rows, axis]))
        if levels == len(rows) >= _LEVELS:
            found.append(rows)
    return found


def _bends(y: Floats) -> Floats:
    """For each target how far it goes back from where it had gone: the lesser of fall and rise."""
    rise = (y - np.minimum.accumulate(y)).max(axis=0)
    fall = (np.maximum.accumulate(y) - y).max(axis=0)
    return np.asarray(np.minimum(rise, fall))


def _share_warnings(task: Task, table: Table) -> list[str]:
    """Mixtures whose shares do not add up to one."""
    shares = [i for i, column in enumerate(task.features) if column.role is Role.FRACTION]
    sums = table.x[:, shares].sum(axis=1)
    off = int((np.abs(sums - 1) > 0.01).sum())
    if len(shares) < 2 or not off:
        return []
    return [
        f"the shares of {off} of {len(table)} rows do not add up to 1 ({sums.min():.3g} to"
        f" {sums.max():.3g}): is a part of the mixture missing?"
    ]


def _rows_of_groups(table: Table) -> list[NDArray[np.intp]]:
    return [np.flatnonzero(table.group_codes == g) for g in range(len(table.group_names))]


def _some(groups: Sequence[str]) -> str:
    """The first few of a list of groups, in words."""
    named = ", ".join(groups[:3])
    more = f" and {len(groups) - 3} more" if len(groups) > 3 else ""
    return f"group{'s' if len(groups) > 1 else ''} {named}{more}"
