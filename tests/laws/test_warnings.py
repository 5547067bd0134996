"""Warnings appear where they must, and only there."""

import numpy as np
import pytest
from laws.synthetic import features

from sldagent.laws.warnings import (
    extrapolation_distance,
    extrapolation_warnings,
    noise_floor,
    table_warnings,
)
from sldagent.task import Role

ROLES = (Role.SIZE, Role.DATA)


def test_a_spread_design_needs_no_warning() -> None:
    assert table_warnings(features(ROLES), ROLES) == ()


def test_fixed_ratio_collinear_axes_and_few_levels() -> None:
    n = np.logspace(7, 10, 12)
    fixed = np.column_stack([n, 20 * n])
    assert table_warnings(fixed, ROLES, ["params", "tokens"]) == (
        "params and tokens keep a fixed ratio: their exponents cannot be told apart",
    )
    tied = np.column_stack([n, 20 * n**0.5])
    (line,) = table_warnings(tied, ROLES)
    assert "feature 1 and feature 2 are nearly collinear" in line
    few = np.column_stack([np.repeat([1e8, 1e9], 6), np.tile(np.logspace(9, 11, 6), 2)])
    assert table_warnings(few, ROLES) == ("feature 1 has only 2 levels: its exponent is a guess",)
    assert table_warnings(few, (None, Role.DATA)) == ()


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


def test_noise_floor_is_the_spread_of_repeats() -> None:
    rng = np.random.default_rng(0)
    x = np.repeat(np.logspace(8, 10, 50), 4)[:, None]
    y = np.log(x[:, 0]) + 0.03 * rng.standard_normal(200)
    assert noise_floor(x, y)[0] == pytest.approx(0.03, rel=0.2)  # type: ignore[index]
    assert noise_floor(x[::4], y[::4]) is None
    apart = [str(i % 4) for i in range(200)]
    assert noise_floor(x, y, apart) is None
