"""What a law predicts for the rows of its run, as plain data for pages and plots.

Every cut's parameters are those of the search; the law is called again, in the sandbox.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sldagent.cuts import Cut
from sldagent.export.refit import Draws, Floats, RefitError, Refitter, bootstrap
from sldagent.export.winner import BEYOND, Found, Winner, intervals_at
from sldagent.task import CutKind, Role

_MOST_ROWS = 3000
_MOST_CURVES = 60
_POINTS = 48  # along a curve
_NEAR = 0.1  # relative difference in the other features at which a row lies on a curve
_LINEAR = (Role.LOGGED, Role.FRACTION)


@dataclass(frozen=True, slots=True)
class Effort:
    """Bootstrap refits for the bands of curves: how many for each cut, in what time, how wide."""

    draws: int = 30
    seconds: float = 20.0
    level: float = 0.9


def draw_picture(winner: Winner, refitter: Refitter, effort: Effort) -> dict[str, Any]:
    """Rows with predictions under every cut, and curves along the axes of the cuts."""
    found = winner.found
    table = found.table
    keep = _thinned(len(table))
    cuts = []
    for cut, result in zip(found.cuts, found.candidate.evaluation.cuts, strict=True):
        params = {
            name: np.asarray(values, dtype=float) for name, values in (result.params or {}).items()
        }
        if set(params) != set(table.group_names):  # a group that lies in no fit row
            continue
        given = refitter.predict_rows(found.program, params, table)
        held = np.isin(keep, cut.held_out)
        cuts.append(
            {
                "name": cut.name,
                "r2": result.metrics.r2,
                "held_out": np.flatnonzero(held).tolist(),
                "predicted": _columns(given[keep]),
            }
        )
    return {
        "features": [
            {"name": c.name, "unit": c.unit, "log": _logarithmic(found, j)}
            for j, c in enumerate(found.task.features)
        ],
        "targets": [{"name": c.name, "unit": c.unit} for c in found.task.targets],
        "groups": list(table.group_names),
        "rows": {
            "x": _columns(table.x[keep]),
            "y": _columns(table.y[keep]),
            "group": table.group_codes[keep].tolist(),
            "shown": len(keep),
            "all": len(table),
        },
        "fitted": _columns(winner.predicted[keep]),
        "cuts": cuts,
        "curves": _curves(winner, refitter, effort),
        "level": effort.level,
    }


def _thinned(count: int) -> Any:
    return np.unique(np.linspace(0, count - 1, min(count, _MOST_ROWS)).astype(int))


def _columns(values: Floats) -> list[list[float | None]]:
    """Columns of a table, at the precision of a drawing; None where a value is not finite."""
    return [[_short(value) for value in column] for column in values.T]


def _short(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None


def _logarithmic(found: Found, feature: int) -> bool:
    role = found.task.features[feature].role
    return role not in _LINEAR and bool((found.table.x[:, feature] > 0).all())


def _curves(winner: Winner, refitter: Refitter, effort: Effort) -> list[dict[str, Any]]:
    """For every axis that a cut holds out the top of: prediction against it, group by group.

    The band is of refits to the cut's fit rows only, so that held-out rows can contradict it.
    """
    found = winner.found
    curves: list[dict[str, Any]] = []
    chosen = _one_cut_an_axis(found)
    for axis, cut in chosen.items():
        inside = found.table.rows(cut.fit)
        try:
            params = refitter.fit(found.program, inside)
            predicted = refitter.predict_rows(found.program, params, inside)
        except RefitError:
            continue
        draws = bootstrap(
            refitter, found.program, inside, effort.draws, effort.seconds / len(chosen)
        )
        own = Winner(
            Found(found.run, found.task, inside, (cut,), found.candidate, found.program),
            params,
            predicted,
        )
        each = max(1, _MOST_CURVES // len(chosen))
        groups = [name for name in inside.group_names if name in winner.params][:each]
        curves += _along(winner, own, refitter, draws, effort, axis, cut, groups)
    return curves


def _one_cut_an_axis(found: Found) -> dict[int, Cut]:
    """For each axis the cut along it alone that holds out most rows.

    A share of a mixture is no axis here: it cannot grow while the others stay.
    """
    kinds = {rule.kind for rule in found.task.cut_rules}
    chosen: dict[int, Cut] = {}
    for cut in found.cuts:
        if len(cut.axes) == 1 and CutKind.AXIS in kinds:
            axis = cut.axes[0]
            if found.task.features[axis].role is Role.FRACTION:
                continue
            if axis not in chosen or len(cut.held_out) > len(chosen[axis].held_out):
                chosen[axis] = cut
    return chosen


def _along(
    winner: Winner, own: Winner, refitter: Refitter, draws: Draws, effort: Effort, axis: int,
    cut: Cut, groups: Sequence[str],
) -> list[dict[str, Any]]:  # fmt: skip
    found = winner.found
    slices = [_slice(found, axis, name) for name in groups]
    points = [(name, x) for name, (x, _) in zip(groups, slices, strict=True)]
    bands = intervals_at(own, refitter, draws, points, effort.level)
    whole = refitter.predict(found.program, [(x, winner.params[name], name) for name, x in points])
    held = np.zeros(len(found.table), dtype=bool)
    held[cut.held_out] = True
    curves = []
    for name, (x, rows), (value, low, high), final in zip(
        groups, slices, bands, whole, strict=True
    ):
        mine = found.table.group_codes == found.table.group_names.index(name)
        falls = found.task.features[axis].falls
        nearest, furthest = (np.max, np.min) if falls else (np.min, np.max)
        beyond = found.table.x[mine & held][:, axis]
        fixed = {
            column.name: _short(x[0, j])
            for j, column in enumerate(found.task.features)
            if j != axis
        }
        curves.append(
            {
                "axis": axis,
                "group": name,
                "cut": cut.name,
                "fixed": fixed,
                "from": _short(nearest(beyond)) if len(beyond) else None,
                "last": _short(furthest(found.table.x[mine][:, axis])),
                "x": [_short(v) for v in x[:, axis]],
                "fit": _columns(value),
                "low": _columns(low),
                "high": _columns(high),
                "all": _columns(final),
                "points": {
                    "x": [_short(v) for v in found.table.x[rows, axis]],
                    "y": _columns(found.table.y[rows]),
                    "held": held[rows].astype(int).tolist(),
                },
                "draws": len(draws.params),
            }
        )
    return curves


def _slice(found: Found, axis: int, group: str) -> tuple[Floats, Any]:
    """Points of a curve along one feature, and the rows of the table that lie on it.

    The other features stay at those of the row around which most levels of the axis were measured,
    the larger ones where that leaves a choice.
    """
    table = found.table
    mine = np.flatnonzero(table.group_codes == table.group_names.index(group))
    x = table.x[mine]
    others = [j for j in range(x.shape[1]) if j != axis]
    scale = np.maximum(np.abs(x[:, others]), 1e-12)
    ranks = x[:, others].argsort(axis=0).argsort(axis=0).sum(axis=1) if others else np.zeros(len(x))
    best = (-1, -1.0)
    near: NDArray[np.bool_] = np.ones(len(x), dtype=np.bool_)
    reference = x[0]
    for i in np.unique(np.linspace(0, len(x) - 1, min(len(x), 400)).astype(int)):
        close = np.all(np.abs(x[:, others] - x[i, others]) <= _NEAR * scale, axis=1)
        key = (len(np.unique(x[close, axis])), float(ranks[i]))
        if key > best:
            best, near, reference = key, close, x[i]
    begin, end = x[:, axis].min(), x[:, axis].max()
    if found.task.features[axis].falls:
        begin, end = end, begin
    if _logarithmic(found, axis):
        path = np.geomspace(begin, end * (BEYOND if end > begin else 1 / BEYOND), _POINTS)
    else:
        path = np.linspace(begin, end + (end - begin) / 2, _POINTS)
    points = np.tile(reference, (_POINTS, 1))
    points[:, axis] = path
    return points, mine[near]
