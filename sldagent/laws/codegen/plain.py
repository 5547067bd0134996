"""Units that a person would write, and the weights of rows that a form asks for."""

from collections.abc import Sequence

import numpy as np

from sldagent.laws.codegen.form import Form
from sldagent.laws.expressions import Array
from sldagent.laws.families.features import SCALES
from sldagent.laws.fitting import Units
from sldagent.scales import offset_of
from sldagent.task import Role

LEAST_WEIGHT = 0.05


def plain_units(x: Array, roles: Sequence[Role | None]) -> Units:
    """Units from the rows at hand, like `fitting.units_of` but in powers of ten.

    Sizes, data, rates and batches are divided by the power of ten nearest to the geometric mean of
    their positive values, data and unique data by the same one; counts by the highest one that
    leaves none below one, because laws give a meaning to one expert; logged inputs are shifted by
    whole numbers, data of which some rows have none by a little (`sldagent.scales`).
    """
    table = np.asarray(x, float)
    tokens = [c for c, role in enumerate(roles) if role in (Role.DATA, Role.UNIQUE_DATA)]
    shift, scale = [], []
    for column, role in zip(table.T, roles, strict=True):
        move, factor = 0.0, 1.0
        if role is Role.LOGGED:
            middle, spread = float(column.mean()), float(np.ptp(column)) / 2
            move = float(np.round(middle)) if abs(middle) >= spread / 2 else 0.0
            factor = _power_of_ten(np.log10(spread)) if spread > 0 else 1.0
        elif role is not None and role is not Role.FRACTION:
            move = 0.0 - offset_of(column, role)
            values = table[:, tokens] if role in (Role.DATA, Role.UNIQUE_DATA) else column
            values = values[values > 0]
            if len(values):
                logs = np.log10(values)
                whole = np.floor(logs.min() + 1e-9) if role is Role.COUNT else logs.mean()
                factor = _power_of_ten(float(whole))
        shift.append(move)
        scale.append(factor)
    return Units(tuple(shift), tuple(scale))


def _power_of_ten(exponent: float) -> float:
    return float(f"1e{round(exponent)}")


def row_weights(form: Form, x: Array) -> Array:
    """Weights (N,) of the rows of one group, as the form's program computes them."""
    u = form.units.apply(x)
    scales = [slot for slot in form.law.slots if slot.role in SCALES]
    if not form.emphasis or not scales:
        return np.ones(len(u))
    places = []
    for slot in scales:
        place = u[:, slot.column]
        if slot.role is not Role.LOGGED:
            place = np.log(np.maximum(place, 1e-12))
        places.append((place - place.min()) / max(np.ptp(place), 1e-12))
    return np.asarray(np.mean(places, axis=0) ** form.emphasis + LEAST_WEIGHT)
