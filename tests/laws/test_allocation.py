"""Known compute-optimal splits, and budgets of fits with what their refits leave open."""

from collections.abc import Mapping

import numpy as np
import pytest
from laws.synthetic import chinchilla_optimum, features

from sldagent.errors import UsageError
from sldagent.laws.allocation import Allocation, Budget, values_of
from sldagent.laws.expressions import Array
from sldagent.laws.families import find
from sldagent.laws.families.published import EPOCH, HOFFMANN, MUENNIGHOFF
from sldagent.laws.fitting import Fit, fit
from sldagent.laws.uncertainty import Bootstrap, bootstrap
from sldagent.task import Role

C = 5.88e23  # 6 * 70e9 * 1.4e12, Chinchilla's own budget
DATABLATIONS = {k: v for k, v in MUENNIGHOFF.values.items() if k not in ("n", "m", "R_D", "R_N")}
BOX = np.array([[1e7, 1e9], [1e12, 1e14]])


def _published(values: Mapping[str, float], flops: float) -> Allocation:
    """The budget by Chinchilla's law with these constants."""
    law = find("chinchilla", (Role.SIZE, Role.DATA))
    vector = [values[n] for n in law.names]

    def own(rows: Array) -> Array:
        return law.evaluate(rows[0], vector)[None]

    budget = Budget.of(("params", "tokens"), (Role.SIZE, Role.DATA), BOX, {}, range(2))
    return budget.solve(flops, own, own, 1, 0.8)


def _allocate(
    found: Fit | Bootstrap,
    flops: float | None,
    x: Array,
    given: Mapping[str, float] | None = None,
    level: float = 0.95,
) -> Allocation:
    """The budget by a fit, with intervals where there are refits."""
    fitted = found.fit if isinstance(found, Bootstrap) else found
    draws = found.draws[:, 0, 0] if isinstance(found, Bootstrap) else fitted.values[0]
    slots = {slot.column: slot for slot in fitted.law.slots}
    names = [slots[c].symbol if c in slots else "unread" for c in range(x.shape[1])]
    roles = [slots[c].role if c in slots else None for c in range(x.shape[1])]
    columns = {names.index(name): value for name, value in (given or {}).items()}
    box = np.stack([x.min(axis=0), x.max(axis=0)])
    budget = Budget.of(names, roles, box, columns, list(slots))
    own, drawn = values_of(fitted, fitted.values[0]), values_of(fitted, draws)
    return budget.solve(flops, own, drawn, len(draws), level)


@pytest.mark.parametrize(
    ("values", "size", "data", "rounding"),
    [
        (EPOCH.values, 7.30e10, 1.342e12, 1e-3),
        (HOFFMANN.values, 4.07e10, 2.405e12, 2e-3),
        (DATABLATIONS, 7.07e10, C / 6 / 7.07e10, 1e-3),
    ],
    ids=["epoch", "hoffmann", "datablations"],
)
def test_known_answers(values: dict[str, float], size: float, data: float, rounding: float) -> None:
    best = _published(values, C)
    assert best.size == pytest.approx(size, rel=rounding)
    assert best.data == pytest.approx(data, rel=rounding)
    assert 6 * best.size * best.data == pytest.approx(C, rel=1e-12)
    assert best.warning == ""


def test_epoch_s_loss_and_rounding_s_price() -> None:
    assert _published(EPOCH.values, C).loss == pytest.approx(1.97386, abs=2e-5)
    printed = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
    ratio = [b.data / b.size for b in (_published(v, C) for v in (printed, HOFFMANN.values))]
    assert ratio == pytest.approx([93, 59], abs=0.6)


def test_equal_exponents_scale_both_with_the_root_of_the_budget() -> None:
    one, two = (_published(DATABLATIONS, c) for c in (C, 100 * C))
    assert two.size / one.size == pytest.approx(10)


