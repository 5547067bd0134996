"""Metrics against an independent reference, and the published figures that rest on them."""

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sldagent.evaluation.metrics import group_metrics, nmae, nmse, r2, relative_error, score_rows


def reference(actual: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """The benchmark's definitions, in exact arithmetic."""
    squared, absolute = Fraction(0), Fraction(0)
    targets = actual.shape[1]
    for column, given_column in zip(actual.T.tolist(), predicted.T.tolist(), strict=True):
        y, p = [Fraction(v) for v in column], [Fraction(v) for v in given_column]
        mean = sum(y) / len(y)
        variation = sum((v - mean) ** 2 for v in y)
        squared += sum((a - b) ** 2 for a, b in zip(y, p, strict=True)) / variation / targets
        deviation = sum(abs(v - mean) for v in y)
        absolute += sum(abs(a - b) for a, b in zip(y, p, strict=True)) / deviation / targets
    return float(squared), float(absolute)


@given(
    rows=st.integers(2, 60),
    targets=st.integers(1, 5),
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([1e-200, 1e-6, 1.0, 1e9, 1e200]),
    offset=st.sampled_from([0.0, 3.0, 1e6, 1e9]),
)
def test_metrics_equal_the_definition(
    rows: int, targets: int, seed: int, scale: float, offset: float
) -> None:
    rng = np.random.default_rng(seed)
    actual = scale * (offset + rng.normal(size=(rows, targets)))
    predicted = actual + scale * rng.normal(size=(rows, targets))
    squared, absolute = reference(actual, predicted)
    metrics = score_rows(actual, predicted)
    assert metrics.nmse == pytest.approx(squared, rel=1e-12)
    assert metrics.nmae == pytest.approx(absolute, rel=1e-12)
    assert metrics.r2 == pytest.approx(1 - squared, rel=1e-12, abs=1e-12)


def test_large_offset_loses_no_digits() -> None:
    actual = 2.0**20 + np.arange(64.0)[:, None] * 2.0**-20
    predicted = actual + 2.0**-21
    squared, absolute = reference(actual, predicted)
    assert nmse(actual, predicted) == pytest.approx(squared, rel=1e-12)
    assert nmae(actual, predicted) == pytest.approx(absolute, rel=1e-12)


def test_one_row_far_from_all_others_loses_no_digits() -> None:
    rng = np.random.default_rng(3)
    actual = rng.normal(size=(50, 1))
    actual[0] = 1e9
    predicted = actual + rng.normal(size=(50, 1))
    squared, absolute = reference(actual, predicted)
    assert nmse(actual, predicted) == pytest.approx(squared, rel=1e-12)
    assert nmae(actual, predicted) == pytest.approx(absolute, rel=1e-12)


def test_metrics_stay_finite_for_predictions_out_of_all_proportion() -> None:
    actual = np.array([[1.0], [2.0], [4.0]])
    for wild in (1e200, -1e308):
        metrics = score_rows(actual, np.array([[1.0], [wild], [4.0]]))
        assert metrics.nmse > 1e300
        assert np.isfinite([metrics.r2, metrics.nmae]).all()
        assert np.isfinite(relative_error(actual * 1e-300, np.full((3, 1), wild)))


@pytest.mark.parametrize(
    ("actual", "predicted", "message"),
    [
        ([[1.0], [2.0]], [1.0, 2.0], "cannot compare"),
        ([[1.0], [2.0]], [[1.0, 1.0], [2.0, 2.0]], "cannot compare"),
        ([], [], "cannot compare"),
        ([1.0, 2.0], [1.0, np.nan], "finite"),
        ([1.0, np.inf], [1.0, 2.0], "finite"),
    ],
)
def test_arrays_that_are_no_tables_of_one_shape_are_refused(
    actual: list[float], predicted: list[float], message: str
) -> None:
    for metric in (nmse, nmae, r2, relative_error):
        with pytest.raises(ValueError, match=message):
            metric(actual, predicted)


def test_one_target_may_be_a_plain_list() -> None:
    assert r2([1.0, 2.0, 6.0], [1.0, 2.0, 5.0]) == score_rows([[1], [2], [6]], [[1], [2], [5]]).r2


def test_mean_prediction_has_r2_zero_and_exact_one_has_r2_one() -> None:
    actual = np.array([[1.0], [2.0], [6.0]])
    assert score_rows(actual, np.full((3, 1), 3.0)).r2 == pytest.approx(0.0, abs=1e-15)
    assert score_rows(actual, actual).r2 == 1.0


def test_targets_that_do_not_vary_are_refused() -> None:
    with pytest.raises(ValueError, match="does not vary"):
        score_rows(np.ones((3, 1)), np.zeros((3, 1)))


def test_groups_without_variance_have_no_metrics_and_absent_groups_no_entry() -> None:
    actual = np.array([[1.0], [2.0], [5.0], [5.0]])
    found = group_metrics(actual, actual, np.array([0, 0, 1, 1]), ["a", "b", "c"])
    assert found["a"] is not None
    assert found["a"].r2 == 1.0
    assert found["b"] is None
    assert "c" not in found


def test_relative_error_leaves_zeros_out() -> None:
    actual = np.array([[0.0], [2.0], [-4.0]])
    predicted = np.array([[9.0], [3.0], [-3.0]])
    assert relative_error(actual, predicted) == pytest.approx((0.5 + 0.25) / 2)


@pytest.mark.parametrize(
    ("law", "published"),
    [
        ("power", 0.999572),
        ("sum", 0.999664),
    ],
)
def test_published_laws_have_their_published_r2(
    law: str, published: float, shared_data: Path
) -> None:
    with open(shared_data / "parallel" / "test.csv") as file:
        rows = list(csv.DictReader(file))
    predicted = []
    for row in rows:
        n, p = float(row["num_params"]), float(row["parallel_size"])
        if law == "power":
            a, b, c = {
                "stack": (4.430089, -0.066371, -0.022109),
                "pile": (7.684256, -0.064515, -0.018878),
            }[row["group"]]
            predicted.append(a * n**b * p**c)
        else:
            a, b, c, d = {
                "stack": (77.1529985547, 0.2687228347, 0.8221758142, 0.0296937458),
                "pile": (111.9689899826, 0.2576609995, 1.4757763183, 0.0254075589),
            }[row["group"]]
            predicted.append(a * n**-b + c * p**-d)
    actual = np.array([[float(row["loss"])] for row in rows])
    assert round(r2(actual, np.array(predicted)[:, None]), 6) == published
