"""The fit inside emitted programs: it recovers, agrees with the internal one, and never breaks."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from contracts import small_task
from laws.synthetic import features, one_law_a_family, sample

from sldagent.candidate import Status
from sldagent.evaluation.evaluator import SandboxEvaluator
from sldagent.laws.codegen import Form, Link, plain_units, read, row_weights, write
from sldagent.laws.expressions import Array, Law
from sldagent.laws.families import find
from sldagent.laws.fitting import OBJECTIVES, fit
from sldagent.laws.fitting.solve import make_batch
from sldagent.program import Program
from sldagent.sandboxes import open_sandbox
from sldagent.scales import offset_of
from sldagent.task import Role

# Whose optima are far apart and equally good, or in flat valleys: the internal fit takes seconds.
SLOW = (
    "farseer",
    "onset",
    "broken",
    "two_sigmoids",
    "sigmoid_bump",
    "skewed_valley",
    "effective_b",
)
LAWS = [pair for pair in one_law_a_family() if not pair[1].name.startswith(SLOW)]
NAMES = [law.name for _, law in LAWS]
SIZES = (Role.SIZE, Role.DATA)
SMALL = ("chinchilla", "power(N,D)", "plateau(D)", "coupled(N,D)", "kaplan", "logarithmic(N)")


def program(form: Form) -> dict[str, Any]:
    names: dict[str, Any] = {}
    columns = len(form.units.scale)
    exec(compile(write(form, ["x"] * columns, ["y"]), "<program>", "exec"), names)
    return names


def gap(form: Form, x: Array, y: Array) -> float:
    """Emitted objective over the internal one, less one."""
    weights = row_weights(form, x)
    every = [np.arange(len(x))]
    u = form.units.apply(x)
    batch, scale = make_batch(form.law, form.objective, u, y[:, None], weights, every)
    internal = fit(
        form.law, x, y, objective=form.objective, weights=weights, units=form.units
    ).values[0]
    emitted = np.atleast_2d(program(form)["fit_scaling_law"](x, y))
    ends = []
    for found in (emitted, internal):
        scaled = found.copy()
        scaled[:, : batch.count] /= scale[:, None]
        ends.append(batch.losses(batch.predictions(batch.coordinates(scaled)))[0])
    return float((ends[0] + 1e-20 * len(y)) / (ends[1] + 1e-20 * len(y)) - 1)


@pytest.mark.parametrize(("roles", "law"), LAWS, ids=NAMES)
def test_the_fit_reaches_the_internal_objective(roles: tuple[Role, ...], law: Law) -> None:
    x, y, _, _ = sample(law, roles, 1, noise=0.01)
    assert gap(Form(law, plain_units(x, roles)), x, y) < 1e-6


@pytest.mark.parametrize("objective", list(OBJECTIVES.values()), ids=list(OBJECTIVES))
@pytest.mark.parametrize("emphasis", [0.0, 2.0])
@pytest.mark.parametrize("name", ["chinchilla", "product(N,D)", "kaplan"])
def test_every_objective_and_emphasis(objective: Any, emphasis: float, name: str) -> None:
    law = find(name, SIZES)
    x, y, _, _ = sample(law, SIZES, 2, noise=0.02)
    y[::9] *= 1.2
    assert gap(Form(law, plain_units(x, SIZES), objective, emphasis), x, y) < 1e-6


def test_rows_without_data_are_fitted_too() -> None:
    law = find("chinchilla", SIZES)
    x, y, _, _ = sample(law, SIZES, 2, noise=0.01)
    x[::9, 1] = 0.0
    y[::9] = y.max() + 0.1
    form = Form(law, plain_units(x, SIZES))
    assert form.units.shift == (0.0, -offset_of(x[:, 1], Role.DATA)) != (0.0, 0.0)
    text = write(form, ["params", "tokens"], ["loss"])
    again = read(text)
    assert "D = (x[:, 1] + " in text
    assert again is not None
    assert again.units == form.units
    assert gap(form, x, y) < 1e-6
    assert np.isfinite(fit(law, x, y).predict(x)).all()


@pytest.mark.parametrize("objective", list(OBJECTIVES.values()), ids=list(OBJECTIVES))
def test_rows_without_noise_give_the_truth(objective: Any) -> None:
    law = find("chinchilla", SIZES)
    x, _, _, _ = sample(law, SIZES, 3)
    form = Form(law, plain_units(x, SIZES), objective)
    truth = np.array([1.8, 0.6, 0.9, 0.34, 0.28])
    y = law.evaluate(form.units.apply(x), truth)
    made = program(form)
    params = made["fit_scaling_law"](x, y)
    assert params == pytest.approx(truth, rel=1e-4)
    beyond = made["scaling_law_func"](x * 10, params)
    assert beyond == pytest.approx(law.evaluate(form.units.apply(x * 10), truth), rel=1e-4)


def test_a_formula_of_the_logarithm_is_fitted_to_it_and_predicts_the_target() -> None:
    law = find("signed chinchilla", SIZES)
    x, _, _, _ = sample(law, SIZES, 3)
    form = Form(law, plain_units(x, SIZES), link=Link.LOG)
    truth = np.array([-1.8, 0.6, 0.9, 0.34, 0.28])
    y = np.exp(law.evaluate(form.units.apply(x), truth))
    made = program(form)
    params = made["fit_scaling_law"](x, y)
    assert params == pytest.approx(truth, rel=1e-4)
    assert made["scaling_law_func"](x, params) == pytest.approx(y, rel=1e-6)


@pytest.mark.parametrize(("link", "whole"), [(Link.LOGIT, 1.0), (Link.PERCENT, 100.0)])
def test_a_formula_of_the_odds_stays_within_them(link: Link, whole: float) -> None:
    law = find("signed loglinear(N,D)", SIZES)
    x, _, _, _ = sample(law, SIZES, 3)
    form = Form(law, plain_units(x, SIZES), link=link)
    truth = np.array([-0.3, 0.6, 0.4])
    y = whole / (1 + np.exp(-law.evaluate(form.units.apply(x), truth)))
    made = program(form)
    params = made["fit_scaling_law"](x, y)
    assert params == pytest.approx(truth, rel=1e-4)
    assert made["scaling_law_func"](x, params) == pytest.approx(y, rel=1e-6)
    assert read(write(form, ("n", "d"), ("y",)), 2) == form
    assert (made["scaling_law_func"](x * 1e9, params) <= whole).all()
    # An error of the target weighs the same wherever it is: near the ends its odds mean little.
    near = np.argsort(y)[-3:]
    for end in (1 - 1e-9, 1.0):
        y[near] = whole * end
        moved = made["fit_scaling_law"](x, y)
        assert moved == pytest.approx(truth, rel=0.2)


def test_several_targets_are_fitted_one_by_one() -> None:
    law = find("chinchilla", SIZES)
    x, y, _, _ = sample(law, SIZES, 4, noise=0.01)
    made = program(Form(law, plain_units(x, SIZES)))
    both = made["fit_scaling_law"](x, np.stack([y, 2 * y], axis=1))
    assert both.shape == (2, 5)
    assert np.array_equal(both[0], made["fit_scaling_law"](x, y))
    assert both[1, :3] == pytest.approx(2 * both[0, :3], rel=1e-6)
    assert made["scaling_law_func"](x, both).shape == (len(x), 2)


def test_weights_are_those_that_the_form_asks_for() -> None:
    roles = (Role.SIZE, Role.RATE, Role.LOGGED)
    x = np.array([[1e7, 1e-3, -2.0], [1e8, 3e-3, 0.0], [1e9, 1e-2, 2.0]])
    for name, expected in (
        ("power(N)", [0.05, 0.3, 1.05]),
        ("sigmoid(z)", [0.05, 0.3, 1.05]),
        ("valley(eta)", [1, 1, 1]),  # a rate is no scale
    ):
        law = find(name, roles if name != "valley(eta)" else (None, Role.RATE, None))
        form = Form(law, plain_units(x, roles), emphasis=2.0)
        made = program(form)
        assert row_weights(form, x) == pytest.approx(expected)
        assert made["row_weights"](made["features"](x)) == pytest.approx(expected)


def tables() -> Iterator[tuple[str, Array, Array]]:
    """Tables that a fit could stumble over."""
    x = features(SIZES, 40)
    y = 2 + (x[:, 0] / 1e8) ** -0.3 + (x[:, 1] / 1e10) ** -0.4
    yield "one row", x[:1], y[:1]
    yield "two rows", x[:2], y[:2]
    yield "four rows", x[:4], y[:4]
    yield "equal rows", np.repeat(x[:1], 6, axis=0), np.full(6, 3.0)
    yield "repeated rows", np.repeat(x[:4], 3, axis=0), np.repeat(y[:4], 3)
    one = x.copy()
    one[:, 0] = 1e8
    yield "constant column", one, y
    yield "constant target", x, np.full(40, 2.0)
    yield "zero target", x, np.zeros(40)
    yield "negative target", x, -y
    yield "both signs", x, y - y.mean()
    yield "tiny target", x, 1e-30 * y
    yield "huge target", x, 1e30 * y
    spoilt = y.copy()
    spoilt[3] = 1e9
    yield "outlier", x, spoilt
    far = x.copy()
    far[:, 0] = np.geomspace(1, 1e25, 40)
    yield "wide column", far, y
    yield "other units", x * 1e-9, y
    nothing = x.copy()
    nothing[0] = 0.0
    yield "a row of zeros", nothing, y


@pytest.mark.parametrize(("x", "y"), [t[1:] for t in tables()], ids=[t[0] for t in tables()])
def test_no_table_breaks_the_fit(x: Array, y: Array) -> None:
    usual = plain_units(features(SIZES), SIZES)
    for number, name in enumerate(SMALL):
        law = find(name, SIZES)
        objective = list(OBJECTIVES.values())[number % len(OBJECTIVES)]
        for units in (usual, plain_units(x, SIZES)):
            for bent in (objective, OBJECTIVES["squared"]):
                made = program(Form(law, units, bent, float(number % 2)))
                params = made["fit_scaling_law"](x, y)
                assert params.shape == (len(law.parameters),)
                assert np.isfinite(params).all()
                for p, value in zip(law.parameters, params, strict=True):
                    assert p.lower * (1 - 1e-9) <= value <= p.upper * (1 + 1e-9)


def test_fits_are_fast_and_repeat_themselves() -> None:
    law = find("chinchilla", SIZES)
    x, y, _, _ = sample(law, SIZES, 5, noise=0.01)
    made = program(Form(law, plain_units(x, SIZES)))
    first = made["fit_scaling_law"](x, y)
    begun = time.process_time()
    again = [made["fit_scaling_law"](x, y) for _ in range(5)]
    assert time.process_time() - begun < 5 * 0.15  # measured: 0.02 s each
    assert all(np.array_equal(first, params) for params in again)


@pytest.fixture(scope="module")
def judge() -> Iterator[SandboxEvaluator]:
    with open_sandbox() as sandbox:
        yield small_task.judge(sandbox, limit=8)


@pytest.mark.parametrize("name", ["chinchilla", "coupled(N,D)", "mean(N,D)", "broken(N)"])
@pytest.mark.parametrize("objective", ["squared", "huber_log"])
def test_the_judge_takes_emitted_programs(
    judge: SandboxEvaluator, name: str, objective: str
) -> None:
    law = find(name, SIZES)
    form = Form(law, plain_units(judge.table.x, SIZES), OBJECTIVES[objective], 1.0)
    evaluation = judge.evaluate(Program(write(form, ["size", "tokens"], ["loss"])))
    assert evaluation.status is Status.OK, evaluation.reason
    assert evaluation.warnings == ()
    assert evaluation.params == len(law.parameters)
    assert evaluation.literals == 0
    assert evaluation.metrics is not None
    if name != "broken(N)":
        assert evaluation.metrics.r2 > 0.9999