@pytest.mark.parametrize("values", [EPOCH.values, HOFFMANN.values], ids=["epoch", "hoffmann"])
def test_the_search_agrees_with_the_closed_form(values: dict[str, float]) -> None:
    found = _published(values, C)
    size, _, loss = chinchilla_optimum(values, C)
    # A minimum is flat: its place is known to the root of machine precision.
    assert found.size == pytest.approx(size, rel=1e-6)
    assert found.loss == pytest.approx(loss, rel=1e-14)
    # Of a refit a thousandth is enough.
    assert found.intervals["size"] == pytest.approx((size, size), rel=2e-3)


def test_without_refits_there_is_an_optimum_and_no_interval() -> None:
    found, x, _ = _fitted("chinchilla")
    best = _allocate(Bootstrap(found, np.empty((0, 1, 1, 5)), ((np.zeros(1),),)), 1e21, x)
    assert best.found
    assert best.intervals == {}


def test_a_law_without_optimum_says_so() -> None:
    def falls(rows: Array) -> Array:
        return np.asarray(rows[..., 0] ** -0.1)

    budget = Budget.of(("params", "tokens"), (Role.SIZE, Role.DATA), BOX, {}, range(2))
    best = budget.solve(C, falls, falls, 1, 0.8)
    assert "no optimum" in best.warning
    assert not best.found


def _fitted(family: str, noise: float = 0.003):  # type: ignore[no-untyped-def]
    roles = (Role.DATA, Role.UNIQUE_DATA, Role.SIZE)
    x = features(roles, 80)
    x[:, 1] = np.minimum(x[:, 1], x[:, 0])
    law = find("chinchilla", roles)
    y = law.evaluate(x, [EPOCH.values[n] for n in law.names])
    y = y * np.exp(noise * np.random.default_rng(0).standard_normal(len(y)))
    return fit(find(family, roles), x, y), x, y


def test_other_laws_are_searched_and_unique_data_defaults_to_data() -> None:
    c = 1e21
    size, _, _ = chinchilla_optimum(EPOCH.values, c)
    found, x, _ = _fitted("effective_data", noise=0.0)
    searched = _allocate(found, c, x)
    # The rows repeat without loss, which R_D <= 300 only comes near to.
    assert searched.size == pytest.approx(size, rel=3e-2)
    assert "taken to be unique" in searched.warning
    repeated = _allocate(_fitted("effective_data")[0], c, x, {"U": 1e9})
    assert "taken to be unique" not in repeated.warning
    assert repeated.loss >= searched.loss - 1e-3


def test_intervals_hold_the_truth_and_the_hull_is_watched() -> None:
    found, x, y = _fitted("chinchilla")
    drawn = bootstrap(found, x, y, draws=200)
    size, data, _ = chinchilla_optimum(EPOCH.values, 1e21)
    box = _allocate(drawn, 1e21, x, level=0.99).intervals
    assert box["size"][0] < size < box["size"][1]
    assert box["data"][0] < data < box["data"][1]
    assert box["ratio"][0] < data / size < box["ratio"][1]
    assert _allocate(found, 1e20, x).warning == ""
    assert "N = " in _allocate(found, 1e26, x).warning


def test_refits_without_an_optimum_are_told_and_do_not_count() -> None:
    found, x, _ = _fitted("chinchilla")
    names = list(found.law.names)
    lost = found.values[0, 0].copy()
    lost[names.index("B")] = 0.0  # then larger models are better without end
    draws = np.stack([found.values[0, 0]] * 3 + [lost])[:, None, None]
    best = _allocate(Bootstrap(found, draws, ((np.zeros(1),),)), 1e20, x)
    assert "25% of the refits have no optimum" in best.warning
    assert best.intervals["size"] == pytest.approx((best.size, best.size), rel=2e-3)


