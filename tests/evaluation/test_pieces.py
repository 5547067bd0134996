"""Selection score, probe points, rules and the evaluation key."""

from dataclasses import replace

import numpy as np
import pytest

from sldagent.candidate import CutResult, Evaluation, Metrics, Status
from sldagent.config import EvaluationConfig
from sldagent.cuts import Cut
from sldagent.evaluation.key import evaluation_key
from sldagent.evaluation.probes import probe_points
from sldagent.evaluation.rules import check_independence, check_literals
from sldagent.scoring import possible_range, possible_values, selection_score
from sldagent.table import Table
from sldagent.task import Column, CutKind, CutRule, Role, Task

TASK = Task(
    name="toy",
    title="",
    description="",
    features=(Column("size", Role.SIZE), Column("log_flops", Role.LOGGED)),
    targets=(Column("loss"),),
    cut_rules=(CutRule(CutKind.AXIS, ("size",), (0.3,)),),
    parameter_limit=3,
)


class Stop(Exception):
    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def test_score_is_what_the_mean_error_in_spreads_leaves_and_prices_numbers() -> None:
    plain = selection_score([0.9, 0.9], 3, True)
    assert plain == pytest.approx(1 - 0.101 * np.exp(0.03))
    assert selection_score([0.9, 0.9], 4, True) < plain
    assert selection_score([0.9, 0.9], 3, False) < plain
    mean = (np.sqrt(0.011) + np.sqrt(1.001)) / 2
    assert selection_score([0.99, 0.0], 3, True) == pytest.approx(1 - mean**2 * np.exp(0.03))


def test_what_predicts_the_impossible_must_be_twice_as_good() -> None:
    impossible = selection_score([0.98, 0.98], 3, True, possible_beyond=False)
    assert selection_score([0.955, 0.955], 3, True) < impossible
    assert selection_score([0.96, 0.96], 3, True) > impossible
    accuracies = np.array([[0.2], [0.9]])
    assert possible_range(accuracies) == (0.0, 1.0)
    assert possible_range(100 * accuracies) == (0.0, 100.0)
    assert possible_range(10 * accuracies) == (0.0, np.inf)
    accuracies[0] = 1
    assert possible_range(accuracies) == (0.0, 1.0)
    assert possible_range(100 * accuracies) == (0.0, 100.0)
    assert possible_range(-accuracies) == (-np.inf, np.inf)
    accuracies[0] = 0.0
    assert possible_range(accuracies) == (0.0, 1.0)
    assert possible_range(100 * accuracies) == (0.0, 100.0)
    assert possible_range(10 * accuracies) == (-np.inf, np.inf)
    assert possible_range(0 * accuracies) == (-np.inf, np.inf)


@pytest.mark.parametrize(
    ("name", "top"),
    [("val_acc", 1.0), ("MMLU", 1.0), ("error rate", 1.0), ("F1", 1.0), ("gsm8k_accuracy", 1.0),
     ("latency_s", np.inf), ("val_loss", np.inf), ("rel_l2_error", np.inf), ("kl", np.inf),
     ("generated_wh", np.inf), ("mse", np.inf), ("price_usd", np.inf)],
)  # fmt: skip
def test_only_shares_have_a_top(name: str, top: float) -> None:
    values = np.array([[0.2], [0.8]])
    assert possible_values(values, [name]) == ((0.0, top),)
    assert possible_values(100 * values, [name]) == ((0.0, 100 * top),)


def test_what_turns_round_as_no_run_does_must_be_ten_times_as_good() -> None:
    turning = selection_score([0.98, 0.98], 3, True, steady_beyond=False)
    assert selection_score([0.78, 0.78], 3, True) < turning
    assert selection_score([0.80, 0.80], 3, True) > turning


def test_a_law_that_fails_on_one_cut_loses_to_one_that_holds_on_all() -> None:
    """Two laws of one made table, whose R2 on its test rows is .38 and .96."""
    failing = selection_score([0.902, -1.231, 0.998, 0.998, 0.999], 6, True)
    assert selection_score([0.985, 0.922, 0.996, 0.988, 0.96], 6, True) > failing


def test_one_hopeless_cut_costs_no_more_than_its_share() -> None:
    assert selection_score([0.9, -1e12], 3, True) == selection_score([0.9, -1.0], 3, True)
    assert selection_score([-5.0, -5.0], 3, True) < 0


def test_probes_reach_ten_times_and_one_decade_beyond() -> None:
    x = np.array([[1e6, -1.0], [1e8, 2.0]])
    points = probe_points(TASK.features, x, 200)
    assert points.shape == (200, 2)
    assert points[0] == pytest.approx([1e9, 2.0 + np.log(10)])
    assert points[:, 0].min() >= 1e6
    assert points[:, 0].max() == pytest.approx(1e9)
    assert points[:, 1].min() >= -1.0
    assert (points[:, 0] > 1e8).sum() > 30
    assert np.array_equal(points, probe_points(TASK.features, x, 200))


