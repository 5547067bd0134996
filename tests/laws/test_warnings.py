"""What lies far beyond the data is said."""

import numpy as np
import pytest

from sldagent.laws.warnings import (
    extrapolation_distance,
    extrapolation_warnings,
)
from sldagent.task import Role

ROLES = (Role.SIZE, Role.DATA)


def test_distance_counts_in_ranges_of_the_data() -> None:
    x = np.array([[1e8, 1e9], [1e10, 1e10]])
    target = np.array([[1e9, 5e9], [1e12, 1e9], [1e9, 1e13]])
    assert extrapolation_distance(x, target, ROLES) == pytest.approx([0, 1, 3])
    (line,) = extrapolation_warnings(x, target, ROLES)
    assert line.startswith("1 of 3 rows lie far outside the data (3.0 times")
    assert extrapolation_warnings(x, target[:2], ROLES) == ()
    constant = np.array([[1e8, 1e9], [1e8, 1e10]])
    assert np.isinf(extrapolation_distance(constant, target[:1], ROLES)[0])
    logged = extrapolation_distance(np.array([[-1.0], [1.0]]), np.array([[2.0]]), (Role.LOGGED,))
    assert logged[0] == pytest.approx(0.5)
