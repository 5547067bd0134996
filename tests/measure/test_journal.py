"""What is committed of training runs, and what becomes of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from measure.made_rows import PLAN, SPECS, made

from sldagent.errors import DataError, UsageError
from sldagent.measure.card import noise
from sldagent.measure.journal import Journal


def recipe(machine: str = "one", sha: str = "abc") -> dict[str, Any]:
    text = {
        "source": "Python",
        "files": 3,
        "sha256": sha,
        "train_tokens": 9,
        "validation_tokens": 4,
    }
    return {
        "task": PLAN.task,
        "text": text,
        "model": {"architecture": "small", "layers": 6, "vocabulary": 128, "window": 64},
        "training": {"optimizer": "AdamW", "schedule": "linear"},
        "sitting": {"date": "2026-01-02", "machine": machine, "versions": {"jax": "1"}},
    }


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    opened = Journal(tmp_path / "table", PLAN)
    opened.agree(recipe())
    opened.add([made(SPECS[0], 2.5), made(SPECS[2], 2.25)])
    return opened


def test_rows_are_read_back_and_the_tables_follow(journal: Journal) -> None:
    again = Journal(journal.folder, PLAN)
    assert again.rows == journal.rows
    assert (journal.folder / "train.csv").read_text() == "group,params,loss\nall_data,1020,2.5\n"
    assert (journal.folder / "test.csv").read_text() == "group,params,loss\nall_data,1020,2.25\n"
    again.add([made(SPECS[1], 2.75)])
    assert (journal.folder / "train.csv").read_text().endswith("1020,2.5\nall_data,1020,2.75\n")


def test_a_diverged_run_is_kept_but_is_no_row_of_a_table(journal: Journal) -> None:
    journal.add([made(SPECS[1], None)])
    assert len((journal.folder / "train.csv").read_text().splitlines()) == 2
    assert Journal(journal.folder, PLAN).rows[SPECS[1].key].loss is None
    assert "Diverged, and in `runs.csv` only: 1." in (journal.folder / "card.md").read_text()


def test_a_torn_line_is_dropped(journal: Journal) -> None:
    file = journal.folder / "runs.csv"
    whole = file.read_text()
    file.write_text(whole + "train-w4-u4096,train,4,10")
    assert Journal(journal.folder, PLAN).rows == journal.rows
    assert file.read_text() == whole


def test_a_file_that_is_no_journal_is_one_line(journal: Journal) -> None:
    (journal.folder / "runs.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="not a journal of training runs"):
        Journal(journal.folder, PLAN)


def test_runs_of_another_text_are_not_mixed(journal: Journal) -> None:
    with pytest.raises(UsageError, match=r"another text.*another --output"):
        journal.agree(recipe(sha="def"))
    journal.agree(recipe())
    journal.agree(recipe(machine="two"))
    kept = json.loads((journal.folder / "recipe.json").read_text())
    assert [sitting["machine"] for sitting in kept["sittings"]] == ["one", "two"]


def test_two_processes_do_not_add_to_one_folder(journal: Journal) -> None:
    with (
        journal.writing(),
        pytest.raises(UsageError, match="another process is measuring"),
        Journal(journal.folder, PLAN).writing(),
    ):
        pass
    with journal.writing():
        pass


def test_the_card_says_how_far_it_is_and_how_noisy(journal: Journal) -> None:
    card = (journal.folder / "card.md").read_text()
    assert "2 of the 3 planned runs are done (unfinished): 1 in `train.csv`, 1 larger" in card
    assert "no runs differ by their seed only" in card
    assert "SHA-256 `abc`" in card
    assert "| loss | 2.25 | 2.5 |" in card
    journal.add([made(SPECS[1], 2.7)])
    card = (journal.folder / "card.md").read_text()
    assert "(complete)" in card
    assert "standard deviation 0.1414 among 2 runs" in card


def test_noise_is_pooled_over_runs_that_differ_by_their_seed() -> None:
    rows = [made(SPECS[0], 1.0), made(SPECS[1], 3.0), made(SPECS[2], 9.0)]
    assert noise(rows) == (pytest.approx(2**0.5), 2)
