"""Axes along which runs go one way, and laws that do not."""

import numpy as np
import pytest

from sldagent.table import Table
from sldagent.task import Role
from sldagent.trends import FACTORS, Trend, ladder, spread_within, steady_trends, turns

ROLES = (Role.SIZE, Role.DATA)
RISE = (False, False)
X = np.array([[n, d] for n in (1e6, 1e7, 1e8, 1e9) for d in (1e8, 1e9, 1e10, 1e11)])
FALLING = 2 + X[:, 0] ** -0.1 + 10 * X[:, 1] ** -0.2


def table(y: np.ndarray, groups: tuple[str, ...] = ("all",) * len(X)) -> Table:
    return Table(X, y.reshape(len(X), -1), groups)


def test_axes_along_which_all_series_go_one_way() -> None:
    assert steady_trends(ROLES, RISE, table(FALLING)) == (Trend(0, (-1,)), Trend(1, (-1,)))
    both = np.stack([FALLING, 1 / FALLING], axis=1)
    assert steady_trends(ROLES, RISE, table(both)) == (Trend(0, (-1, 1)), Trend(1, (-1, 1)))
    noisy = FALLING * (1 + 1e-4 * np.random.default_rng(0).normal(size=len(X)))
    assert steady_trends(ROLES, RISE, table(noisy)) == steady_trends(ROLES, RISE, table(FALLING))


def test_axes_along_which_one_may_turn() -> None:
    valley = 2 + (np.log10(X[:, 0]) - 0.5 * np.log10(X[:, 1]) - 3) ** 2
    assert steady_trends(ROLES, RISE, table(valley)) == ()
    crossing = FALLING + np.where(X[:, 0] > 1e8, 1.0, -1.0) * np.log10(X[:, 1])
    assert 1 not in [trend.axis for trend in steady_trends(ROLES, RISE, table(crossing))]
    # Too few series tell nothing, and groups are series of their own.
    few = X[:, 0] < 1e8
    assert [t.axis for t in steady_trends(ROLES, RISE, table(FALLING).rows(few))] == []
    # Repeats, and rates whose optimum moves with the scale.
    assert steady_trends((Role.UNIQUE_DATA, Role.DATA), RISE, table(FALLING)) == ()
    assert steady_trends((Role.RATE, Role.DATA), RISE, table(FALLING)) == ()


def test_a_ladder_goes_on_from_the_largest_rows() -> None:
    points = ladder(Trend(1, (-1,)), X, 2)
    assert points.shape == (2 * len(FACTORS), 2)
    assert points[:4, 1].tolist() == [1e11, 2e11, 4e11, 8e11]
    assert points[::4, 0].tolist() == [1e6, 1e9]


def test_towards_better_runs_a_feature_may_fall() -> None:
    falling = X / np.array([1.0, 1e8]) ** np.array([1, 1])
    falling[:, 0] = 1e10 / X[:, 0]
    made = Table(falling, FALLING[:, None], ("all",) * len(X))
    trends = steady_trends(ROLES, (True, False), made)
    assert trends == (Trend(0, (-1,), True), Trend(1, (-1,)))
    points = ladder(trends[0], falling, 4)
    assert points[:4, 0].tolist() == [10, 5, 2.5, 1.25]
    law = 2 + (1e10 / points[:, 0]) ** -0.1 + 10 * (1e8 * points[:, 1]) ** -0.2
    assert not turns(trends[0], law[:, None], spread_within(made))
    assert turns(trends[0], -law[:, None], spread_within(made))


def test_what_is_not_finite_hides_no_turn() -> None:
    values = np.array([1.0, 1.5, 2.0, 3.0, 1.0, 1.5, np.inf, np.nan])[:, None]
    assert turns(Trend(0, (-1,)), values, np.array([1.0]))
    assert not turns(Trend(0, (1,)), values, np.array([1.0]))


def test_spread_is_that_of_groups() -> None:
    y = np.array([1.0, 3.0, 101.0, 103.0])[:, None]
    made = Table(np.ones((4, 1)), y, ("a", "a", "b", "b"))
    assert spread_within(made).tolist() == [1.0]


@pytest.mark.parametrize(("turn", "expected"), [(0.3, True), (0.01, False), (0.0, False)])
def test_laws_that_turn_round(turn: float, expected: bool) -> None:
    points = ladder(Trend(1, (-1,)), X, 4)
    beyond = np.log(points[:, 1] / 1e11)
    values = 2 - 0.1 * beyond + turn * beyond**2
    assert turns(Trend(1, (-1,)), values[:, None], np.array([1.0])) is expected
    assert turns(Trend(1, (1,)), -values[:, None], np.array([1.0])) is expected
    assert not turns(Trend(1, (0,)), values[:, None], np.array([1.0]))
