"""Features in O(1) units, so that boxes and tolerances mean the same for every table.

Sizes, data, rates and batches are divided by their geometric mean; counts by their least value,
because laws give a meaning to one expert or one stream; logged inputs are centred on their mean and
divided by half their range, which also undoes the base of the logarithm; fractions stay as they
are.
Data and unique data share one centre, because laws compare them; where there is none of them in
some rows, they are shifted by a little (`sldagent.scales`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sldagent.errors import DataError
from sldagent.laws.expressions import Array, Law
from sldagent.scales import offset_of
from sldagent.task import Role


@dataclass(frozen=True, slots=True)
class Units:
    """u = (x - shift) / scale, column by column."""

    shift: tuple[float, ...]
    scale: tuple[float, ...]

    def apply(self, x: Array) -> Array:
        """Data points (N, F) in O(1) units."""
        return np.asarray((np.asarray(x, float) - np.array(self.shift)) / np.array(self.scale))


def units_of(x: Array, roles: Sequence[Role | None]) -> Units:
    """Units from the rows at hand.

    Raises:
        DataError: a column that must be positive is not.
    """
    table = np.asarray(x, float)
    shift, scale = [], []
    tokens = [c for c, role in enumerate(roles) if role in (Role.DATA, Role.UNIQUE_DATA)]
    for column, role in zip(table.T, roles, strict=True):
        move, factor = 0.0, 1.0
        if role is Role.LOGGED:
            move = float(column.mean())
            factor = float(np.ptp(column)) / 2 or 1.0
        elif role is not None and role is not Role.FRACTION:
            move = 0.0 - offset_of(column, role)
            if not np.all(column - move > 0):
                raise DataError(f"a feature of role {role} has values that are not positive")
            if role is Role.COUNT:
                factor = float(column.min())
            else:
                shared = table[:, tokens] if role in (Role.DATA, Role.UNIQUE_DATA) else column
                factor = float(np.exp(np.log(shared[shared > 0]).mean()))
        shift.append(move)
        scale.append(factor)
    return Units(tuple(shift), tuple(scale))


def roles_for(laws: Sequence[Law], width: int) -> tuple[Role | None, ...]:
    """Role of each of `width` columns as the laws read them; None where none reads it."""
    roles: list[Role | None] = [None] * width
    for law in laws:
        for slot in law.slots:
            roles[slot.column] = slot.role
    return tuple(roles)
