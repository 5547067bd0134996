"""Known compute-optimal splits, and agreement of closed form and search."""

import numpy as np
import pytest
from laws.synthetic import features

from sldagent.errors import DataError
from sldagent.laws.allocation import (
    allocate,
    allocation_intervals,
    chinchilla_optimum,
    search_optimum,
)
from sldagent.laws.families import find
from sldagent.laws.families.published import EPOCH, HOFFMANN, MUENNIGHOFF
from sldagent.laws.fitting import fit
from sldagent.laws.uncertainty import bootstrap
from sldagent.task import Role

C = 5.88e23  # 6 * 70e9 * 1.4e12, Chinchilla's own budget
DATABLATIONS = {k: v for k, v in MUENNIGHOFF.values.items() if k not in ("n", "m", "R_D", "R_N")}


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
    best = chinchilla_optimum(values, C)
    assert best.size == pytest.approx(size, rel=rounding)
    assert best.data == pytest.approx(data, rel=rounding)
    assert 6 * best.size * best.data == pytest.approx(C, rel=1e-12)


def test_epoch_s_loss_and_rounding_s_price() -> None:
    assert chinchilla_optimum(EPOCH.values, C).loss == pytest.approx(1.97386, abs=2e-5)
    printed = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
    ratio = [
        b.data / b.size for b in (chinchilla_optimum(v, C) for v in (printed, HOFFMANN.values))
    ]
    assert ratio == pytest.approx([93, 59], abs=0.6)


def test_equal_exponents_scale_both_with_the_root_of_the_budget() -> None:
    one, two = (chinchilla_optimum(DATABLATIONS, c) for c in (C, 100 * C))
    assert two.size / one.size == pytest.approx(10)


@pytest.mark.parametrize("values", [EPOCH.values, HOFFMANN.values], ids=["epoch", "hoffmann"])
def test_search_agrees_with_the_closed_form(values: dict[str, float]) -> None:
    law = find("chinchilla", (Role.SIZE, Role.DATA))
    vector = [values[n] for n in law.names]
    found = search_optimum(lambda n, d: law.evaluate(np.column_stack([n, d]), vector), C)
    exact = chinchilla_optimum(values, C)
    # A minimum is flat: its place is known to the root of machine precision.
    assert found.size == pytest.approx(exact.size, rel=1e-6)
    assert found.loss == pytest.approx(exact.loss, rel=1e-14)


def test_a_law_without_optimum_says_so() -> None:
    best = search_optimum(lambda n, d: n**-0.1 + 0 * d, C)
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
    exact = chinchilla_optimum(EPOCH.values, c)
    searched = allocate(_fitted("effective_data", noise=0.0)[0], c)
    # The rows repeat without loss, which R_D <= 300 only comes near to.
    assert searched.size == pytest.approx(exact.size, rel=3e-2)
    repeated = allocate(_fitted("effective_data")[0], c, others={"U": 1e9})
    assert repeated.loss >= searched.loss - 1e-3


def test_intervals_hold_the_truth_and_the_hull_is_watched() -> None:
    found, x, y = _fitted("chinchilla")
    drawn = bootstrap(found, x, y, draws=200)
    exact = chinchilla_optimum(EPOCH.values, 1e21)
    box, share = allocation_intervals(drawn, 1e21, level=0.99)
    assert box["size"][0] < exact.size < box["size"][1]
    assert box["data"][0] < exact.data < box["data"][1]
    assert share == 1
    assert box["ratio"][0] < exact.data / exact.size < box["ratio"][1]
    assert allocate(found, 1e20, x=x).warning == ""
    assert "N* = " in allocate(found, 1e26, x=x).warning


def test_a_loss_is_to_be_small_even_where_data_are_few_and_large_models_are_worse() -> None:
    roles = (Role.DATA, Role.UNIQUE_DATA, Role.SIZE)
    law = find("overfit", roles)
    x = features(roles, 80)
    x[:, 1] = np.minimum(x[:, 1], x[:, 0])
    repeats = {"C": 1e-6, "c": 0.4, "d": 0.6}
    y = law.evaluate(x, [{**EPOCH.values, **repeats}[name] for name in law.names])
    found, few = fit(law, x, y), {"U": 1e6}
    best = allocate(found, 1e20, others=few, x=x)
    beside = [
        float(found.predict(np.array([[best.data / k, 1e6, best.size * k]]))[0, 0])
        for k in (0.5, 2)
    ]
    assert best.loss < min(beside)
    assert best.loss == pytest.approx(min(beside), rel=0.1)
    ends, _ = allocation_intervals(bootstrap(found, x, y, draws=20), 1e20, others=few, x=x)
    assert best.size / 3 < ends["size"][0] <= ends["size"][1] < 3 * best.size


def test_laws_without_the_slots_are_refused() -> None:
    found, _, _ = _fitted("hill")
    with pytest.raises(DataError, match="exactly one"):
        allocate(found, C)


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
    found, x, _ = _tuned()
    exact = chinchilla_optimum(EPOCH.values, 1e20)
    best = allocate(found, 1e20, x=x)
    assert best.size == pytest.approx(exact.size, rel=0.02)
    assert best.loss == pytest.approx(exact.loss, rel=1e-3)
    assert best.tuned["eta"] == pytest.approx(_step_law("lr", best.size, best.data), rel=0.02)
    assert best.tuned["b"] == pytest.approx(_step_law("batch", best.size, best.data), rel=0.02)
    assert best.warning == ""
    given = allocate(found, 1e20, x=x, others={"eta": 1e-3})
    assert given.tuned.keys() == {"b"}
    assert given.loss > best.loss


def test_rate_and_batch_of_a_planned_run() -> None:
    found, x, y = _tuned()
    best = allocate(found, None, x=x, others={"N": 4e8, "D": 8e9})
    assert (best.size, best.data) == (4e8, 8e9)
    assert best.tuned["eta"] == pytest.approx(_step_law("lr", 4e8, 8e9), rel=0.02)
    drawn = bootstrap(found, x, y, draws=20)
    box, _ = allocation_intervals(drawn, None, x=x, others={"N": 4e8, "D": 8e9}, level=0.9)
    low, high = box["eta"]
    assert low * 0.99 < best.tuned["eta"] < high * 1.01
    with pytest.raises(DataError, match="both size and data"):
        allocate(found, None, x=x, others={"N": 4e8})
    with pytest.raises(DataError, match="a value for eta"):
        allocate(found, 1e20)
