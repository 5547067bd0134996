"""Intervals cover what they promise on made-up data, and draws do what they say."""

import numpy as np
import pytest
from laws.synthetic import features

from sldagent.errors import DataError
from sldagent.laws.ensemble import Ensemble, calibrated
from sldagent.laws.expressions import Array
from sldagent.laws.families import find
from sldagent.laws.fitting import HUBER_LOG, LOG_SQUARED, SQUARED, fit
from sldagent.laws.uncertainty import bootstrap, ends
from sldagent.task import Role

ROLES = (Role.DATA,)
LAW = find("product(D)", ROLES)
TRUE = {"E": 1.0, "A": 200.0, "a_D": 0.3}


def rows(seed: int, count: int = 40, noise: float = 0.01) -> tuple[Array, Array]:
    x = features(ROLES, count)
    y = LAW.evaluate(x, [TRUE[n] for n in LAW.names])
    return x, y + noise * np.random.default_rng(seed).standard_normal(len(y))


def test_80_percent_intervals_cover_the_truth_about_80_percent_of_the_time() -> None:
    far = np.array([[3e12]])
    truth = LAW.evaluate(far, [TRUE[n] for n in LAW.names])[0]
    hits = {"exponent": 0, "prediction": 0}
    tries = 60
    for seed in range(tries):
        x, y = rows(seed)
        drawn = bootstrap(fit(LAW, x, y), x, y, draws=120, seed=seed)
        low, high = drawn.params(level=0.8)["a_D"]
        hits["exponent"] += low <= TRUE["a_D"] <= high
        low, high = ends(drawn.predict(far)[:, 0, 0], 0.8)
        hits["prediction"] += bool(low <= truth <= high)
    for name, count in hits.items():
        # Three standard deviations of a binomial share of 60 tries are 0.155.
        assert 0.8 - 0.17 < count / tries < 0.8 + 0.17, name


def test_a_draw_is_a_refit_to_the_redrawn_rows() -> None:
    """The warm-started draws are as good as full fits to the same weights."""
    x, y = rows(0)
    found = fit(LAW, x, y, objective=LOG_SQUARED)
    drawn = bootstrap(found, x, y, draws=5, seed=3)
    rng = np.random.default_rng(3)
    for values in drawn.draws:
        counts = np.bincount(rng.integers(len(y), size=len(y)), minlength=len(y)).astype(float)
        again = fit(LAW, x, y, objective=LOG_SQUARED, weights=counts, units=found.units)
        np.testing.assert_allclose(values, again.values, rtol=1e-4)


def test_the_same_seed_gives_the_same_bits() -> None:
    x, y = rows(0)
    found = fit(LAW, x, y, objective=HUBER_LOG)
    one, two = (bootstrap(found, x, y, draws=20, seed=1).draws for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, bootstrap(found, x, y, draws=20, seed=2).draws)


def test_a_point_s_interval_does_not_depend_on_other_points() -> None:
    x, y = rows(0)
    groups = ["a", "b"] * 20
    drawn = bootstrap(fit(LAW, x, y, groups), x, y, groups, draws=20)
    made = Ensemble((drawn,))
    alone = made.interval(x[-1:], ["b"])
    among = made.interval(x[[3, -1]], ["a", "b"])
    assert (alone.low[0, 0], alone.high[0, 0]) == (among.low[1, 0], among.high[1, 0])


def test_copies_of_rows_in_one_run_do_not_make_intervals_narrower() -> None:
    x, y = rows(0)
    many_x, many_y = np.repeat(x, 4, axis=0), np.repeat(y, 4)
    runs = [str(i) for i in np.repeat(np.arange(len(y)), 4)]
    found = fit(LAW, many_x, many_y)
    width = {}
    for name, clusters in (("rows", None), ("runs", runs)):
        low, high = bootstrap(found, many_x, many_y, draws=300, clusters=clusters).params()["a_D"]
        width[name] = high - low
    low, high = bootstrap(fit(LAW, x, y), x, y, draws=300).params()["a_D"]
    assert width["runs"] == pytest.approx(high - low, rel=0.2)
    assert width["rows"] < 0.7 * width["runs"]


def test_groups_and_targets_have_their_own_draws() -> None:
    x, y = rows(0)
    both = np.vstack([x, x])
    targets = np.column_stack([np.r_[y, 2 * y], np.r_[y, y]])
    groups = ["a"] * len(x) + ["b"] * len(x)
    drawn = bootstrap(fit(LAW, both, targets, groups), both, targets, groups, draws=50)
    assert drawn.draws.shape == (50, 2, 2, 3)
    assert drawn.predict(x[:2], ["a", "b"]).shape == (50, 2, 2)
    assert drawn.params("b", 0)["E"][0] > drawn.params("a", 0)["E"][1]
    with pytest.raises(DataError, match="not fitted"):
        drawn.predict(x[:1], ["c"])
    with pytest.raises(DataError, match="several groups"):
        drawn.predict(x[:1])


def test_ensemble_covers_new_measurements_and_shows_the_spread_of_laws() -> None:
    x, y = rows(0, count=80, noise=0.02)
    order = np.argsort(x[:, 0])
    cuts = [(order[:60], order[60:]), (order[:45], order[45:])]
    found = fit(LAW, x, y)
    laws = [(LAW, SQUARED), (find("logarithmic(D)", ROLES), SQUARED)]
    one = calibrated(laws[:1], x, y, None, cuts, found.units)
    assert 0.8 <= one.stretch < 2.0
    new_x, new_y = rows(7, count=400, noise=0.02)
    box = one.interval(new_x)
    covered = np.mean((new_y[:, None] >= box.low) & (new_y[:, None] <= box.high))
    assert 0.72 < covered < 0.95
    assert np.all(box.model == 0)
    two = calibrated(laws, x, y, None, cuts, found.units)
    far = np.array([[1e13]])
    assert two.interval(far).model[0, 0] > 5 * two.interval(far).parameter[0, 0]


def test_a_false_law_alone_is_stretched() -> None:
    """A straight line in ln D misses the curve beyond it; the stretch must say so."""
    x, y = rows(0, count=80, noise=0.002)
    order = np.argsort(x[:, 0])
    cuts = [(order[:60], order[60:]), (order[:45], order[45:])]
    line = find("logarithmic(D)", ROLES)
    found = fit(line, x, y)
    made = calibrated([(line, SQUARED)], x, y, None, cuts, found.units)
    assert made.stretch > 2.0
    plain = Ensemble(made.members)
    far = np.array([[1e12]])
    ratio = (made.interval(far).high - made.interval(far).value) / (
        plain.interval(far).high - plain.interval(far).value
    )
    assert ratio[0, 0] == pytest.approx(made.stretch)


def test_intervals_of_rows_without_noise_are_as_wide_as_rounding() -> None:
    x, y = rows(0, noise=0.0)
    cuts = [(np.arange(30), np.arange(30, 40)), (np.arange(20), np.arange(20, 40))]
    found = fit(LAW, x, y)
    made = calibrated([(LAW, SQUARED)], x, y, None, cuts, found.units, draws=20)
    interval = made.interval(x[-1:], None)
    assert np.isfinite(made.stretch)
    assert 0 <= (interval.high - interval.low).item() < 1e-3