def test_a_loss_is_to_be_small_even_where_data_are_few_and_large_models_are_worse() -> None:
    roles = (Role.DATA, Role.UNIQUE_DATA, Role.SIZE)
    law = find("overfit", roles)
    x = features(roles, 80)
    x[:, 1] = np.minimum(x[:, 1], x[:, 0])
    repeats = {"C": 1e-6, "c": 0.4, "d": 0.6}
    y = law.evaluate(x, [{**EPOCH.values, **repeats}[name] for name in law.names])
    found, few = fit(law, x, y), {"U": 1e6}
    best = _allocate(bootstrap(found, x, y, draws=20), 1e20, x, few)
    beside = [
        float(found.predict(np.array([[best.data / k, 1e6, best.size * k]]))[0, 0])
        for k in (0.5, 2)
    ]
    assert best.loss < min(beside)
    assert best.loss == pytest.approx(min(beside), rel=0.1)
    low, high = best.intervals["size"]
    assert best.size / 3 < low <= high < 3 * best.size


def test_laws_without_the_slots_are_refused() -> None:
    found, x, _ = _fitted("hill")
    with pytest.raises(UsageError, match="exactly one"):
        _allocate(found, C, x)


STEP = {"lr": (1.79, -0.713, 0.307), "batch": (0.58, 0.0, 0.571)}  # arXiv 2503.04715


def _step_law(quantity: str, n: float, d: float) -> float:
    c, a, b = STEP[quantity]
    return float(c * n**a * d**b)


def _tuned():  # type: ignore[no-untyped-def]
    """A valley whose floor is Chinchilla's law and whose optima are the Step Law's."""
    roles = (Role.RATE, Role.BATCH, Role.DATA, Role.SIZE)
    rng = np.random.default_rng(1)
    n, d = 10 ** rng.uniform(7.5, 9, 300), 10 ** rng.uniform(9, 11, 300)
    rate = np.array([_step_law("lr", *at) for at in zip(n, d, strict=True)])
    batch = np.array([_step_law("batch", *at) for at in zip(n, d, strict=True)])
    eta, b = rate * np.exp(rng.uniform(-1.5, 1.5, 300)), batch * np.exp(rng.uniform(-1.5, 1.5, 300))
    y = 1.8172 + 482.01 * n**-0.3478 + 2085.43 * d**-0.3658
    y = y + 0.02 * np.log(eta / rate) ** 2 + 0.01 * np.log(b / batch) ** 2
    x = np.column_stack([eta, b, d, n])
    return fit(find("valley", roles), x, y), x, y


def test_rate_and_batch_come_with_the_budget() -> None:
    found, x, y = _tuned()
    size, _, loss = chinchilla_optimum(EPOCH.values, 1e20)
    best = _allocate(bootstrap(found, x, y, draws=20), 1e20, x)
    assert best.size == pytest.approx(size, rel=0.02)
    assert best.loss == pytest.approx(loss, rel=1e-3)
    assert best.tuned["eta"] == pytest.approx(_step_law("lr", best.size, best.data), rel=0.02)
    assert best.tuned["b"] == pytest.approx(_step_law("batch", best.size, best.data), rel=0.02)
    assert best.warning == ""
    for name, value in (("size", best.size), ("eta", best.tuned["eta"]), ("loss", best.loss)):
        low, high = best.intervals[name]
        assert low * 0.99 < value < high * 1.01
        assert high < 1.3 * low
    given = _allocate(found, 1e20, x, {"eta": 1e-3})
    assert given.tuned.keys() == {"b"}
    assert given.loss > best.loss


def test_rate_and_batch_of_a_planned_run() -> None:
    found, x, y = _tuned()
    drawn = bootstrap(found, x, y, draws=20)
    best = _allocate(drawn, None, x, {"N": 4e8, "D": 8e9}, level=0.9)
    assert (best.size, best.data) == (4e8, 8e9)
    assert best.tuned["eta"] == pytest.approx(_step_law("lr", 4e8, 8e9), rel=0.02)
    low, high = best.intervals["eta"]
    assert low * 0.99 < best.tuned["eta"] < high * 1.01
    with pytest.raises(UsageError, match="both size and data"):
        _allocate(found, None, x, {"N": 4e8})
    with pytest.raises(UsageError, match="a value for count"):
        Budget.of(
            ("params", "tokens", "count"), (Role.SIZE, Role.DATA, Role.COUNT),
            np.ones((2, 3)), {}, range(3),
        )  # fmt: skip
