"""The commands around a run, in this process, on a run that a scripted pool judged."""

import json
import re
import shutil
from pathlib import Path

import click
import pandas
import pytest
from click.testing import CliRunner, Result
from contracts.scripted_runs import Driver

from sldagent import driving
from sldagent.api import open_run, predict
from sldagent.cli import cli
from sldagent.cli._results import end_lines
from sldagent.cli.evolve import Duration
from sldagent.errors import SldagentError, UsageError

HEADER = "group,unique_tokens,params,tokens,loss"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    table = folder / "train.csv"
    rows = [
        f"all_data,{tokens},{params},{tokens},{2 + 400 * params**-0.35 + 9 * tokens**-0.1}"
        for params in (1e7, 3e7, 1e8, 3e8, 1e9)
        for tokens in (1e8, 1e9, 1e10)
    ]
    table.write_text("\n".join([HEADER, *rows]) + "\n")
    driver = Driver(folder, table)
    driver.evolve("one")
    driver.evolve("two", seed=1)
    driver.evolve("stopped", driving.Watch(stop=lambda: "at once"))
    return folder


def call(runs: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--runs", str(runs)])


def read(runs: Path, *arguments: str) -> str:
    result = call(runs, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_list_filters(runs: Path) -> None:
    rows = json.loads(read(runs, "lineage", "list", "one", "--json"))
    keys = {"number", "generation", "island", "status", "program_hash", "score", "evaluated_at"}
    assert keys <= rows[0].keys()
    for arguments, keep in (
        (["--island", "1"], lambda row: row["island"] == 1),
        (["--status", "ok"], lambda row: row["status"] == "ok"),
        (["--proposer", "symbolic"], lambda row: row["proposer"] == "symbolic"),
        (["--since", "5"], lambda row: row["generation"] >= 5),
    ):
        found = json.loads(read(runs, "lineage", "list", "one", "--json", *arguments))
        assert found == [row for row in rows if keep(row)]
        assert found
    top = json.loads(read(runs, "lineage", "list", "one", "--json", "--top", "3"))
    scores = sorted((row["score"] for row in rows if row["score"] is not None), reverse=True)
    assert [row["score"] for row in top] == scores[:3]
    assert len(read(runs, "lineage", "list", "one").splitlines()) == len(rows)


def test_path_leads_from_a_root_to_the_best(runs: Path) -> None:
    steps = json.loads(read(runs, "lineage", "path", "one", "--json"))
    best = json.loads(read(runs, "best", "one", "--json"))
    assert (steps[0]["generation"], steps[0]["gain"]) == (0, None)
    assert steps[-1]["number"] == best["number"]
    assert steps[-1]["score"] == pytest.approx(
        steps[0]["score"] + sum(step["gain"] for step in steps[1:])
    )
    lines = read(runs, "lineage", "path", "one").splitlines()
    assert len(lines) == len(steps)
    assert call(runs, "lineage", "path", "one", "9999").exception is not None


def test_tree_holds_every_candidate_once(runs: Path) -> None:
    rows = json.loads(read(runs, "lineage", "list", "one", "--json"))
    lines = read(runs, "lineage", "tree", "one", "--all").splitlines()
    assert sorted(int(line.split()[0][1:]) for line in lines) == [row["number"] for row in rows]
    depth = {int(line.split()[0][1:]): len(line) - len(line.lstrip()) for line in lines}
    for row in rows:
        if row["parents"]:
            assert depth[row["number"]] == depth[row["parents"][0]] + 2
    marked = [line for line in read(runs, "lineage", "tree", "one", "--top", "4").splitlines()
              if re.match(r" *#\d+ +[-\d.]+ \* ", line)]  # fmt: skip
    assert len(marked) == 4
    branches = json.loads(read(runs, "lineage", "tree", "one", "--all", "--json"))
    assert [branch["number"] for branch in branches] == [int(x.split()[0][1:]) for x in lines]
    assert {child for branch in branches for child in branch["children"]} == {
        row["number"] for row in rows if row["parents"]
    }


def test_diff_and_filters_are_for_programs_too(runs: Path) -> None:
    found = json.loads(read(runs, "lineage", "diff", "one", "0", "20", "--json"))
    assert (found["from"], found["to"]) == (0, 20)
    assert found["diff"] == read(runs, "lineage", "diff", "one", "0", "20")
    assert call(runs, "lineage", "list", "one", "--status", "nonsense").exit_code == 2
    assert (
        "no candidate is like that" in call(runs, "lineage", "list", "one", "--island", "99").stderr
    )


def test_show_tells_how_a_candidate_was_made(runs: Path) -> None:
    text = read(runs, "lineage", "show", "one", "20")
    assert "island" in text
    assert "parents" in text
    assert "exemplars" in text
    assert "EVOLVE-BLOCK-START" in text
    assert "NMSE" in text


def test_compare_says_what_differs(runs: Path) -> None:
    found = json.loads(read(runs, "runs", "compare", "one", "two", "--json"))
    assert found["comparable"]
    assert found["differences"]["seed"] == [0, 1]
    assert "generations" not in found["differences"]
    (cut, *_) = found["cuts"].values()
    assert all(isinstance(value, float) for value in cut)
    assert [law["candidate"] for law in found["laws"]] == found["differences"].get(
        "best", [found["laws"][0]["candidate"]] * 2
    )
    text = read(runs, "runs", "compare", "one", "stopped")
    assert "held_out_r2" in text
    assert "best of one: #" in text
    assert "best of stopped" not in text
    three = json.loads(read(runs, "runs", "compare", "one", "two", "stopped", "--json"))
    assert [len(values) for values in three["differences"].values()] == [3] * len(
        three["differences"]
    )
    assert call(runs, "runs", "compare", "one").exception is not None


def test_runs_are_listed_with_where_they_stand(runs: Path) -> None:
    rows = json.loads(read(runs, "runs", "list", "--json"))
    assert {row["name"]: row["state"] for row in rows} == {
        "one": "finished", "two": "finished", "stopped": "interrupted",
    }  # fmt: skip
    shown = read(runs, "runs", "show", "stopped")
    assert "at once" in shown
    assert "no valid candidate yet" in shown


def test_a_search_that_ended_among_its_start_programs_says_so(runs: Path) -> None:
    assert "(0 of " in "\n".join(end_lines(open_run("stopped", runs)))
    assert "start programs" not in "\n".join(end_lines(open_run("one", runs)))


def test_damaged_and_renamed_runs_do_not_hide_the_others(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "one", tmp_path / "renamed")
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / "lineage.sqlite").write_bytes(b"no database" * 1000)
    result = call(tmp_path, "runs", "list")
    assert result.exit_code == 0
    assert result.stdout.startswith("renamed  data_constrained")
    assert "left out: " in result.stderr
    assert "junk" in result.stderr
    assert call(tmp_path, "best", "renamed").exit_code == 0
    (tmp_path / "renamed" / "best" / "fit.json").write_text("{")
    damaged = call(tmp_path, "best", "renamed")
    assert isinstance(damaged.exception, UsageError)
    assert "is damaged" in str(damaged.exception)
    shutil.copytree(runs / "two", tmp_path / "two")
    result = call(tmp_path, "runs", "list")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["two"]
    assert re.search("left out: .*renamed/best/fit.json is damaged", result.stderr)
    assert [row["name"] for row in json.loads(read(tmp_path, "runs", "list", "--json"))] == ["two"]


def test_a_run_predicts_nothing_at_no_points(runs: Path) -> None:
    run = open_run("one", runs)
    for points in ([], pandas.DataFrame(columns=["params", "tokens", "unique_tokens"])):
        assert predict(run, points) == []


def test_tables_and_runs_are_told_apart(runs: Path, tmp_path: Path) -> None:
    at = ("--at", "params=1e9")
    for command, *words, message in (
        ("predict", str(tmp_path / "gone.csv"), *at, "gone.csv: no such file"),
        ("predict", "gone.parquet", "--target", "loss", *at, "gone.parquet: no such file"),
        ("predict", "gone.json", *at, "gone.json: cannot be read: No such file or directory"),
        ("allocate", "gone.csv", "--flops", "1e20", "gone.csv: no such file"),
        ("predict", "one", "--target", "loss", *at, "--target is for a table, and 'one' is a run"),
        ("predict", str(runs / "one"), "--feature", "a=size", *at, "--feature is for a table"),
        ("predict", "one", "--law", "power", *at, "--law is for a table"),
        ("predict", "gone", "--target", "loss", *at, "no run 'gone'"),
        ("predict", str(runs / "train.csv"), *at, "a table needs --target"),
    ):
        error = call(runs, command, *words).exception
        assert isinstance(error, SldagentError), words
        assert message in str(error)
        assert error.exit_code == 2
    folder = tmp_path / "tables"
    folder.mkdir()
    shutil.copy(runs / "train.csv", folder)
    done = call(
        runs, "predict", str(folder), "--target", "loss", "--feature", "params=size", "--law",
        "power", *at,
    )  # fmt: skip
    assert done.stdout.startswith("[all_data] at params=1e+09: loss "), done.exception


def test_a_tree_needs_a_candidate(runs: Path) -> None:
    assert "at least 1" in str(call(runs, "lineage", "tree", "one", "--top", "0").exception)


def test_a_dry_run_shows_every_value_with_its_origin(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLDAGENT_OFFSPRING", "3")
    arguments = ["evolve", "--task", "data_constrained", "--data", str(runs / "train.csv"),
                 "--time-limit", "10m", "--evaluations", "100", "--seeds", "3",
                 "--dry-run"]  # fmt: skip
    plan = json.loads(read(runs, *arguments, "--json"))
    found = {name: (row["value"], row["origin"]) for name, row in plan["config"].items()}
    assert found["time_limit"] == (600.0, "flag")
    assert found["offspring"] == (3, "environment")
    assert found["islands"] == (4, "default")
    assert found["lag"] == (4, "derived")
    assert found["generations"] == (None, "default")
    assert plan["estimate"]["most_evaluations"] == 4 + 8 * 12
    assert "at most 100 evaluations" in read(runs, *arguments)
    made = {path.name for path in runs.iterdir() if path.is_dir() and not path.is_symlink()}
    assert made == {"one", "stopped", "two"}


@pytest.mark.parametrize(
    ("text", "seconds"), [("600", 600), ("10m", 600), ("1.5h", 5400), ("2 d", 172800), (" 5s", 5)]
)
def test_durations(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "h", "10 parsecs", "-5", "1e3"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter, match="no time"):
        Duration().convert(text, None, None)
