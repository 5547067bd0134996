"""Price laws with known answers."""

import numpy as np
import pytest

from sldagent.laws.families import find
from sldagent.laws.fitting import fit
from sldagent.laws.uncertainty import bootstrap
from sldagent.laws.worth import Crossing, Worth
from sldagent.laws.worth import worth as worth_of
from sldagent.task import Role


def worth(
    price: np.ndarray, y: np.ndarray, groups: list[str]
) -> tuple[list[Worth], list[Crossing]]:
    """By the values of a law of the price itself, and of its refits."""
    found = fit(find("product(D)", (Role.DATA,)), price[:, None], y, groups)
    drawn = bootstrap(found, price[:, None], y, groups, draws=100)
    own, others = found.predict(price[:, None], groups), drawn.predict(price[:, None], groups)
    return worth_of(price, np.vstack([own.T, others[..., 0]]), np.log(price)[:, None], groups)


def _logs(*features: np.ndarray) -> np.ndarray:
    return np.log(np.column_stack(features))


def runs(noise: float = 0.002) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """A cheap recipe that is better at first, and a dear one that is better above a price of 100.

    2 + 1 p^-0.5 and 1.8 + c p^-0.5 cross where 0.2 = (c - 1) p^-0.5, at p = 100 for c = 3.
    """
    rng = np.random.default_rng(0)
    price = np.geomspace(1, 1000, 30)
    plain, fancy = 2 + price**-0.5, 1.8 + 3 * price**-0.5
    y = np.concatenate([plain, fancy]) + noise * rng.normal(size=60)
    return np.tile(price, 2), y, ["plain"] * 30 + ["fancy"] * 30


def test_a_dearer_recipe_is_worth_it_above_the_crossing() -> None:
    _, (crossing,) = worth(*runs())
    assert (crossing.better, crossing.worse) == ("fancy", "plain")
    assert crossing.share > 0.95
    assert crossing.price.value == pytest.approx(100, rel=0.15)
    assert crossing.price.low <= 100 * 1.04  # the grid's step
    assert crossing.price.high >= 100 / 1.04


def test_the_threshold_is_the_extra_price_over_the_gain() -> None:
    (plain, fancy), _ = worth(*runs(1e-4))
    gain = 1000**-0.5 - 10_000**-0.5
    assert plain.exponent.value == pytest.approx(0.5, abs=0.01)
    assert plain.exponent.low < 0.5 < plain.exponent.high
    assert plain.gain.value == pytest.approx(gain, rel=0.02)
    assert plain.threshold.value == pytest.approx(9000 / gain, rel=0.02)
    assert plain.threshold.low < 9000 / gain < plain.threshold.high
    assert fancy.gain.value == pytest.approx(3 * gain, rel=0.02)


def test_recipes_that_never_cross_say_nothing() -> None:
    price, y, groups = runs()
    y[30:] += 1
    assert worth(price, y, groups)[1] == []


def test_of_a_grid_only_runs_that_no_cheaper_one_betters_count() -> None:
    """Chinchilla's frontier falls with C^-(alpha beta / (alpha + beta)), however much is wasted."""
    size = np.repeat(np.geomspace(1e7, 1e10, 16), 16)
    data = np.tile(np.geomspace(2e8, 2e11, 16), 16)
    loss = 1.7 + 400 / size**0.34 + 410 / data**0.28
    ((found,), _) = worth_of(
        6 * size * data, np.stack([loss, loss]), _logs(size, data), ["all"] * 256
    )
    assert found.exponent.value == pytest.approx(0.34 * 0.28 / 0.62, rel=0.03)


def test_where_nothing_gets_better_with_price_nothing_is_said() -> None:
    price = np.arange(1.0, 9.0)
    values = np.tile(np.arange(8.0), (2, 1))
    assert worth_of(price, values, _logs(price), ["all"] * 8) == ([], [])


@pytest.mark.parametrize("scatter", [0.05, 0.3])
def test_runs_that_were_cheap_by_chance_do_not_make_the_frontier(scatter: float) -> None:
    """It is made of what such features usually cost, and intervals say how well that is known."""
    held = 0
    far: list[float] = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        tokens = np.geomspace(1, 1e4, 24)
        values = np.tile(1.7 + 2.0 * tokens**-0.3, (101, 1))
        price = tokens * np.exp(scatter * rng.normal(size=24))
        ((found,), _) = worth_of(price, values, _logs(tokens), ["all"] * 24)
        gain = 2 * price.max() ** -0.3 * (1 - 10**-0.3)
        held += found.gain.low <= gain <= found.gain.high
        far.append(abs(found.gain.value / gain - 1))
    assert held >= 15
    assert np.median(far) < 0.6 * scatter
