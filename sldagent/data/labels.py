"""Columns of labels that targets do not depend on, and of machines that times do depend on."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sldagent.data.choices import Choice, Use, Wishes
from sldagent.data.cleaning import is_label, is_planned
from sldagent.data.frames import Frame
from sldagent.data.ftest import chance
from sldagent.data.naming import depends_on_hardware, names_hardware
from sldagent.data.rows import group_names
from sldagent.scales import on_scale
from sldagent.table import Table

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

_CHANCE = 0.1  # that a label without a bearing on a target is kept as a group
_SURE = 1e-6  # chance by which what a run was made on counts as a cause
_FOLLOWS = 0.3  # of the variance of who ran where, by the features, so that these may be the cause
_ROWS_OF_GROUP = 6


def settle_labels(
    frame: Frame, choices: Sequence[Choice], table: Table, wishes: Wishes
) -> list[Choice]:
    """The choices, without groups that tell nothing; of times with hardware that tells much.

    In logarithms, where there are some, a quadratic surface in the features, whose planes differ
    between the other groups, is compared with one whose planes differ between the labels as well
    (F-test).

    Args:
        frame: The rows.
        choices: Of all columns.
        table: The same rows in numbers.
        wishes: Groups that the user named stay.
    """
    found = {choice.name: choice for choice in choices}
    if wishes.groups is not None:
        return list(choices)
    roles = [c.role for c in choices if c.use is Use.FEATURE]
    x = np.stack([_standard(on_scale(v, r)) for v, r in zip(table.x.T, roles, strict=True)], axis=1)
    targets = [_standard(np.log(t) if (t > 0).all() else t) for t in table.y.T]

    def of_label(name: str, others: Sequence[str]) -> float:
        known = [replace(found[n], use=Use.GROUP) for n in others]
        own = [*known, replace(found[name], use=Use.GROUP)]
        codes, finer = (_codes(group_names(frame, part)) for part in (known, own))
        return min(_chance(x, target, codes, finer) for target in targets)

    groups = [c.name for c in choices if c.use is Use.GROUP]
    for name in reversed(groups.copy()):
        if not is_label(frame, name):
            continue
        others = [n for n in groups if n != name]
        if of_label(name, others) > _CHANCE:
            why = f"no target depends on it, as far as can be seen [--group {name}]"
            found[name] = Choice(name, Use.LEFT_OUT, why)
            groups = others
    timed = any(depends_on_hardware(target) for target in wishes.targets)
    for name, choice in found.items() if timed else ():
        machine = choice.use is Use.LEFT_OUT and names_hardware(name) and is_label(frame, name)
        if not machine or name in wishes.ignore or not is_planned(frame, name):
            continue
        parts = [replace(found[n], use=Use.GROUP) for n in (*groups, name)]
        if len(frame) < _ROWS_OF_GROUP * len(set(group_names(frame, parts))):
            continue
        if of_label(name, groups) < _SURE and not _follows(x, _codes(frame.texts(name))):
            why = f"labels of what it ran on, which tell much [--ignore {name}]"
            found[name] = Choice(name, Use.GROUP, why)
            groups.append(name)
    return list(found.values())


def _chance(x: Floats, target: Floats, codes: Codes, finer: Codes) -> float:
    """How often finer groups without a bearing on the target would explain as much of it."""
    plane = np.column_stack([np.ones(len(x)), x])
    i, j = np.triu_indices(x.shape[1])
    less = np.column_stack([_of_each(plane, codes), x[:, i] * x[:, j]])
    more = np.column_stack([less, _of_each(plane, finer)])
    return chance(less, more, target)


def _follows(x: Floats, codes: Codes) -> bool:
    """Whether features tell where a run was made, as large models are trained on other machines."""
    levels = (codes[:, None] == np.unique(codes)).astype(float)
    design = np.column_stack([np.ones(len(x)), x, x**2])
    left = levels - design @ np.linalg.lstsq(design, levels, rcond=None)[0]
    return bool((left.var(axis=0) < (1 - _FOLLOWS) * levels.var(axis=0)).any())


def _of_each(plane: Floats, codes: Codes) -> Floats:
    """The plane's columns for each group by itself."""
    levels = (codes[:, None] == np.unique(codes)).astype(float)
    return np.asarray((levels[:, :, None] * plane[:, None, :]).reshape(len(plane), -1))


def _codes(names: Sequence[str]) -> Codes:
    return np.asarray(np.unique(names, return_inverse=True)[1])


def _standard(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / (values.std() or 1.0))
