"""Every family finds its own law again: without noise exactly, with noise as well as can be."""

import numpy as np
import pytest
from laws.synthetic import features, one_law_a_family, sample

from sldagent.laws.expressions import Law
from sldagent.laws.families import find
from sldagent.laws.fitting import LOG_SQUARED, SQUARED, Effort, fit
from sldagent.task import Role

# Farseer's ten parameters need more steps than the others; it has a test of its own.
CASES = [(roles, law) for roles, law in one_law_a_family() if not law.name.startswith("farseer")]
NAMES = [law.name for _, law in CASES]
SIGNED = [
    case
    for case in one_law_a_family(signed=True)
    if case[1].name.partition("(")[0] in ("signed chinchilla", "signed hill", "signed mixing")
]


@pytest.mark.parametrize(("roles", "law"), CASES, ids=NAMES)
def test_noise_free_rows_give_the_law_back(roles: tuple[Role, ...], law: Law) -> None:
    x, y, _, _ = sample(law, roles, seed=0)
    found = fit(law, x, y)
    assert found.total < 1e-15 * np.sum(y**2)
    np.testing.assert_allclose(found.predict(x)[:, 0], y, rtol=1e-6)


@pytest.mark.parametrize(("roles", "law"), CASES, ids=NAMES)
def test_noisy_rows_are_fitted_at_least_as_well_as_by_the_truth(
    roles: tuple[Role, ...], law: Law
) -> None:
    x, y, units, values = sample(law, roles, seed=1, noise=0.01)
    clean = law.evaluate(units.apply(x), values)
    found = fit(law, x, y)
    assert found.total <= np.sum((clean - y) ** 2) / 2
    # Not by following the noise either: p parameters of n rows explain about p/n of it.
    error = np.sqrt(np.mean((found.predict(x)[:, 0] - clean) ** 2))
    assert error < 2.5 * 0.01 * clean.std() * np.sqrt(len(values) / len(y))


@pytest.mark.parametrize(("roles", "law"), SIGNED, ids=[law.name for _, law in SIGNED])
def test_signed_targets_are_recovered(roles: tuple[Role, ...], law: Law) -> None:
    x, y, _, _ = sample(law, roles, seed=2)
    moved = -y
    found = fit(law, x, moved)
    np.testing.assert_allclose(found.predict(x)[:, 0], moved, rtol=1e-6)


@pytest.mark.parametrize("objective", [SQUARED, LOG_SQUARED], ids=lambda o: o.name)
def test_parameters_come_back_in_the_table_s_units(objective) -> None:  # type: ignore[no-untyped-def]
    true = {"E": 1.7, "A": 400.0, "B": 1200.0, "alpha": 0.34, "beta": 0.31}
    roles = (Role.DATA, Role.SIZE)
    law = find("chinchilla", roles)
    x = features(roles)
    y = law.evaluate(x, [true[name] for name in law.names])
    params = fit(law, x, y, objective=objective).params()
    assert params == pytest.approx(true, rel=1e-6)


@pytest.mark.parametrize(("roles", "law"), CASES, ids=NAMES)
def test_units_bring_every_parameter_back(roles: tuple[Role, ...], law: Law) -> None:
    """The formula in the table's units gives what the fit predicts in O(1) units."""
    x, y, units, _ = sample(law, roles, seed=3)
    found = fit(law, x, y, units=units, effort=Effort(starts=2, rounds=1, iterations=5))
    if law.centred:
        assert found.params() == dict(zip(law.names, found.values[0, 0], strict=True))
        formula = found.sympy()
        table = {s.symbol: x[0, s.column] for s in law.slots}
        value = float(formula.subs({k: table[str(k)] for k in formula.free_symbols}))
        assert value == pytest.approx(found.predict(x[:1])[0, 0], rel=1e-9)
    else:
        raw = [found.params()[name] for name in law.names]
        np.testing.assert_allclose(law.evaluate(x, raw), found.predict(x)[:, 0], rtol=1e-9)


@pytest.mark.parametrize("name", ["chinchilla", "kaplan", "transferred"])
def test_the_formula_is_in_the_table_s_units_where_some_data_are_none(name: str) -> None:
    roles = (Role.SIZE, Role.DATA)
    law = find(name, roles)
    x = features(roles)
    x[::7, 1] = 0
    y = 2 + 40 * (x[:, 0] / 1e8) ** -0.3 + 10 * (1 + x[:, 1] / 1e9) ** -0.4
    found = fit(law, x, y, effort=Effort(starts=2, rounds=1, iterations=5))
    assert found.units.shift[1] < 0
    formula = found.sympy()
    for i in (0, 1, len(x) - 1):
        table = {s.symbol: x[i, s.column] for s in law.slots}
        value = float(formula.subs({k: table[str(k)] for k in formula.free_symbols}))
        assert value == pytest.approx(found.predict(x[[i]])[0, 0], rel=1e-9)
    assert f"D = feature 2 +{-found.units.shift[1]:.4g}" in found.report()


def test_farseer_s_published_constants_are_recovered() -> None:
    """Exponents of arXiv 2506.10972 from noise-free points of its published surface."""
    x = features((Role.SIZE, Role.DATA))
    n, d = x.T
    y = np.exp(-0.062465 * n**0.13 + 0.128488) + np.exp(230.734 * n**-0.1729 - 1.54421) * d ** (
        -np.exp(-1.66563 * n**0.0459 + 3.13335)
    )
    law = find("farseer", (Role.SIZE, Role.DATA))
    found = fit(law, x, y, effort=Effort(iterations=1000))
    assert found.total < 1e-20
    params = found.params()
    assert (params["q"], params["g"], params["p"]) == pytest.approx(
        (0.13, -0.1729, 0.0459), rel=1e-6
    )
