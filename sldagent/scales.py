"""The scale on which laws see a feature: logarithms of what is positive, everything else as it is.

Of data there may be none, as zero hours of speech of the own language. Powers and logarithms of
that are kept finite by an offset, half of the least amount that there is; laws see amount + offset.
"""

import numpy as np
from numpy.typing import NDArray

from sldagent.task import Role

Floats = NDArray[np.float64]

AS_IT_IS = (None, Role.FRACTION, Role.LOGGED)
CAN_BE_ZERO = (Role.DATA, Role.UNIQUE_DATA)


def offset_of(values: Floats, role: Role | None) -> float:
    """What is added to a feature before powers of it are taken: 0.0 where no value needs it."""
    positive = values[values > 0]
    if role not in CAN_BE_ZERO or len(positive) in (0, len(values)):
        return 0.0
    return float(f"{positive.min() / 2:.2g}")


def on_scale(values: Floats, role: Role | None, like: Floats | None = None) -> Floats:
    """Values (N,) on the scale of their role; with the offset of the rows `like`, if given."""
    if role in AS_IT_IS:
        return values
    return np.asarray(np.log(values + offset_of(values if like is None else like, role)))


def domain_of(role: Role | None, least: float) -> tuple[float, float, str]:
    """What a feature of a law can be: least, most and words for people.

    `least` is the smallest value that the law was fitted to. Where every number is allowed the
    words are empty.
    """
    if role is Role.FRACTION:
        return 0.0, 1.0, "a share between 0 and 1"
    if role in AS_IT_IS:
        return -np.inf, np.inf, ""
    if role in CAN_BE_ZERO and least == 0:
        return 0.0, np.inf, "zero or more"
    return float(np.nextafter(0, 1)), np.inf, "above zero"
