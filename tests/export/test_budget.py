"""A run's program spends a budget as the closed form does."""

import csv
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from laws.synthetic import chinchilla_optimum

from sldagent import api
from sldagent.candidate import Candidate
from sldagent.config import EvolveConfig
from sldagent.cuts import make_cuts
from sldagent.data.sources import load_train
from sldagent.errors import UsageError
from sldagent.laws.codegen import Form, plain_units, write
from sldagent.laws.families import find
from sldagent.laws.families.published import EPOCH
from sldagent.program import Program
from sldagent.proposing.base import Start
from sldagent.run import Run
from sldagent.table import Table
from sldagent.task import Task


def _run(
    folder: Path, name: str, columns: Sequence[str], rows: Iterable[Sequence[float]],
    source: Callable[[Task, Table], str],
) -> Run:  # fmt: skip
    """A run of one candidate on rows that were made."""
    with open(folder / "train.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["group", *columns])
        writer.writerows(["all", *row] for row in rows)
    task = api.load_task(name)
    table = load_train(task, folder)
    program = Program(source(task, table))
    config = EvolveConfig(name, str(folder), name="b", runs=str(folder / "runs"))
    starts = [Start(program, "start", "start program")]
    made = Run.create(config, task, table, make_cuts(task, table), starts)
    with api.build_evaluator(task, data=str(folder)) as judge:
        candidate = Candidate(
            0, 0, 0, 0, program.hash, (), (), "start", "", judge.evaluate(program)
        )
    made.store.add(candidate, program)
    made.keep_best(candidate, program)
    return made


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Chinchilla's law on rows that it made, without repeats."""
    v, rng = EPOCH.values, np.random.default_rng(0)
    rows = []
    for n in np.geomspace(1e8, 1e10, 7):
        for d in np.geomspace(1e9, 1e12, 7):
            loss = v["E"] + v["A"] / n ** v["alpha"] + v["B"] / d ** v["beta"]
            rows.append((d, n, d, loss + 1e-4 * rng.normal()))

    def source(task: Task, table: Table) -> str:
        roles = tuple(column.role for column in task.features)
        form = Form(find("chinchilla", roles), plain_units(table.x, roles))
        return write(form, task.feature_names, task.target_names)

    columns = ("unique_tokens", "params", "tokens", "loss")
    folder = tmp_path_factory.mktemp("budget")
    return _run(folder, "data_constrained", columns, rows, source)


def test_the_split_is_the_closed_form_s(run: Run) -> None:
    size, _, loss = chinchilla_optimum(EPOCH.values, 1e22)
    (row,) = api.allocate(run, 1e22, seconds=20)
    assert row["size"] == pytest.approx(size, rel=0.03)
    assert 6 * row["size"] * row["data"] == pytest.approx(1e22)
    assert row["loss"] == pytest.approx(loss, abs=2e-3)
    low, high = row["intervals"]["size"]
    assert low * 0.9 < size < high * 1.1
    assert row["intervals"]["loss"][0] < row["intervals"]["loss"][1]
    assert row["warning"] == "all data are taken to be unique, none repeated"
    assert "lies outside the data" in api.allocate(run, 1e27, seconds=1)[0]["warning"]


def test_repeats_and_nonsense(run: Run) -> None:
    (row,) = api.allocate(run, 1e22, {"unique_tokens": 1e10}, seconds=1)
    assert row["group"] == "all"
    assert api.allocate(run, 1e22, seconds=1, candidate=0)[0]["size"] is not None
    with pytest.raises(UsageError, match="no feature 'lr'"):
        api.allocate(run, 1e22, {"lr": 1e-3})
    with pytest.raises(UsageError, match="no group"):
        api.allocate(run, 1e22, group="other")
    with pytest.raises(UsageError, match="give both size and data"):
        api.allocate(run)


SURFACE = """\
# EVOLVE-BLOCK-START
import numpy as np


def _terms(x):
    rate, batch, data, size = np.log(np.atleast_2d(x)).T
    return np.stack(
        [np.ones_like(rate), size, data, rate, rate**2, rate * size, batch, batch**2], axis=1
    )


def scaling_law_func(data_points, params):
    return _terms(data_points) @ params


def fit_scaling_law(data_points, loss_values):
    return np.linalg.lstsq(_terms(data_points), loss_values, rcond=None)[0]
# EVOLVE-BLOCK-END
"""


def test_every_refit_has_its_own_best_rate_and_batch(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rate_at_1e8, batch = 3e-3, 64.0  # the best ones; the best rate falls with size
    rows = []
    for lr, bsz, d, n in product(
        np.geomspace(3e-4, 3e-2, 5), (16, 64, 256), (1e9, 1e10), (1e7, 1e8, 1e9)
    ):
        off = np.log(lr / rate_at_1e8) + 0.3 * np.log(n / 1e8)
        loss = 5 - 0.1 * np.log(n) - 0.05 * np.log(d) + 0.05 * off**2
        loss += 0.02 * np.log(bsz / batch) ** 2 + 0.01 * rng.normal()
        rows.append((lr, bsz, d, n, loss))
    columns = ("lr", "bsz", "data_size", "non_embedding_param_size", "lm_loss")
    run = _run(tmp_path, "lr_bsz", columns, rows, lambda task, table: SURFACE)
    given = {"data_size": 1e10, "non_embedding_param_size": 1e8}
    (row,) = api.allocate(run, None, given, level=0.95, seconds=4)
    for name, value in (("lr", rate_at_1e8), ("bsz", batch)):
        low, high = row["intervals"][name]
        assert low < row["tuned"][name] < high
        assert low < value < high < 3 * low, name
    assert row["intervals"]["size"] == pytest.approx([1e8, 1e8])
