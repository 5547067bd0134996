"""What the benchmark takes: run from the written files in a fresh process, to the same numbers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from export.made_run import make_run, write_tables

from sldagent import api
from sldagent.export.card import Options
from sldagent.run import Run

# As the benchmark's own evaluator does it: fit each group, predict its rows, pool.
BENCHMARK = """
import csv, json, sys
import numpy as np
import best_program, law

def read(path):
    with open(path) as file:
        return list(csv.DictReader(file))

names = ["num_params", "parallel_size"]
train, test = read(sys.argv[1]), read(sys.argv[2])
fitted, frozen, actual = [], [], []
for group in dict.fromkeys(row["group"] for row in train):
    mine = [r for r in train if r["group"] == group]
    x = np.array([[float(r[n]) for n in names] for r in mine])
    p = best_program.fit_scaling_law(x, np.array([float(r["loss"]) for r in mine]))
    rows = [r for r in test if r["group"] == group]
    x = np.array([[float(r[n]) for n in names] for r in rows])
    fitted += best_program.scaling_law_func(x, p).tolist()
    data = [{n: float(r[n]) for n in names} for r in rows]
    frozen += [row["loss"] for row in law.law(data, group)]
    actual += [float(r["loss"]) for r in rows]
y = np.array(actual)
score = lambda given: 1 - np.mean((np.array(given) - y) ** 2) / np.var(y)
print(json.dumps([score(fitted), score(frozen)]))
"""


def test_the_files_score_as_the_export_says(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    export = api.export_sldbench(run, tmp_path / "out")
    assert export.files == ("best_program.py", "law.py", "explain.md", "metrics.json")
    data = tmp_path / "data" / "parallel"
    done = subprocess.run(
        [sys.executable, "-c", BENCHMARK, str(data / "train.csv"), str(data / "test.csv")],
        cwd=tmp_path / "out", capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(tmp_path / "out")},
    )  # fmt: skip
    said = json.loads((tmp_path / "out" / "metrics.json").read_text("utf-8"))
    r2 = said["test"]["metrics"]["metrics"]["r2"]
    fitted, frozen = json.loads(done.stdout)
    assert frozen == pytest.approx(r2, abs=1e-12)
    assert fitted == pytest.approx(r2, abs=1e-9)
    best = run.best()
    assert best is not None
    assert (tmp_path / "out" / "best_program.py").read_text("utf-8") == best[1].source


def test_every_reading_of_test_rows_is_counted(run: Run, tmp_path: Path) -> None:
    assert api.export_sldbench(run, tmp_path / "a", test=False).card["leakage"]["test_reads"] == 0
    assert run.store.run()["test_reads"] == 0
    first = api.export_sldbench(run, tmp_path / "b")
    assert first.card["leakage"]["test_reads"] == run.store.run()["test_reads"] == 1
    again = api.export_sldbench(run, tmp_path / "b", force=True)
    assert again.card["leakage"]["test_reads"] == 2
    assert "used them up" in again.card["leakage"]["words"]


def test_without_test_rows_it_says_so_and_exports(run: Run, tmp_path: Path) -> None:
    data = write_tables(tmp_path / "data", test=False)
    before = run.store.run()["test_reads"]
    export = api.export_sldbench(run, tmp_path / "out", data=str(data))
    assert export.card["test"]["metrics"] is None
    assert "no test table" in export.card["test"]["reason"]
    assert run.store.run()["test_reads"] == before
    assert (tmp_path / "out" / "law.py").is_file()


def test_published_figures_are_shown_as_those_of_others(run: Run, tmp_path: Path) -> None:
    own = api.export_law(run, tmp_path / "a", Options(draws=0, baseline=False))
    assert own.card["test"]["published"]["human"] == 1.0  # as many rows as the benchmark's table
    text = (tmp_path / "a" / "card.md").read_text("utf-8")
    assert "published by others" in text
    assert "only where these rows are that table" in text


def test_the_explanation_says_how_the_law_was_found(run: Run, tmp_path: Path) -> None:
    api.export_sldbench(run, tmp_path, test=False)
    text = (tmp_path / "explain.md").read_text("utf-8")
    for words in ("| stack |", "| pile |", "params[2]", "larger runs"):
        assert words in text
