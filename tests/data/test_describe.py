from pathlib import Path

import numpy as np
import pytest

from sldagent.cuts import make_cuts
from sldagent.data.describe import describe, fit_rows
from sldagent.data.sources import load_train
from sldagent.data.tables import read_table
from sldagent.data.tasks import list_tasks
from sldagent.errors import UsageError
from sldagent.table import Table
from sldagent.task import Task

SIZES = (1e6, 2e6, 4e6, 8e6, 9.87e9)


@pytest.fixture
def table() -> Table:
    n = len(SIZES)
    x = np.column_stack([SIZES, [0.1, 0.2] * 2 + [0.1], np.arange(n) - 1])
    return Table(x, np.arange(2.0, n + 2)[:, None], ("{{ 7 * 7 }}",) * n)


def template(cwd: Path, text: str) -> None:
    (cwd / "prompts").mkdir()
    (cwd / "prompts" / "task.md").write_text(text)


def test_ranges_are_those_of_rows_that_no_cut_holds_out(
    toy: Task, table: Table, tmp_path: Path
) -> None:
    cuts = make_cuts(toy, table)
    rows = fit_rows(table, cuts)
    assert rows.x[:, 0].tolist() == [1e6, 2e6, 4e6]
    text = describe(toy, table, cuts, tmp_path)
    assert "From 1e+06 to 4e+06, 3 distinct values." in text
    assert "9.87" not in text
    assert "those of 3 rows in 1 group" in text


def test_it_says_what_a_program_must_keep_to(toy: Task, table: Table, tmp_path: Path) -> None:
    text = describe(toy, table, make_cuts(toy, table), tmp_path)
    for part in ("# EVOLVE-BLOCK-START", "at most 3 numbers", '"size" (parameters), role size'):
        assert part in text
    assert '- "{{ 7 * 7 }}": 3 rows' in text  # a group's name is no template code


def test_the_description_of_every_task_is_whole(shared_data: Path, tmp_path: Path) -> None:
    for task in list_tasks(tmp_path):
        table = load_train(task, shared_data)
        text = describe(task, table, make_cuts(task, table), tmp_path)
        assert all(f'"{name}"' in text for name in (*task.feature_names, *task.target_names))
        assert "{{" not in text
        assert "\n\n\n" not in text


def test_without_common_rows_there_are_no_ranges(toy: Task, table: Table, tmp_path: Path) -> None:
    text = describe(toy, table.rows(np.zeros(len(table), dtype=bool)), (), tmp_path)
    assert "From" not in text
    assert "EVOLVE-BLOCK-START" in text


def test_a_local_template_wins(toy: Task, csv_file: Path, tmp_path: Path) -> None:
    template(tmp_path, "{{ task.name }} <{{ rows }}> {{ groups[0].name|quoted }}\n")
    assert describe(toy, read_table(csv_file, toy), (), tmp_path) == 'toy <4> "1.30"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n{% if %}", r"task.md, line 2: Expected an expression"),
        ("{{ sizes }}", "task.md: 'sizes' is undefined"),
        ("{{ task.__class__.__mro__ }}", r"access to attribute '__class__' .* is unsafe"),
    ],
)
def test_a_wrong_template_is_one_line(
    text: str, message: str, toy: Task, table: Table, tmp_path: Path
) -> None:
    template(tmp_path, text)
    with pytest.raises(UsageError, match=message):
        describe(toy, table, (), tmp_path)