def test_probes_go_on_as_far_where_there_are_zeros_and_downwards_where_a_feature_falls() -> None:
    features = (Column("hours", Role.DATA), Column("aim", Role.SIZE, falls=True))
    x = np.array([[0.0, 2.5], [10.0, 3.2], [1000.0, 2.8]])
    points = probe_points(features, x, 200)
    assert points[0] == pytest.approx([1e4, 2.5 * (2.5 / 3.2) ** 0.5])
    assert points[:, 0].min() >= 0
    assert (points[:, 0] > 1000).sum() > 30
    assert points[:, 1].max() <= 3.2
    assert (points[:, 1] < 2.5).sum() > 30


def test_probes_of_what_is_taken_as_it_is_go_no_further_than_its_own_range() -> None:
    points = probe_points((Column("noise", Role.LOGGED),), np.array([[0.0], [0.4]]), 50)
    assert points.max() == pytest.approx(0.8)


def test_a_share_that_stands_alone_is_asked_between_zero_and_one() -> None:
    x = np.array([[0.2], [0.6]])
    points = probe_points((Column("kept", Role.FRACTION),), x, 200)
    assert 0.1 <= points.min() < 0.12
    assert 0.78 < points.max() <= 0.8


def test_probes_of_fractions_stay_on_the_simplex() -> None:
    features = tuple(Column(f"f{i}", Role.FRACTION) for i in range(3))
    x = np.random.default_rng(0).dirichlet(np.ones(3), 9)
    points = probe_points(features, x, 50)
    assert points.sum(axis=1) == pytest.approx(np.ones(50))
    assert (points >= 0).all()
    assert np.ptp(points, axis=0).min() > 0.3


def check(batch: float, single: float, other: float) -> None:
    arrays = [np.array([[1.0], [value]]) for value in (batch, single, other)]
    x = np.array([[1e6, 0.0], [2e6, 1.0]])
    check_independence(TASK, x, "g", *arrays, np.array([1.0]), Stop)


def test_rounding_is_forgiven_and_dependence_is_not() -> None:
    check(2.0, 2.0 + 1e-8, 2.0 - 1e-8)
    check(np.nan, np.nan, np.nan)
    check(1e-10, -1e-10, 0.0)
    with pytest.raises(Stop, match=r"size=2e\+06, log_flops=1, group 'g' is 2 among .* 2.1 alone"):
        check(2.0, 2.1, 2.0)
    with pytest.raises(Stop, match="another order"):
        check(2.0, 2.0, 2.00001)
    with pytest.raises(Stop, match="alone"):
        check(2.0, np.nan, 2.0)


def test_literals_and_parameters_share_twice_the_limit() -> None:
    check_literals(TASK, 3, 3, Stop)
    with pytest.raises(Stop, match="twice the limit of 3"):
        check_literals(TASK, 3, 4, Stop)
    check_literals(replace(TASK, parameter_limit=None), 30, 400, Stop)


def test_the_key_changes_with_whatever_changes_a_score() -> None:
    x = np.array([[1.0, 0.0], [2.0, 1.0], [3.0, 2.0]])
    table = Table(x, x[:, :1], ("a", "a", "a"), "here")
    cut = Cut("c", np.array([0, 1]), np.array([2]), (0,))
    config = EvaluationConfig()
    base = evaluation_key(TASK, table, (cut,), config)
    assert base == evaluation_key(
        replace(TASK, title="other"), replace(table, origin="there"), (cut,), config
    )
    others = {
        evaluation_key(replace(TASK, parameter_limit=4), table, (cut,), config),
        evaluation_key(TASK, replace(table, y=table.y + 1), (cut,), config),
        evaluation_key(TASK, table, (replace(cut, fit=np.array([0])),), config),
        evaluation_key(TASK, table, (cut,), EvaluationConfig(memory_mib=512)),
    }
    assert len(others | {base}) == 5


def test_cuts_and_groups_of_which_a_law_explains_little_are_doubts() -> None:
    def of(r2: float) -> Metrics:
        return Metrics(r2=r2, nmse=1 - r2, nmae=0.1)

    cuts = tuple(
        CutResult(f"n>{i}", 20, 5, of(r2), {}, 0.1, 0.0, {}) for i, r2 in enumerate((0.9, 0.1))
    )
    groups = {"a": of(0.9), "b": of(-10.2), "c": None, "d": of(0.2), "e": of(-3), "f": of(0.4)}
    made = Evaluation(Status.OK, metrics=of(0.8), cuts=cuts, groups=groups, warnings=("so",))
    assert made.doubts() == [
        "so",
        "on 1 of 2 cuts it explains little: n>1 (R² 0.1)",
        "on 4 of 6 groups it explains little: b (R² -10.2), e (R² -3), d (R² 0.2) and 1 more",
    ]
    assert Evaluation(Status.OK, metrics=of(0.8), cuts=cuts[:1]).doubts() == []
