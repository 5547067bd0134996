"""Published forms as baselines: on rows that they made themselves they are exact."""

from pathlib import Path

import numpy as np
import pytest
from laws.sldbench import TASKS

from sldagent.bench.human import FITTED, PRINTED, human_baselines
from sldagent.cuts import make_cuts
from sldagent.data.tasks import find_task
from sldagent.laws.families import find
from sldagent.laws.families.published import MUENNIGHOFF
from sldagent.table import Table
from sldagent.task import Column, CutKind, CutRule, Role, Task


@pytest.mark.parametrize("name", TASKS)
def test_every_benchmark_task_names_a_form_that_there_is(name: str) -> None:
    task = find_task(name)
    signed = "signed " if name == "vocab" else ""
    law = find(signed + task.published_form, [column.role for column in task.features])
    assert law.name == signed + task.published_form


def test_published_constants_are_scored_as_printed() -> None:
    task = find_task("data_constrained")
    rng = np.random.default_rng(0)
    unique = 10 ** rng.uniform(9, 11, 60)
    x = np.column_stack([unique, 10 ** rng.uniform(7, 10, 60), unique * rng.uniform(1, 20, 60)])
    law = find(MUENNIGHOFF.law, [column.role for column in task.features])
    y = law.evaluate(x, [MUENNIGHOFF.values[name] for name in law.names])
    table = Table(x, y[:, None], ("all",) * 60)
    far = table.rows(np.argsort(x[:, 2])[-10:])
    fitted, printed = human_baselines(task, table, make_cuts(task, table), far)
    assert (fitted["arm"], printed["arm"]) == (FITTED, PRINTED)
    assert printed["parameters"] == 0
    assert printed["beyond"]["r2"] == printed["held_out"]["r2"] == 1.0
    assert fitted["beyond"]["r2"] > 0.999
    assert "2305.16264" in printed["source"]


def test_a_task_without_a_published_form_has_no_such_baseline(tmp_path: Path) -> None:
    task = Task(
        "mine", "", "", (Column("n", Role.SIZE),), (Column("loss"),),
        (CutRule(CutKind.AXIS, ("n",), (0.3,)),),
    )  # fmt: skip
    x = np.geomspace(1, 9, 9)[:, None]
    assert human_baselines(task, Table(x, 1 / x, ("all",) * 9), (), None) == []
