"""Suggests cuts and a parameter limit for a table whose columns are known."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from sldagent.cuts import make_cuts
from sldagent.data.choices import Finding
from sldagent.data.headroom import ROWS
from sldagent.data.naming import guess_by_name
from sldagent.data.tasks import did_you_mean
from sldagent.errors import DataError
from sldagent.table import Table
from sldagent.task import Column, CutKind, CutRule, Role, Task

# Resources are what grows beyond the data; tuned settings and shares do not.
# The logarithm of a learning rate is no scale along which runs get larger, nor are bits or noise.
_NO_SCALE = re.compile(r"lr$|learning.?rate|(?:^|[^a-z])(?:bits?|noise|sigma|snr)(?:[^a-z]|$)")
_SCALES = (Role.SIZE, Role.DATA, Role.UNIQUE_DATA, Role.COUNT, Role.LOGGED)
_TUNED = (Role.RATE, Role.BATCH)
_AXIS_SHARES = (0.1, 0.2, 0.35)
# Of ten rows, four.
_SMALL_SHARE = 0.45
_CORNER_SHARES = (0.1, 0.15)
_FAR_SHARES = (0.2, 0.35)
# Cuts that hold out more leave too little to fit.
_MOST = 0.5
_LEVELS = 3
# Of the values that a group is fitted to. On nine tables of learning curves 0.75 was worse on six
# and better on none; on runs of three optimizers it was what let the laws of an optimum in.
_ROOM, _ROOM_OF_TUNED = 0.5, 0.75
# Of an axis: the second shows whether a choice holds at another distance.
_CUTS = 2


def suggest_cuts(task: Task, table: Table, axes: Sequence[str] = ()) -> tuple[CutRule, ...]:
    """Rules whose cuts all can be made: rolling along every scale, a corner, far for mixtures.

    `axes` are the only ones to cut along, where the user names some.

    Raises:
        DataError: A named axis is no feature or cannot be cut, or nothing can be cut.
    """
    for axis in axes:
        if axis not in task.feature_names:
            hint = did_you_mean(axis, task.feature_names)
            raise DataError(f"{table.origin}: --axis '{axis}' is no feature{hint}")
    rules: list[CutRule] = []
    for axis in axes or _axes(task, table):
        shares = _workable(task, table, CutKind.AXIS, (axis,), _AXIS_SHARES)
        shares = shares or _workable(task, table, CutKind.AXIS, (axis,), (_SMALL_SHARE,))
        if shares:
            rules.append(CutRule(CutKind.AXIS, (axis,), (*shares[:1], *shares[1:][-(_CUTS - 1) :])))
        elif axes:
            raise DataError(
                f"{table.origin}: --axis {axis}: no cut along it holds out {ROWS} rows and leaves"
                f" two levels of every feature; a scale needs {_LEVELS} levels at least"
            )
    corner = [c.name for c in task.features if c.name in axes or (not axes and _is_main(c))]
    cut = {rule.axes[0] for rule in rules}
    corner = [name for name in corner if name in cut]
    if len(corner) >= 2:
        shares = _workable(task, table, CutKind.CORNER, tuple(corner), _CORNER_SHARES)
        rules += [CutRule(CutKind.CORNER, tuple(corner), shares[:1])] if shares else []
    mixture = tuple(c.name for c in task.features if c.role is Role.FRACTION)
    if len(mixture) >= 2 and not axes:
        shares = _workable(task, table, CutKind.FAR, mixture, _FAR_SHARES)
        rules += [CutRule(CutKind.FAR, mixture, shares)] if shares else []
    if not rules:
        levels = ", ".join(
            f"{len(np.unique(x))} {c.name}" for c, x in zip(task.features, table.x.T, strict=True)
        )
        raise DataError(
            f"{table.origin}: no cut can be made: of {len(table)} rows ({levels} levels) none holds"
            f" out {ROWS} and leaves two levels of every feature; add rows, or --ignore a feature"
        )
    return tuple(_merged(rules))


def _axes(task: Task, table: Table) -> list[str]:
    """Scales, and where there are none every feature, of three levels in some group.

    What is taken as it is, without being a logarithm by its name or a loss that is aimed at, as a
    level of noise, is a scale only where there is no other.
    """
    many = [c for c, x in zip(task.features, table.x.T, strict=True) if _levels(table, x) > 2]
    scales = [c for c in many if c.role in _SCALES and not _NO_SCALE.search(c.name.lower())]
    sure = [c.name for c in scales if c.role is not Role.LOGGED or _is_logarithm(c.name) or c.falls]
    if scales:
        return sure or [c.name for c in scales]
    mixture = sum(c.role is Role.FRACTION for c in task.features) >= 2
    return [c.name for c in many if not (mixture and c.role is Role.FRACTION)]


def _is_logarithm(name: str) -> bool:
    guess = guess_by_name(name)
    return guess is not None and guess.role is Role.LOGGED


def _levels(table: Table, x: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> int:
    codes = table.group_codes
    return max(len(np.unique(x[codes == g])) for g in range(len(table.group_names)))


def _is_main(column: Column) -> bool:
    return column.role in (Role.SIZE, Role.DATA)


def _workable(
    task: Task, table: Table, kind: CutKind, axes: tuple[str, ...], shares: Sequence[float]
) -> tuple[float, ...]:
    """The shares that give cuts of their own, with rows enough on both sides."""
    found: list[float] = []
    seen: set[bytes] = set()
    for share in shares:
        rule = CutRule(kind, axes, (share,))
        try:
            (cut,) = make_cuts(replace(task, cut_rules=(rule,)), table)
        except DataError:
            continue
        out = cut.held_out.tobytes()
        if out in seen or len(cut.held_out) < ROWS or len(cut.held_out) > _MOST * len(table):
            continue
        seen.add(out)
        found.append(share)
    return tuple(found)


def _merged(rules: Sequence[CutRule]) -> Iterator[CutRule]:
    """Axes with the same shares in one rule, as a person would write them."""
    axes: dict[tuple[float, ...], list[str]] = {}
    for rule in rules:
        if rule.kind is CutKind.AXIS:
            axes.setdefault(rule.shares, []).extend(rule.axes)
    for shares, names in axes.items():
        yield CutRule(CutKind.AXIS, tuple(names), shares)
    yield from (rule for rule in rules if rule.kind is not CutKind.AXIS)


def suggest_limit(task: Task, table: Table) -> tuple[int, str, list[Finding]]:
    """At most so many fitted numbers a group, why, and what was found on the way.

    A constant, an amplitude and an exponent for each scale, and one more that joins them; for each
    setting that is tuned a curvature and an optimum, and how far each scale moves that; of a
    mixture one a share and two more. No more than half of the values that a typical group has in
    the smallest fit rows of a cut; three quarters where something is tuned, as the laws of an
    optimum need more constants and stray less beyond the data than curves with as many do.
    """
    roles = [c.role for c in task.features]
    shares, tuned = roles.count(Role.FRACTION), sum(role in _TUNED for role in roles)
    others = len(roles) - shares
    moved = tuned * sum(role in _SCALES for role in roles)
    each = 2 + 2 * others + moved + shares
    targets = len(task.targets)
    wanted = each * targets
    cuts = make_cuts(task, table)
    least = min(
        float(np.median(np.bincount(table.group_codes[cut.fit], minlength=len(table.group_names))))
        for cut in cuts
    )
    share = _ROOM_OF_TUNED if tuned else _ROOM
    room = max(int(share * least * targets), 2 * targets)
    parts = "2"
    parts += f" + 2 for each of {others} features" if others > 1 else " + 2" if others else ""
    parts += f" + {moved} for optima that move with scale" if moved else ""
    parts += f" + {shares} for the shares" if shares else ""
    why = parts + (f", for each of {targets} targets" if targets > 1 else "")
    if room >= wanted:
        return wanted, why, []
    values = f"{least:.0f} rows" + (f" of {targets} targets" if targets > 1 else "")
    finding = Finding(
        f"too few rows: the smallest cut fits a typical group to {values}, and {wanted} parameters"
        " would be usual",
        f"the limit is {room}",
        f"--limit {wanted}, or more runs",
    )
    part = "three quarters" if tuned else "half"
    return room, f"{part} of the values that a group is fitted to", [finding]
