"""The evaluator on honest programs: what it scores, reports and limits."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from contracts import small_task
from contracts.small_task import CONSTANT, FIT, HONEST, LAW, TRUTH, numbers, program, returning

from sldagent.candidate import Evaluation, Metrics, Status
from sldagent.config import EvaluationConfig
from sldagent.evaluation.evaluator import SandboxEvaluator
from sldagent.program import Program
from sldagent.sandbox.process import TemplateSandbox
from sldagent.sandboxes import open_sandbox
from sldagent.table import Table

MEAN = "def fit_scaling_law(x, y):\n    return [y.mean()]\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[TemplateSandbox]:
    with open_sandbox() as made:
        yield made


@pytest.fixture(scope="module")
def judge(sandbox: TemplateSandbox) -> SandboxEvaluator:
    return small_task.judge(sandbox)


@pytest.fixture(scope="module")
def honest(judge: SandboxEvaluator) -> Evaluation:
    return judge.evaluate(HONEST)


def test_an_exact_law_is_recovered(honest: Evaluation) -> None:
    assert honest.status is Status.OK
    assert honest.reason == ""
    assert honest.metrics is not None
    for cut in honest.cuts:
        assert cut.metrics.r2 > 0.999999
        assert cut.relative_error < 1e-4
        for group, truth in TRUTH.items():
            assert cut.params is not None
            assert cut.params[group] == pytest.approx(truth, rel=1e-3)
    assert honest.params == 4
    assert honest.warnings == ()
    assert honest.score is not None
    assert honest.score <= honest.metrics.r2


def test_the_report_names_split_cuts_and_groups(honest: Evaluation) -> None:
    assert honest.split == "held-out"
    assert [(c.name, c.fit_rows, c.held_out_rows) for c in honest.cuts] == [
        ("size>1.6e7", 24, 16),
        ("size>6.4e7", 32, 8),
        ("tokens>1.6e9", 30, 10),
    ]
    assert set(honest.groups) == {"web", "code"}
    assert all(set(cut.groups) == {"web", "code"} for cut in honest.cuts)


def test_metrics_pool_the_rows_of_all_groups(judge: SandboxEvaluator) -> None:
    evaluation = judge.evaluate(program(CONSTANT, MEAN))
    table = judge.table
    codes = table.group_codes
    actual, given, groups = [], [], []
    for cut, result in zip(judge.cuts, evaluation.cuts, strict=True):
        means = [table.y[cut.fit][codes[cut.fit] == g].mean() for g in range(2)]
        y, p = table.y[cut.held_out, 0], np.array(means)[codes[cut.held_out]]
        assert result.metrics == _Computed(y, p)
        for g, name in enumerate(table.group_names):
            mine = codes[cut.held_out] == g
            assert result.groups[name] == _Computed(y[mine], p[mine])
        assert result.relative_error == pytest.approx(np.mean(np.abs((p - y) / y)), rel=1e-12)
        top = np.argsort(table.x[cut.held_out, cut.axes[0]], kind="stable")[-1]
        assert result.bias == pytest.approx((p - y)[top], rel=1e-12)  # a tenth of 16 rows is one
        assert result.params is not None
        assert [result.params[name] for name in table.group_names] == [
            [pytest.approx(mean)] for mean in means
        ]
        actual.append(y)
        given.append(p)
        groups.append(codes[cut.held_out])
    y, p, g = map(np.concatenate, (actual, given, groups))
    assert evaluation.metrics == _Computed(y, p)
    assert evaluation.groups["code"] == _Computed(y[g == 1], p[g == 1])


class _Computed:
    """The metrics by hand; equal to Metrics whose values agree to twelve digits."""

    def __init__(self, y: np.ndarray, p: np.ndarray) -> None:
        nmse = np.mean((p - y) ** 2) / np.var(y)
        nmae = np.mean(np.abs(p - y)) / np.mean(np.abs(y - y.mean()))
        self.values = (1 - nmse, nmse, nmae)

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Metrics)
        return (other.r2, other.nmse, other.nmae) == pytest.approx(self.values, rel=1e-12)

    def __repr__(self) -> str:
        return f"Metrics{self.values}"


def test_several_targets(sandbox: TemplateSandbox) -> None:
    one = small_task.table()
    both = Table(one.x, np.hstack([one.y, 3 - one.y]), one.groups)
    judge = SandboxEvaluator(
        small_task.task(None, ("loss", "gain")), both, small_task.cuts(both), sandbox
    )
    law = """
def scaling_law_func(x, p):
    n, d = x[:, 0] / 1e6, x[:, 1] / 1e8
    return np.stack([q[0] + q[1] * n ** -q[2] + q[3] * d ** -q[2] for q in p], axis=1)
"""
    fit = """
def fit_scaling_law(x, y):
    assert y.shape == (len(x), 2)
    def error(p):
        return (scaling_law_func(x, p.reshape(2, 4)) - y).ravel()
    return least_squares(error, [1, 1, .5, 1, 1, -1, .5, -1]).x.reshape(2, 4)
