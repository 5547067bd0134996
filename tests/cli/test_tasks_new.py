"""`tasks new` as a person runs it: what it shows and writes, what other commands make of it."""

import csv
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from contracts.command import sldagent

import sldagent as package
from sldagent import api
from sldagent.errors import UsageError

PROGRAM = """
import numpy as np
# EVOLVE-BLOCK-START
def scaling_law_func(data_points, params):
    return params[0] + params[1] * data_points[:, 0] ** -0.3478 + params[2] * data_points[:, 1] ** -0.3658

def fit_scaling_law(data_points, loss_values):
    terms = np.stack([np.ones(len(data_points)), data_points[:, 0] ** -0.3478, data_points[:, 1] ** -0.3658], 1)
    return np.linalg.lstsq(terms, loss_values, rcond=None)[0]
# EVOLVE-BLOCK-END
"""  # noqa: E501


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """runs.csv and beyond.csv, of a Chinchilla law with a little noise."""
    rng = np.random.default_rng(0)
    for name, sizes, tokens in (
        ("runs.csv", (100e6, 300e6, 1e9, 3e9), (2e9, 1e10, 5e10, 2e11, 4e11)),
        ("beyond.csv", (7e9, 13e9), (1e12, 2e12)),
    ):
        with (tmp_path / name).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("run", "params", "tokens", "loss"))
            for i, (n, d) in enumerate(product(sizes, tokens)):
                loss = 1.8172 + 482.01 * n**-0.3478 + 2085.43 * d**-0.3658 + 0.003 * rng.normal()
                writer.writerow((i, f"{n / 1e6:g}M", f"{d:,.0f}", f"{loss:.5f}"))
    return tmp_path / "runs.csv"


def new(runs: Path, *words: str) -> tuple[int, str, str]:
    done = sldagent("tasks", "new", str(runs), *words, cwd=runs.parent, env=None)
    return done.returncode, done.stdout, done.stderr


def test_shows_what_was_guessed_and_writes_what_others_read(runs: Path) -> None:
    code, out, err = new(runs, "--target", "loss", "--test", "beyond.csv")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].endswith("runs.csv: CSV with commas, 20 rows, all used")
    assert lines[2].split() == ["COLUMN", "IS", "ROLE", "LEVELS", "FROM", "TO", "WHY"]
    assert lines[4].split()[:4] == ["params", "feature", "size", "4"]
    assert "Test table       4 rows, converted and not looked at" in lines
    assert any("params>1e9" in line and "|o" in line and "#|" in line for line in lines)
    assert lines[-1] == "Next: sldagent tasks check runs; sldagent evolve --task runs"
    assert {p.name for p in (runs.parent / "tasks" / "runs").iterdir()} == {
        "task.toml", "train.csv", "test.csv",
    }  # fmt: skip

    (runs.parent / "law.py").write_text(PROGRAM)
    for more in ((), ("--split", "test")):
        done = sldagent("evaluate", "law.py", "--task", "runs", *more, cwd=runs.parent, env=None)
        assert json.loads(done.stdout)["metrics"]["r2"] > 0.9, done.stderr
    listed = sldagent("tasks", "list", cwd=runs.parent, env=None).stdout
    assert [line.split()[-1] for line in listed.splitlines() if line.startswith("runs ")] == ["yes"]
    check = sldagent("tasks", "check", "runs", cwd=runs.parent, env=None)
    assert check.returncode == 0
    assert "tasks/runs/train.csv" in check.stdout


def test_a_program_is_judged_on_a_table_as_it_is_on_the_task_made_of_it(runs: Path) -> None:
    (runs.parent / "law.py").write_text(PROGRAM)
    here = {"cwd": runs.parent, "env": None}
    assert new(runs, "--target", "loss")[0] == 0
    by_task = sldagent("evaluate", "law.py", "--task", "runs", **here)
    (runs.parent / "tasks").rename(runs.parent / "gone")
    words = ("evaluate", "law.py", "--data", str(runs), "--target", "loss")
    by_table = sldagent(*words, **here)
    one, other = (json.loads(done.stdout) for done in (by_task, by_table))
    assert one["metrics"] == other["metrics"]
    assert one["cuts"] == other["cuts"]
    assert "features  params (size), tokens (data)" in by_table.stderr
    assert not (runs.parent / "tasks").exists()
    for more, said in (
        (("--split", "test"), "tasks new --test"),
        (("--task", "runs"), "--target is for a table of your own"),
    ):
        done = sldagent(*words, *more, **here)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr


