"""How far beyond the data a law is asked."""

from collections.abc import Sequence

import numpy as np

from sldagent.laws.expressions import Array
from sldagent.scales import on_scale
from sldagent.task import Role

_OFF = 3.0  # times the largest ratio of the data, or below the least by as much
FAR = 1.0  # extrapolation of more than the data's own range, in logarithms


def extrapolation_distance(x: Array, target: Array, roles: Sequence[Role | None]) -> Array:
    """How far each target row (M,) lies beyond the data, in units of the data's own log range.

    The largest over the columns; 0 inside the data's box, 1 as far beyond it as it is wide. Shares
    of a mixture are measured on their own scale.
    """
    points = np.atleast_2d(target)
    distance = np.zeros(len(points))
    for column, role in enumerate(roles):
        if role is None:
            continue
        known = on_scale(x[:, column], role)
        asked = on_scale(points[:, column], role, like=x[:, column])
        beyond = np.maximum(np.maximum(known.min() - asked, asked - known.max()), 0.0)
        width = np.ptp(known)
        with np.errstate(divide="ignore"):
            share = beyond / width if width > 0 else np.where(beyond > 0, np.inf, 0.0)
        distance = np.maximum(distance, share)
    return distance


def extrapolation_warnings(
    x: Array, target: Array, roles: Sequence[Role | None]
) -> tuple[str, ...]:
    """A line if rows are asked for that lie further beyond the data than the data reach."""
    far = extrapolation_distance(x, target, roles)
    count = int(np.sum(far > FAR))
    if not count:
        return ()
    worst = (
        f"{far.max():.1f} times" if np.isfinite(far.max()) else "along an axis that never varied,"
    )
    return (f"{count} of {len(far)} rows lie far outside the data ({worst} their log range)",)


def ratio_of(x: Array, roles: Sequence[Role | None]) -> tuple[float, float] | None:
    """Least and largest number of data for a unit of size; None without one column of each."""
    pair = _size_and_data(roles)
    if pair is None or (x[:, pair] <= 0).any():
        return None
    ratios = x[:, pair[1]] / x[:, pair[0]]
    return float(ratios.min()), float(ratios.max())


def ratio_warning(
    known: tuple[float, float], x: Array, names: Sequence[str], roles: Sequence[Role | None]
) -> str:
    """A line where points (N, F) lie far off the ratio of data to size that the data have.

    Each may be within its own range: data that are twenty times the size in every run say nothing
    of large models that see little.
    """
    pair = _size_and_data(roles)
    if pair is None or (x[:, pair] <= 0).any():
        return ""
    ratios = x[:, pair[1]] / x[:, pair[0]]
    low, high = known
    off = (ratios < low / _OFF) | (ratios > high * _OFF)
    if not off.any():
        return ""
    worst = float(ratios[off][0])
    between = f"{low:.3g}" if high <= 1.01 * low else f"{low:.3g} to {high:.3g}"
    return f"{names[pair[1]]}/{names[pair[0]]} = {worst:.3g} there, and {between} in the data"


def _size_and_data(roles: Sequence[Role | None]) -> list[int] | None:
    columns = [[j for j, own in enumerate(roles) if own is r] for r in (Role.SIZE, Role.DATA)]
    return [c[0] for c in columns] if all(len(c) == 1 for c in columns) else None
