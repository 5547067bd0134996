"""Columns that no target depends on: how evenly experts were used, samples of a calibration.

A log holds numbers that nobody chose. Of those whose name tells nothing, one that is another in
nearly every row was measured, and is a feature only if it says something about a target that the
chosen ones do not. So is a number of two values, whatever its name: of that no exponent can be told
from an offset.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from sldagent.data.choices import Choice, Use
from sldagent.data.ftest import LEFT, chance
from sldagent.data.naming import is_step
from sldagent.scales import on_scale
from sldagent.table import Table
from sldagent.task import Role

Floats = NDArray[np.float64]

_WHY = "no target depends on it, as far as can be seen"
_MEASURED = 0.5  # of the rows have a value of their own
_PLANNED = 3  # rows of every value
_CHANCE = 0.01  # that a number without a bearing on a target is kept


def leave_out_idle(choices: Sequence[Choice], table: Table, asked: Sequence[str]) -> list[Choice]:
    """The choices, with features left out that were measured or have two values and tell nothing.

    A quadratic surface in the scales of the other features, each group with a level of its own, is
    compared with one that has the number, its square and its products with the others as well
    (F-test).

    Args:
        choices: Of all columns; what is surely a share is not looked at.
        table: The rows, with the features in the order of their choices.
        asked: Features whose role the user gave: these stay.
    """
    x, codes = table.x, table.group_codes
    features = [choice for choice in choices if choice.use is Use.FEATURE]
    columns = {
        c.name: _standard(on_scale(values, c.role), codes)
        for c, values in zip(features, x.T, strict=True)
    }
    targets = [_standard(np.log(t) if (t > 0).all() else t, codes) for t in table.y.T]
    idle = []
    for choice, values in zip(features, x.T, strict=True):
        levels = len(np.unique(values))
        seldom = np.unique(values, return_counts=True)[1].min() < _PLANNED
        measured = levels > _MEASURED * len(values) and not choice.sure
        measured = measured or (seldom and is_step(choice.name))  # until it converged, say
        planned = choice.role is Role.FRACTION and choice.sure
        if planned or choice.name in asked or len(columns) < 2:
            continue
        if levels > 2 and not measured:
            continue
        own = columns.pop(choice.name)
        others = list(columns.values())
        if all(_chance(target, others, own, codes) > _CHANCE for target in targets):
            idle.append(choice.name)
        else:
            columns[choice.name] = own
    return [
        replace(c, use=Use.LEFT_OUT, role=None, why=f"{_WHY} [--role {c.name}={c.role}]")
        if c.name in idle
        else c
        for c in choices
    ]


def _standard(values: Floats, codes: NDArray[np.intp]) -> Floats:
    """Without the mean of the group, in standard deviations."""
    means = np.bincount(codes, values) / np.bincount(codes)
    centred = values - means[codes]
    return np.asarray(centred / (centred.std() or 1.0))


def _surface(columns: Sequence[Floats]) -> Floats:
    pairs = combinations_with_replacement(columns, 2)
    return np.stack([*columns, *(a * b for a, b in pairs)], axis=1)


def _chance(
    target: Floats, others: Sequence[Floats], own: Floats, codes: NDArray[np.intp]
) -> float:
    """How often a number without a bearing on the target would explain as much of it as this."""
    levels = (codes[:, None] == np.unique(codes)).astype(float)
    products = [own**2, *(own * other for other in others)]
    count = len(others)
    if levels.shape[1] + count * (count + 3) // 2 + 1 + len(products) > len(target) - LEFT:
        products = []  # of many columns the products are too many for the rows: a plane must do
    if levels.shape[1] + count + 1 > len(target) - LEFT:
        return 0.0
    less = np.column_stack([levels, _surface(others) if products else np.stack(others, axis=1)])
    more = np.column_stack([less, own, *products])
    return chance(less, more, target)
