"""Whether amplitudes may have either sign, which the rows tell."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sldagent.laws.families.features import SCALES
from sldagent.task import Role

_RISES = 0.3  # rank correlation of target and scale
_LEAST_ROWS = 4  # of a group, to have a correlation

Floats = NDArray[np.float64]


def takes_either_sign(
    x: Floats, y: Floats, codes: NDArray[np.intp], roles: Sequence[Role | None]
) -> bool:
    """Whether laws of these rows need amplitudes of either sign.

    Losses and errors are positive and fall: a floor and falling terms above it. Where targets are
    not all positive, or rise with scale as an accuracy does, that would keep out the right law.

    Args:
        x: Features (N, F).
        y: Targets (N, T).
        codes: Group of each row, as a whole number.
        roles: Role of each feature.
    """
    if np.any(y <= 0):
        return True
    scales = [column for column, role in enumerate(roles) if role in SCALES]
    total, rows = 0.0, 0
    for code in np.unique(codes):
        mine = np.flatnonzero(codes == code)
        varying = [c for c in scales if np.ptp(x[mine, c]) > 0]
        if len(mine) >= _LEAST_ROWS and varying:
            place = np.sum([_ranks(x[mine, c]) for c in varying], axis=0)
            found = [_correlation(place, _ranks(column)) for column in y[mine].T]
            total, rows = total + len(mine) * float(np.mean(found)), rows + len(mine)
    return rows > 0 and total / rows > _RISES


def _ranks(values: Floats) -> Floats:
    """Ranks, equal values sharing their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse])


def _correlation(a: Floats, b: Floats) -> float:
    spread = a.std() * b.std()
    return float(np.mean((a - a.mean()) * (b - b.mean())) / spread) if spread > 0 else 0.0
