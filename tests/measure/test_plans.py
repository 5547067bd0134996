"""The designed grids."""

import pytest

from sldagent.errors import UsageError
from sldagent.measure.plans import make_plan
from sldagent.measure.spec import WINDOW

TASKS = ("data_constrained", "lr_bsz")


@pytest.mark.parametrize("task", TASKS)
def test_a_grid_spans_two_decades_and_its_test_runs_are_the_larger_ones(task: str) -> None:
    plan = make_plan(task)
    assert len({spec.key for spec in plan.runs}) == len(plan.runs)
    train = [spec for spec in plan.grid if spec.stage == "train"]
    test = [spec for spec in plan.grid if spec.stage == "test"]
    assert 0.08 < len(test) / len(plan.grid) < 0.16
    for name in ("params", "tokens"):
        values = [getattr(spec, name) for spec in plan.grid]
        assert max(values) >= 90 * min(values)
    for spec in test:
        alike = [s for s in train if s.params >= spec.params and s.tokens >= spec.tokens]
        assert all(s.unique_tokens < spec.unique_tokens for s in alike)


@pytest.mark.parametrize("task", TASKS)
def test_every_run_can_be_trained_as_it_says(task: str) -> None:
    for spec in make_plan(task).runs:
        assert spec.tokens == spec.steps * spec.batch * WINDOW
        assert spec.tokens % spec.unique_tokens == 0
        assert spec.unique_tokens <= 2**22  # what the smallest standard library holds
        assert spec.steps >= 16


@pytest.mark.parametrize("task", TASKS)
def test_the_first_quarter_covers_the_range(task: str) -> None:
    grid = make_plan(task).grid
    first = grid[: len(grid) // 4]
    for name in ("width", "tokens"):
        every = {getattr(spec, name) for spec in grid}
        assert len({getattr(spec, name) for spec in first}) >= 0.7 * len(every)


@pytest.mark.parametrize("task", TASKS)
def test_some_runs_differ_by_their_seed_only(task: str) -> None:
    grid = make_plan(task).grid
    seeds = [spec for spec in grid if spec.seed]
    plain = {spec.key for spec in grid}
    assert len(seeds) == 8
    assert all(spec.key.rpartition("-s")[0] + "-s0" in plain for spec in seeds)


def test_other_tasks_have_no_plan() -> None:
    with pytest.raises(UsageError, match="data_constrained, lr_bsz"):
        make_plan("moe")
