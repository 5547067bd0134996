"""How far beyond the data a law is asked."""

from collections.abc import Sequence

import numpy as np

from sldagent.laws.expressions import Array
from sldagent.scales import on_scale
from sldagent.task import Role

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