"""
    evaluation = judge.evaluate(program(law, fit))
    assert evaluation.metrics is not None
    assert evaluation.metrics.r2 > 0.99999
    assert evaluation.params == 8
    assert evaluation.cuts[0].params is not None
    assert np.shape(evaluation.cuts[0].params["web"]) == (2, 4)
    law = law.replace(", axis=1)", ", axis=1)[:, 0]")
    flat = judge.evaluate(program(law, fit.replace("- y", "[:, None] - y")))
    assert flat.status is Status.INVALID
    assert "shape (8,) instead of (8, 2)" in flat.reason


@pytest.mark.parametrize(
    ("expression", "shape"),
    [("p", (4,)), ("p[None]", (1, 4)), ("p.reshape(2, 2)", (2, 2)), ("list(p)", (4,)),
     ("tuple(map(float, p))", (4,)), ("p.astype(np.float32)", (4,))],
)  # fmt: skip
def test_params_keep_their_shape(
    judge: SandboxEvaluator, expression: str, shape: tuple[int, ...]
) -> None:
    made = returning(expression)
    made = Program(made.source.replace("x, p):\n", "x, p):\n    p = np.ravel(p)\n", 1))
    evaluation = judge.evaluate(made)
    assert evaluation.status is Status.OK, evaluation.reason
    assert evaluation.params == 4
    for cut in evaluation.cuts:
        assert cut.params is not None
        assert {np.shape(value) for value in cut.params.values()} == {shape}


def test_a_single_number_is_a_parameter(judge: SandboxEvaluator) -> None:
    law = "def scaling_law_func(x, p):\n    return p + 0 * x[:, 0]\n"
    evaluation = judge.evaluate(program(law, "def fit_scaling_law(x, y):\n    return y.mean()\n"))
    assert evaluation.status is Status.OK
    assert evaluation.params == 1


@pytest.mark.parametrize("shape", ["(len(x),)", "(len(x), 1)"])
def test_predictions_may_have_a_column_for_the_target(
    judge: SandboxEvaluator, honest: Evaluation, shape: str
) -> None:
    evaluation = judge.evaluate(small_task.predicting(f"y.reshape{shape}"))
    assert evaluation.cuts == honest.cuts


def test_the_limit_holds_for_every_group(judge: SandboxEvaluator) -> None:
    wide = returning("np.resize(p, 5 if y.mean() < 3 else 4)")
    evaluation = judge.evaluate(wide)
    assert evaluation.status is Status.REJECTED
    assert "5 parameters" in evaluation.reason
    assert "allows 4" in evaluation.reason
    assert "'code'" in evaluation.reason
    assert evaluation.metrics is None
    assert evaluation.cuts == ()


def test_a_task_without_a_limit_takes_more(sandbox: TemplateSandbox) -> None:
    judge = small_task.judge(sandbox, limit=None)
    assert judge.evaluate(returning("np.resize(p, 300)")).params == 300


class TestFrozenLaw:
    SOURCE = f"""
TRUTH = {TRUTH!r}
def law(input_data, group):
    a, b, c, d = TRUTH[group]
    return [{{"loss": a + b * (row["size"] / 1e6) ** -c + d * (row["tokens"] / 1e8) ** -c}}
            for row in input_data]
