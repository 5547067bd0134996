"""Choosing by extrapolation, and that names, column order and units decide nothing."""

from dataclasses import replace

import numpy as np
import pytest
from laws.cutting import top
from laws.sldbench import load, present
from laws.synthetic import features

from sldagent.errors import DataError
from sldagent.laws.choosing import Choice, choose
from sldagent.laws.expressions import Array
from sldagent.laws.families import applicable, find
from sldagent.laws.families.published import EPOCH
from sldagent.laws.fitting import HUBER_LOG, LOG_SQUARED, SQUARED
from sldagent.scoring import selection_score
from sldagent.task import Role

ROLES = (Role.SIZE, Role.DATA)
Cuts = list[tuple[np.ndarray, np.ndarray]]


def by_budget(x: Array) -> Cuts:
    """Top 30 % and 45 % of compute held out."""
    order = np.argsort(x[:, 0] * x[:, 1])
    sizes = [int(len(x) * share) for share in (0.7, 0.55)]
    return [(order[:k], order[k:]) for k in sizes]


def chinchilla_rows(noise: float = 0.002) -> tuple[Array, Array]:
    x = features(ROLES)
    law = find("chinchilla", ROLES)
    values = {"E": 1.8, "A": 480.0, "B": 2000.0, "alpha": 0.35, "beta": 0.366}
    y = law.evaluate(x, [values[n] for n in law.names])
    return x, y * np.exp(noise * np.random.default_rng(0).standard_normal(len(y)))


def test_the_true_family_wins_and_is_fitted_to_all_rows() -> None:
    x, y = chinchilla_rows()
    rivals = [law for law in applicable(ROLES) if not law.name.startswith(("farseer", "broken"))]
    choice = choose(rivals, x, y, None, by_budget(x))
    assert choice.fit.law.name == "chinchilla(N,D)"
    assert choice.trials[0].law is choice.fit.law
    assert choice.fit.outcomes[0][0].rows == len(y)
    assert min(choice.trials[0].r2) > 0.98
    line = next(line for line in choice.table(5).splitlines() if "chinchilla" in line)
    assert f"{choice.trials[0].score:.4f}" in line


def test_equal_scores_go_to_fewer_parameters() -> None:
    """Without noise every law that contains a power law of N is perfect; the smallest must win."""
    x = features(ROLES)
    y = 3e2 * x[:, 0] ** -0.2
    choice = choose(applicable(ROLES, limit=5), x, y, None, by_budget(x))
    assert choice.fit.law.name == "power(N)"
    assert choice.trials[0].score == selection_score([1.0, 1.0], 2, True)


def test_a_law_that_turns_round_beyond_the_data_gives_way() -> None:
    steps = np.array([[i, j] for i in range(6) for j in range(6)])
    y = 9 - 1.04 * steps.sum(axis=1) + 0.1 * (steps**2).sum(axis=1)  # least at 5.2
    x = 1e6 * 4.0**steps
    (trial,) = choose([find("translog", ROLES)], x, y, None, by_budget(x)).trials
    plain = selection_score(trial.r2, trial.parameters, True)
    turning = selection_score(trial.r2, trial.parameters, True, steady_beyond=False)
    assert trial.score == turning < plain


def test_an_objective_that_resists_outliers_is_preferred_where_there_are_some() -> None:
    x, y = chinchilla_rows()
    cuts = by_budget(x)
    y[cuts[1][0][::9]] *= 1.5
    laws = [find("chinchilla", ROLES)]
    choice = choose(laws, x, y, None, cuts, objectives=(SQUARED, HUBER_LOG))
    assert choice.fit.objective is HUBER_LOG
    assert len(choice.trials) == 2


def test_what_falls_behind_is_given_up_and_what_is_shown_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, y = chinchilla_rows()
    rivals = applicable(ROLES, limit=5)
    raced = choose(rivals, x, y, None, by_budget(x))
    monkeypatch.setattr("sldagent.laws.choosing._KEPT", len(rivals))
    whole = choose(rivals, x, y, None, by_budget(x))
    assert whole.given_up == 0
    assert raced.given_up > 0
    assert raced.given_up + len(raced.trials) == len(whole.trials)
    assert raced.trials[:10] == whole.trials[:10]


def test_bad_requests_are_refused() -> None:
    x, y = chinchilla_rows()
    with pytest.raises(DataError, match="at least one law"):
        choose([], x, y, None, by_budget(x))
    with pytest.raises(DataError, match="one cut"):
        choose(applicable(ROLES), x, y, None, [])
    with pytest.raises(DataError, match="positive targets"):
        choose(applicable(ROLES), x, -y, None, by_budget(x), objectives=(LOG_SQUARED,))


def _chosen(name: str, *, renamed: bool, factor: float, reverse: bool) -> Choice:
    problem = load(name)
    table = problem.table
    problem = replace(problem, table=table.rows(table.group_codes < 8))
    seen = np.arange(len(problem.table))
    cuts = [top(problem, seen, share) for share in (0.25, 0.4)]
    x = problem.table.x.copy()
    for column, role in enumerate(problem.roles):
        if role is Role.LOGGED:
            x[:, column] += np.log10(factor)
        elif role is not Role.FRACTION:
            x[:, column] *= factor
    roles, y = problem.roles, problem.table.y * factor
    if reverse:
        x, roles = x[:, ::-1], roles[::-1]
    groups = [f"group {g[::-1]}" for g in problem.table.groups] if renamed else problem.table.groups
    laws = applicable(roles, signed=problem.signed, limit=problem.limit)
    return choose(laws, x, y, groups, cuts)


@pytest.mark.parametrize("name", ["parallel", "sft"])
def test_names_columns_and_units_do_not_decide(name: str) -> None:
    if not present(name):
        pytest.skip("the benchmark's tables are not here")
    one = _chosen(name, renamed=False, factor=1.0, reverse=False)
    two = _chosen(name, renamed=True, factor=1000.0, reverse=True)
    assert two.fit.law.name == one.fit.law.name
    assert two.fit.r2 == pytest.approx(one.fit.r2, abs=1e-6)
    assert two.trials[0].r2 == pytest.approx(one.trials[0].r2, abs=1e-6)


def test_neither_order_nor_units_decide_where_a_cut_leaves_two_levels() -> None:
    rng = np.random.default_rng(2)
    sizes, tokens = np.geomspace(1e7, 1e9, 3), np.geomspace(1e9, 6.4e10, 7)
    x = np.array([(n, d) for n in sizes for d in tokens])
    law = find("chinchilla", ROLES)
    y = law.evaluate(x, [EPOCH.values[n] for n in law.names]) + 0.01 * rng.standard_normal(len(x))
    cuts = [x[:, 0] > 2e8, x[:, 1] > 2e10]
    found = []
    for order, factors in (
        (np.arange(21), (1.0, 1.0)),
        (np.arange(21)[::-1], (1.0, 1.0)),
        (rng.permutation(21), (1e3, 1e-3)),
    ):
        rows = [(np.flatnonzero(~out[order]), np.flatnonzero(out[order])) for out in cuts]
        found.append(choose(applicable(ROLES), x[order] * factors, y[order], None, rows))
    for other in found[1:]:
        assert [t.law.name for t in other.trials] == [t.law.name for t in found[0].trials]
        assert other.fit.r2 == pytest.approx(found[0].fit.r2, abs=1e-6)
        for one, two in zip(found[0].trials, other.trials, strict=True):
            assert two.r2 == pytest.approx(one.r2, abs=1e-6)
