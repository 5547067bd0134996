"""Price laws with known answers."""

import numpy as np
import pytest

from sldagent.laws.worth import worth


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