"""

    def test_only_its_predictions_are_judged(self, judge: SandboxEvaluator) -> None:
        evaluation = judge.evaluate(Program(self.SOURCE))
        assert evaluation.status is Status.OK, evaluation.reason
        assert evaluation.params == "frozen"
        assert evaluation.metrics is not None
        assert evaluation.metrics.r2 > 1 - 1e-12
        assert all(cut.params is None for cut in evaluation.cuts)

    @pytest.mark.parametrize(
        ("old", "new", "status", "words"),
        [
            ("for row in input_data]", "for row in input_data][1:]", Status.INVALID, "a list of"),
            ('"loss"', '"los"', Status.INVALID, "loss"),
            ("TRUTH[group]", "TRUTH['x']", Status.ERROR, "KeyError"),
            ("return [", "return 1 or [", Status.INVALID, "list"),
            ('row["size"] / 1e6', 'row["n"]', Status.ERROR, "KeyError"),
            ("a + b", "len(input_data) + b", Status.REJECTED, "own row"),
        ],
    )
    def test_its_mistakes_are_named(
        self, judge: SandboxEvaluator, old: str, new: str, status: Status, words: str
    ) -> None:
        evaluation = judge.evaluate(Program(self.SOURCE.replace(old, new)))
        assert evaluation.status is status
        assert words in evaluation.reason


def test_predictions_beyond_the_data_that_are_not_finite_warn_and_cost(
    judge: SandboxEvaluator, honest: Evaluation
) -> None:
    evaluation = judge.evaluate(small_task.predicting("np.where(x[:, 0] > 3e8, np.inf, y)"))
    assert evaluation.status is Status.OK
    assert evaluation.cuts == honest.cuts
    assert len(evaluation.warnings) == 1
    assert "beyond the data" in evaluation.warnings[0]
    assert evaluation.score is not None
    assert honest.score is not None
    assert evaluation.score < honest.score


def test_predictions_that_turn_round_as_no_run_does_warn_and_cost(
    judge: SandboxEvaluator, honest: Evaluation
) -> None:
    evaluation = judge.evaluate(
        small_task.predicting("y + np.where(x[:, 1] > 6.4e9, np.log(x[:, 1] / 6.4e9), 0)")
    )
    assert evaluation.status is Status.OK, evaluation.reason
    assert evaluation.cuts == honest.cuts
    assert evaluation.warnings == (
        "predictions beyond the data turn round along tokens, as no series of runs does",
    )
    assert evaluation.score is not None
    assert honest.score is not None
    assert evaluation.score < honest.score


def test_a_single_cut_is_said(sandbox: TemplateSandbox) -> None:
    rows = small_task.table()
    judge = SandboxEvaluator(small_task.task(), rows, small_task.cuts(rows)[:1], sandbox)
    assert "only one cut" in judge.evaluate(HONEST).warnings[0]
    test = SandboxEvaluator(
        small_task.task(), rows, small_task.cuts(rows)[:1], sandbox, split="test"
    ).evaluate(HONEST)
    assert test.warnings == ()
    assert test.split == "test"


def test_what_it_cost_is_said(judge: SandboxEvaluator) -> None:
    busy = FIT.replace("    def error", "    import time\n    end = time.process_time() + 0.1\n"
                       "    while time.process_time() < end: pass\n    def error")  # fmt: skip
    seconds = judge.evaluate(program(fit=busy)).seconds
    assert 0.6 <= seconds["cpu"] < 10  # two groups, three cuts
    assert seconds["cpu"] < seconds["wall"] * 1.2


def test_what_it_printed_is_kept_in_part(judge: SandboxEvaluator, honest: Evaluation) -> None:
    evaluation = judge.evaluate(small_task.predicting("print('seen' * 10) or y"))
    assert evaluation.output.startswith("seenseen")
    assert len(evaluation.output) <= 4096
    assert evaluation.cuts == honest.cuts


def test_a_failure_keeps_what_was_known(judge: SandboxEvaluator) -> None:
    evaluation = judge.evaluate(small_task.predicting("print('almost') or 1 / 0"))
    assert evaluation.status is Status.ERROR
    assert "ZeroDivisionError" in evaluation.reason
    assert "line" in evaluation.reason
    assert evaluation.output == "almost\n"
    assert evaluation.params == 4
    assert evaluation.seconds["cpu"] > 0
    assert evaluation.score is None


def test_literals_and_parameters_beyond_twice_the_limit_are_rejected_in_a_search_only(
    sandbox: TemplateSandbox, judge: SandboxEvaluator
) -> None:
    stuffed = LAW.replace("p[0] +", "p[0] + sum([0.11, 0.22, 0.33, 0.44, 0.55]) * 0 +")
    assert judge.evaluate(program(stuffed)).status is Status.OK
    strict = small_task.judge(sandbox, config=EvaluationConfig(reject_literals=True))
    evaluation = strict.evaluate(program(stuffed))
    assert evaluation.status is Status.REJECTED
    assert "literals" in evaluation.reason


@pytest.mark.parametrize("source", ["", "x = 1", LAW, "def fit_scaling_law(x, y): return 1"])
def test_missing_functions_are_named(judge: SandboxEvaluator, source: str) -> None:
    evaluation = judge.evaluate(Program(source))
    assert evaluation.status is Status.REJECTED
    assert "lacks" in evaluation.reason
    assert ("fit_scaling_law()" in evaluation.reason) == ("def fit" not in source)


def test_comments_and_order_of_evaluation_make_no_difference(
    judge: SandboxEvaluator, honest: Evaluation
) -> None:
    assert numbers(judge.evaluate(program(top="# a comment\n"))) == numbers(honest)
    assert numbers(judge.evaluate(HONEST)) == numbers(honest)
    again = replace(honest, seconds={})
    assert replace(judge.evaluate(HONEST), seconds={}) == again


def test_inputs_and_params_changed_in_place_do_no_harm(
    judge: SandboxEvaluator, honest: Evaluation
) -> None:
    fit = """
def fit_scaling_law(x, y):
    p = honest(x.copy(), y.copy())
    x *= 0; y *= 0
    return p
"""
    spoiled = program(fit=FIT.replace("fit_scaling_law", "honest") + fit)
    assert judge.evaluate(spoiled).cuts == honest.cuts
    law = small_task.predicting("(x.fill(0), p.fill(0), y)[2]")
    assert judge.evaluate(law).cuts == honest.cuts