def test_a_task_s_own_table_comes_before_the_environment(runs: Path) -> None:
    assert new(runs, "--target", "loss")[0] == 0
    (runs.parent / "elsewhere").mkdir()
    env = {"SLDAGENT_DATA": str(runs.parent / "elsewhere")}
    done = sldagent("tasks", "check", "runs", "--json", cwd=runs.parent, env=env)
    assert json.loads(done.stdout)["table"].endswith("tasks/runs/train.csv")
    named = sldagent("tasks", "check", "runs", "--data", "elsewhere", cwd=runs.parent, env=None)
    assert named.returncode == 3


def test_a_dry_run_and_json_say_the_same_and_write_nothing(runs: Path) -> None:
    code, out, _ = new(runs, "--target", "loss", "--dry-run")
    assert code == 0
    assert out.endswith("Nothing was written: this was a dry run.\n")
    code, out, _ = new(runs, "--target", "loss", "--dry-run", "--json")
    found = json.loads(out)
    assert found["folder"] is None
    assert [c["use"] for c in found["columns"]] == ["left out", "feature", "feature", "target"]
    assert found["check"]["cuts"][0]["name"] == "params>1e9"
    assert found["parameter_limit"] == 6
    assert not (runs.parent / "tasks").exists()


def test_everything_can_be_overruled(runs: Path) -> None:
    code, out, _ = new(
        runs, "--target", "loss", "-o", "mine/law", "--no-group", "--ignore", "run", "--role",
        "params=count", "--axis", "tokens", "--limit", "3", "--json",
    )  # fmt: skip
    assert code == 0
    found = json.loads(out)
    assert found["folder"] == "mine/law"
    assert [c["role"] for c in found["columns"]] == [None, "count", "data", None]
    assert found["cut_rules"] == [{"kind": "axis", "axes": ["tokens"], "shares": [0.1, 0.35]}]
    task = package.load_task(runs.parent / "mine" / "law")
    assert task.parameter_limit == 3


def test_errors_are_one_line(runs: Path) -> None:
    for words, code, text in (
        (("--target", "los"), 2, "did you mean 'loss'?"),
        (("--target", "loss", "--role", "params"), 2, "must be COLUMN=ROLE"),
        (("--target", "loss", "--role", "params=big"), 2, "no such role"),
        (("--target", "loss", "--group", "run", "--no-group"), 2, "not both"),
    ):
        found, out, err = new(runs, *words)
        assert (found, out) == (code, "")
        assert text in err
    assert new(runs, "--target", "loss")[0] == 0
    found, _, err = new(runs, "--target", "loss")
    assert found == 2
    assert "tasks/runs exists; remove it, or give -o DIR or --name NAME" in err


def test_noise_is_written_and_ends_with_one(runs: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{n:g},{rng.normal(3, 0.1)}" for n in np.geomspace(1e6, 1e9, 40)]
    (runs.parent / "noise.csv").write_text("\n".join(["params,loss", *rows]))
    code, out, _ = new(runs.parent / "noise.csv", "--target", "loss")
    assert code == 1
    assert "problem: no headroom" in out
    assert (runs.parent / "tasks" / "noise" / "task.toml").is_file()


def test_the_python_api(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs.parent)
    task, table = api.task_from_table("runs.csv", "loss")
    assert task.feature_names == ("params", "tokens")
    assert len(table) == 20
    assert not Path("tasks").exists()
    draft, folder = package.new_task("runs.csv", "loss", roles={"tokens": "unique_data"})
    assert folder == Path("tasks/runs")
    assert draft.task.features[1].role == "unique_data"
    again, _ = package.task_from_table("runs.csv", ["loss"], roles={"tokens": "unique_data"})
    assert again.sha256 == package.load_task("runs").sha256
    with pytest.raises(UsageError, match="no such role"):
        package.new_task("runs.csv", "loss", roles={"tokens": "x"})
