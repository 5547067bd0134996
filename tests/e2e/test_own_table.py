"""From a table of one's own to a law in one command, through the real command line."""

import csv
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from contracts.command import sldagent

from sldagent import api

from e2e.test_evolve import kill_at  # isort: skip

pytestmark = pytest.mark.ray


def write_table(file: Path, groups: dict[str, float], error: bool) -> None:
    """A Chinchilla law with a little noise, an error rate beside it, and a column of no use."""
    rng = np.random.default_rng(0)
    rows = []
    for group, floor in groups.items():
        for n, d in product((1e8, 3e8, 1e9, 3e9), (2e9, 1e10, 5e10, 2e11, 4e11)):
            loss = floor + 482 * n**-0.3478 + 2085 * d**-0.3658 + 0.003 * rng.normal()
            row = {"corpus": group} if len(groups) > 1 else {}
            row |= {"params": f"{n / 1e6:g}M", "tokens": f"{d:,.0f}", "mood": f"{rng.normal():.3f}"}
            row["loss"] = f"{loss:.5f}"
            if error:
                row["error"] = f"{0.1 * loss + 0.001 * rng.normal():.5f}"
            rows.append(row)
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize(
    ("groups", "targets"),
    [({"all": 1.8}, ["loss"]), ({"web": 1.8, "code": 1.1}, ["loss", "error"])],
    ids=["without groups", "two groups and targets"],
)
def test_a_table_of_ones_own_is_searched_resumed_and_exported(
    groups: dict[str, float], targets: list[str], tmp_path: Path, environment: dict[str, str]
) -> None:
    table = tmp_path / "runs.csv"
    write_table(table, groups, error="error" in targets)
    command = ["evolve", "--data", "runs.csv", "--ignore", "mood", "--generations", "2",
               "--offspring", "2", "--seeds", "3", "--name", "own"]  # fmt: skip
    for target in targets:
        command += ["--target", target]
    kill_at(command, "generation   0/", tmp_path, environment)
    assert (tmp_path / "runs" / "own" / "tasks" / "runs" / "task.toml").is_file()
    assert not (tmp_path / "tasks").exists()
    table.unlink()  # the run has its rows

    def read(*args: str) -> str:
        result = sldagent(*args, cwd=tmp_path, env=environment)
        assert result.returncode == 0, result.stderr
        return result.stdout

    said = read("resume", "own")
    assert "best program  runs/own/best/program.py" in said
    assert said.count("largest run ") == len(groups) * len(targets)
    assert said.endswith("report        runs/own/report.html\n")
    found = json.loads(read("best", "own", "--formula", "--json"))
    assert [line.partition(" = ")[0] for line in found["formula"].splitlines()] == targets
    assert len(found["groups"]) == len(groups)
    assert "formula    loss = " in read("lineage", "show", "own", "0")
    read("export", "law", "own", "-o", "law", "--draws", "2", "--no-baseline")
    law = api.load_law(tmp_path / "law")
    row = {"params": 1e9, "tokens": 5e10} | ({"corpus": "web"} if len(groups) > 1 else {})
    predicted = law.predict([row])[0]["loss"]
    truth = 1.8 + 482 * 1e9**-0.3478 + 2085 * 5e10**-0.3658
    assert predicted == pytest.approx(truth, rel=0.02)


def test_what_was_guessed_is_said_before_the_search(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    write_table(tmp_path / "runs.csv", {"web": 1.8, "code": 1.1}, error=False)
    common = ["evolve", "--data", "runs.csv", "--dry-run"]
    done = sldagent(*common, "--target", "loss", cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert "  features  params (size), tokens (data)" in done.stderr
    assert "  groups    2, of 20 rows: web, code" in done.stderr
    assert "  cuts      params>1e9" in done.stderr
    assert not (tmp_path / "runs").exists()
    for words, said in (
        ([], "--data FILE --target COLUMN"),
        (["--target", "los"], "los"),
        (["--target", "loss", "--group", "corpus", "--no-group"], "not both"),
        (["--target", "loss", "--task", "moe"], "--target is for a table of your own"),
    ):
        failed = sldagent(*common, *words, cwd=tmp_path, env=environment)
        assert failed.returncode == 2, failed.stderr
        assert said in failed.stderr
        assert "Traceback" not in failed.stderr
