"""Runs that diverged to a value that others have elsewhere, far above all runs near them.

A gap above all other values shows some that diverged. Others end at a loss that the smallest model
may have, too, or at the error of one who guesses: these show beside their neighbours only. A run at
the edge of a table may well be far above all near it; one that lies between others may not, as long
as the target falls along a line, rises, or has one valley.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sldagent.data.choices import Choice, Finding, Keep, Use, Wishes
from sldagent.data.cleaning import diverged
from sldagent.data.frames import Frame
from sldagent.data.naming import rises_by_name
from sldagent.scales import on_scale
from sldagent.table import Table

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_NEAREST = 6  # runs of the group, of which one may have diverged as well
_LEAST = _NEAREST + 4  # rows of a group, or all of it is near
# A run stands out if it is this factor above the second highest of those near it, and that is this
# many times what nine runs of ten differ from the middle of theirs. In 47 tables it was 2.4 at most
# for runs that lie between others and belong, and 5.4 at least for those that did not.
_FACTOR, _TIMES = 1.3, 2.5
_BETWEEN = 20  # nearest runs among which those are that it lies between
_OFF = 0.15  # standard deviations by which it may miss the mean of these
_FEW = 0.05  # of the rows; where more stand out the law is steep there


def drop_outlying(
    frame: Frame, choices: Sequence[Choice], table: Table, wishes: Wishes
) -> tuple[Frame, list[Finding]]:
    """Leaves out the few rows whose target lies far above that of all rows about them.

    Args:
        frame: The rows.
        choices: Of all columns.
        table: The same rows in numbers, with the features that the choices name.
        wishes: Names the targets, and whether diverged runs are to be kept.
    """
    roles = [choice.role for choice in choices if choice.use is Use.FEATURE]
    scaled = np.stack([on_scale(v, r) for v, r in zip(table.x.T, roles, strict=True)], axis=1)
    out = np.zeros(len(frame), dtype=np.bool_)
    found = []
    for name, values in zip(wishes.targets, table.y.T, strict=True):
        if not (values > 0).all() or rises_by_name(name):
            continue
        far, about = _outlying(scaled, np.log(values), table.group_codes)
        if not far.any():
            continue
        beside = f"{np.exp(about[far]).max():.4g} at most in the rows about them"
        found.append(diverged(frame, name, far, beside, wishes))
        out |= far
    return frame if Keep.DIVERGED in wishes.keep else frame.rows(~out), found


def _outlying(x: Floats, y: Floats, codes: NDArray[np.intp]) -> tuple[Bools, Floats]:
    """Which rows stand out, and the second highest value of the rows near each.

    `x` (N, F) and `y` (N,) are logarithms where there are some.
    """
    from scipy.spatial import cKDTree  # takes a third of a second to load

    near = np.full(len(y), np.inf)
    usual: list[float] = []
    scaled = np.zeros_like(x)
    for group in np.flatnonzero(np.bincount(codes) >= _LEAST).tolist():
        mine = np.flatnonzero(codes == group)
        own = x[mine] / np.where(np.ptp(x[mine], axis=0) > 0, x[mine].std(axis=0), 1.0)
        scaled[mine] = own
        for i, found in enumerate(cKDTree(own).query(own, _NEAREST + 1)[1]):
            nearest = np.sort(y[mine[found[found != i][:_NEAREST]]])
            near[mine[i]] = nearest[-2]
            usual.append(float(np.abs(y[mine[i]] - np.median(nearest))))
    if not usual:
        return np.zeros(len(y), dtype=np.bool_), near
    far = y - near > max(np.log(_FACTOR), _TIMES * float(np.quantile(usual, 0.9)))
    for i in np.flatnonzero(far).tolist():
        others = np.flatnonzero(codes == codes[i])
        others = others[others != i]
        far[i] = y[i] - _highest_about(scaled[others] - scaled[i], y[others]) > np.log(_FACTOR)
    return (far if far.mean() <= _FEW else np.zeros_like(far)), near


def _highest_about(x: Floats, y: Floats) -> float:
    """The highest value of rows that zero lies between; infinite where it lies between none.

    It is their mean with weights that are found by least squares.
    """
    from scipy.optimize import nnls

    nearest = np.argsort((x**2).sum(axis=1), kind="stable")[:_BETWEEN]
    sums = 10.0 * np.ones(len(nearest))  # the weights' sum counts more than the distance
    weights, off = nnls(np.vstack([x[nearest].T, sums]), np.append(np.zeros(x.shape[1]), sums[0]))
    return float(y[nearest][weights > 0].max()) if off <= _OFF else np.inf
