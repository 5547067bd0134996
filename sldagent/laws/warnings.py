"""What a table cannot tell, said before anyone extrapolates from it."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sldagent.laws.expressions import Array
from sldagent.scales import on_scale
from sldagent.task import Role

COLLINEAR = 0.95  # |correlation| of two logarithms from which their exponents cannot be told apart
FIXED_RATIO = 0.1  # spread of ln(D/N) over that of ln N below which the ratio is fixed
FEW_LEVELS = 4  # an exponent and a floor need three levels; the fourth can contradict them
FAR = 1.0  # extrapolation of more than the data's own range, in logarithms


def _axes(x: Array, roles: Sequence[Role | None]) -> list[tuple[int, Role, Array]]:
    """Columns that vary, on the scale on which laws see them: logarithms of positive features."""
    axes: list[tuple[int, Role, Array]] = []
    for column, role in enumerate(roles):
        if role is not None and role is not Role.FRACTION and np.ptp(x[:, column]) > 0:
            axes.append((column, role, on_scale(x[:, column], role)))
    return axes


def table_warnings(
    x: Array, roles: Sequence[Role | None], names: Sequence[str] | None = None
) -> tuple[str, ...]:
    """What the design of the rows leaves undetermined; a line each, empty if nothing.

    A fixed data-to-size ratio cannot identify two exponents: the condition number of the fit grows
    as 1/(alpha - beta)^2 (arXiv 2605.08541).

    Args:
        x: Features (N, F).
        roles: Role of each column; None for columns that no law reads.
        names: Names of the columns for the messages.
    """
    called = list(names) if names is not None else [f"feature {i + 1}" for i in range(x.shape[1])]
    found = []
    for column, role in enumerate(roles):
        levels = len(np.unique(x[:, column]))
        if role is not None and role is not Role.FRACTION and levels < FEW_LEVELS:
            plural = "level" if levels == 1 else "levels"
            found.append(f"{called[column]} has only {levels} {plural}: its exponent is a guess")
    for (i, first, a), (j, second, b) in combinations(_axes(x, roles), 2):
        if {first, second} == {Role.SIZE, Role.DATA} and np.std(a - b) < FIXED_RATIO * np.std(a):
            found.append(
                f"{called[i]} and {called[j]} keep a fixed ratio:"
                " their exponents cannot be told apart"
            )
        elif abs(float(np.corrcoef(a, b)[0, 1])) > COLLINEAR:
            found.append(f"{called[i]} and {called[j]} are nearly collinear in logarithms")
    return tuple(found)


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


def noise_floor(
    x: Array, y: Array, groups: Sequence[str] | None = None
) -> NDArray[np.float64] | None:
    """Standard deviation of repeated runs per target (T,); None where nothing was repeated.

    Repeats are rows of one group with equal features: pooled within-cell variance. Laws that
    differ by less than this cannot be ranked.
    """
    targets = y[:, None] if y.ndim == 1 else y
    codes = (
        np.unique(list(groups), return_inverse=True)[1] if groups is not None else np.zeros(len(x))
    )
    _, cell = np.unique(np.column_stack([codes, x]), axis=0, return_inverse=True)
    cell = cell.ravel()
    sizes = np.bincount(cell)
    spare = int(np.sum(sizes - 1))
    if spare == 0:
        return None
    total = np.zeros(targets.shape[1])
    for t, column in enumerate(targets.T):
        means = np.bincount(cell, column) / sizes
        total[t] = np.sum((column - means[cell]) ** 2)
    return np.asarray(np.sqrt(total / spare))
