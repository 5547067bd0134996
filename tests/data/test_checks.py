"""What is said of a table, and what is found wrong with it, on rows made for the purpose."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from sldagent.cuts import Cut, make_cuts
from sldagent.data.checklist import make_checklist
from sldagent.data.findings import Repeats, find_repeats, find_warnings
from sldagent.data.headroom import find_problems
from sldagent.data.sources import load_train
from sldagent.data.tasks import list_tasks
from sldagent.table import Table
from sldagent.task import Column, CutKind, CutRule, Role, Task

Floats = NDArray[np.float64]

TASK = Task(
    name="made",
    title="Made",
    description="Losses of small runs. Final checkpoints, averaged over two evaluations.",
    features=(Column("size", Role.SIZE), Column("tokens", Role.DATA, "tokens", "Tokens seen.")),
    targets=(Column("loss", None, "nats", "Validation loss."),),
    cut_rules=(CutRule(CutKind.AXIS, ("size", "tokens"), (0.2, 0.4)),),
    parameter_limit=5,
    provenance="Made up. Diverged runs were removed.",
)
SIZES, TOKENS = np.geomspace(1e7, 1e9, 6), np.geomspace(1e9, 1e11, 5)
GRID = np.array([(n, d) for n in SIZES for d in TOKENS])
LOSS = 1.7 + 400 * GRID[:, 0] ** -0.34 + 410 * GRID[:, 1] ** -0.28


def table(x: Floats = GRID, y: Floats = LOSS, groups: tuple[str, ...] = ()) -> Table:
    return Table(x, y.reshape(len(x), -1), groups or ("g",) * len(x), "made.csv")


def warnings(rows: Table, task: Task = TASK) -> str:
    return "\n".join(find_warnings(task, rows, make_cuts(task, rows), find_repeats(rows)))


def problems(rows: Table, task: Task = TASK, noise: Floats | None = None) -> list[str]:
    return find_problems(task, rows, make_cuts(task, rows), noise)


def test_a_good_table_has_no_fault() -> None:
    assert warnings(table()) == ""
    assert problems(table()) == []


def test_repeats_and_copies_are_told_apart() -> None:
    noise = 0.01 * np.random.default_rng(0).normal(size=len(LOSS))
    repeated = table(np.concatenate([GRID, GRID]), np.concatenate([LOSS, LOSS + noise]))
    found = find_repeats(repeated)
    assert (found.copies, found.rows) == (0, 30)
    assert found.noise is not None
    # Two rows a setting: each pair's variance is half its squared difference.
    assert found.noise == pytest.approx(np.sqrt(np.mean(noise**2 / 2)))
    assert "standard deviation among repeats: loss 0.00" in warnings(repeated)
    copied = table(np.concatenate([GRID, GRID[:3]]), np.concatenate([LOSS, LOSS[:3]]))
    assert find_repeats(copied) == Repeats(3, 0, None)
    assert "rows that are copies of another row: 3" in warnings(copied)
    assert find_repeats(table(groups=("a", "b") * 15)) == Repeats(0, 0, None)


def test_a_fixed_ratio_of_tokens_to_size_is_named() -> None:
    x = np.column_stack([SIZES, 20 * SIZES])
    assert "tokens/size is fixed inside the groups" in warnings(table(x, LOSS[:6]))
    x[:, 1] *= 1 + 0.2 * (np.arange(6) % 2)
    assert "columns size and tokens are nearly collinear" in warnings(table(x, LOSS[:6]))


def test_columns_that_cannot_show_a_law_are_named() -> None:
    task = replace(TASK, cut_rules=(CutRule(CutKind.AXIS, ("size",), (0.2, 0.4)),))
    by_group = table(np.column_stack([GRID[:, 0], np.repeat([1e9, 1e10], 15)]), LOSS)
    groups = replace(by_group, groups=("a",) * 15 + ("b",) * 15)
    assert "column tokens is constant inside every group" in warnings(groups, task)
    few = GRID[np.isin(GRID[:, 1], TOKENS[:2])]
    assert "column tokens has 2 levels at most in a group" in warnings(table(few, few[:, 0]), task)


def test_a_loss_that_turns_is_named() -> None:
    away = np.log(GRID[:, 0] / 1e8)
    assert "along size a target turns in 5 of 5 series" in warnings(table(y=1 + away**2))
    noise = 0.001 * np.random.default_rng(0).normal(size=len(LOSS))
    assert "turns" not in warnings(table(y=LOSS + noise))


def test_shares_that_miss_a_part_are_named() -> None:
    shares = tuple(Column(name, Role.FRACTION) for name in ("web", "code"))
    task = replace(
        TASK, features=shares, cut_rules=(CutRule(CutKind.FAR, ("web", "code"), (0.2, 0.4)),)
    )
    x = np.array([(0.1 * i, 0.1 * j) for i in range(1, 6) for j in range(1, 5)])
    assert "the shares of 20 of 20 rows do not add up to 1 (0.2 to 0.9)" in warnings(
        table(x, x[:, 0]), task
    )


@pytest.mark.parametrize("seed", range(10))
def test_noise_has_no_headroom(seed: int) -> None:
    rng = np.random.default_rng(seed)
    (problem,) = problems(table(y=rng.normal(3, 0.1, len(GRID))))
    assert problem.startswith("no headroom: the best of 6 simple laws")


@pytest.mark.parametrize("seed", range(10))
def test_a_law_under_noise_has_headroom(seed: int) -> None:
    noise = 0.02 * np.random.default_rng(seed).normal(size=len(GRID))
    assert problems(table(y=LOSS + noise)) == []


def test_groups_that_say_it_all_leave_no_headroom() -> None:
    offsets = 10.0 * (np.arange(30) % 3)
    groups = tuple("abc"[i % 3] for i in range(30))
    (problem,) = problems(table(y=LOSS + offsets, groups=groups))
    assert "the mean of each group's fit rows already predicts" in problem


def test_held_out_rows_that_do_not_vary_are_a_problem() -> None:
    loss = np.where(GRID[:, 0] > SIZES[-2], 2.0, LOSS)
    loss[-1] += 1e-12
    assert any("no variance" in problem for problem in problems(table(y=loss)))


def test_few_held_out_rows_are_a_problem() -> None:
    cut = Cut("small", np.arange(27), np.arange(27, 30), (0,))
    (problem,) = find_problems(TASK, table(), (cut,))
    assert problem.startswith("cut too small: no cut holds out more than 3 rows")
    found = find_warnings(TASK, table(), (cut,), Repeats(0, 0, None))
    assert "cut small holds out 3 rows: R² on fewer than 4 says little" in found


def test_noise_among_repeats_can_swallow_what_varies() -> None:
    assert problems(table(), noise=np.array([0.01])) == []
    (problem,) = problems(table(), noise=np.array([1.0]))
    assert problem.startswith("no headroom: among repeats, loss varies by 1, which is ")


def test_the_benchmark_can_tell_laws_apart(shared_data: object) -> None:
    for task in list_tasks():
        rows = load_train(task, str(shared_data))
        assert find_problems(task, rows, make_cuts(task, rows), find_repeats(rows).noise) == []


def checklist(task: Task) -> dict[str, tuple[str, str]]:
    items = make_checklist(task, table(), make_cuts(task, table()), Repeats(0, 0, None))
    assert all(bool(item.known) != bool(item.missing) for item in items)
    assert {item.section for item in items} == {
        "hypothesis",
        "set-up",
        "data collection",
        "fitting",
    }
    return {item.point: (item.known, item.missing) for item in items}


def test_the_checklist_says_what_task_and_table_tell() -> None:
    told = checklist(TASK)
    assert told["variables"][0] == "loss over size (size), tokens (data)"
    assert told["free parameters"][0] == "at most 5 in a group"
    assert told["runs"][0] == "30 rows; distinct values: 6 size, 5 tokens"
    assert told["what tokens counts"][0] == "Tokens seen. [tokens]"
    assert told["what loss measures"][0] == "Validation loss. [nats]"
    assert told["checkpoints"][0] == "Final checkpoints, averaged over two evaluations."
    assert told["points dropped"][0] == "Diverged runs were removed."
    assert told["held-out check"][0].startswith("extrapolation, 4 cuts: size>")


def test_the_checklist_says_what_is_missing() -> None:
    told = checklist(replace(TASK, description="Losses.", provenance="", parameter_limit=None))
    missing = {point for point, (_, words) in told.items() if words}
    assert missing > {
        "form", "free parameters", "repeats", "what size counts", "hyper-parameters", "source",
        "checkpoints", "smoothing", "points dropped", "intervals",
    }  # fmt: skip
    assert told["what size counts"][1] == "With or without embeddings?"


def test_a_size_that_says_what_it_counts_is_known() -> None:
    size = Column("size", Role.SIZE, description="Parameters without those of the embedding.")
    task = replace(TASK, features=(size, TASK.features[1]))
    assert checklist(task)["what size counts"][0] == size.description
