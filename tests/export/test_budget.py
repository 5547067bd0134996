"""A run's program spends a budget as the closed form does."""

import csv

import numpy as np
import pytest

from sldagent import api
from sldagent.candidate import Candidate
from sldagent.config import EvolveConfig
from sldagent.cuts import make_cuts
from sldagent.data.sources import load_train
from sldagent.errors import UsageError
from sldagent.laws.allocation import chinchilla_optimum
from sldagent.laws.codegen import Form, plain_units, write
from sldagent.laws.families import find
from sldagent.laws.families.published import EPOCH
from sldagent.program import Program
from sldagent.proposing.base import Start
from sldagent.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of one candidate, Chinchilla's law on rows that it made, without repeats."""
    folder = tmp_path_factory.mktemp("budget")
    with open(folder / "train.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["group", "unique_tokens", "params", "tokens", "loss"])
        v, rng = EPOCH.values, np.random.default_rng(0)
        for n in np.geomspace(1e8, 1e10, 7):
            for d in np.geomspace(1e9, 1e12, 7):
                loss = v["E"] + v["A"] / n ** v["alpha"] + v["B"] / d ** v["beta"]
                writer.writerow(["all", d, n, d, loss + 1e-4 * rng.normal()])
    task = api.load_task("data_constrained")
    table = load_train(task, folder)
    roles = tuple(column.role for column in task.features)
    form = Form(find("chinchilla", roles), plain_units(table.x, roles))
    program = Program(write(form, task.feature_names, task.target_names))
    config = EvolveConfig("data_constrained", str(folder), name="b", runs=str(folder / "runs"))
    starts = [Start(program, "start", "start program")]
    made = Run.create(config, task, table, make_cuts(task, table), starts)
    with api.build_evaluator(task, data=str(folder)) as judge:
        candidate = Candidate(
            0, 0, 0, 0, program.hash, (), (), "start", "", judge.evaluate(program)
        )
    made.store.add(candidate, program)
    made.keep_best(candidate, program)
    return made


def test_the_split_is_the_closed_form_s(run: Run) -> None:
    exact = chinchilla_optimum(EPOCH.values, 1e22)
    (row,) = api.allocate(run, 1e22, seconds=20)
    assert row["size"] == pytest.approx(exact.size, rel=0.03)
    assert 6 * row["size"] * row["data"] == pytest.approx(1e22)
    assert row["loss"] == pytest.approx(exact.loss, abs=2e-3)
    low, high = row["intervals"]["size"]
    assert low * 0.9 < exact.size < high * 1.1
    assert row["intervals"]["loss"][0] < row["intervals"]["loss"][1]
    assert row["warning"] == ""
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
