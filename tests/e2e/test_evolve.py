"""The main job through the real command line, Ray and sandbox included."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from contracts.command import COMMAND, sldagent

pytestmark = pytest.mark.ray


def descendants(pid: int) -> set[int]:
    """The living process ids below a process."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(stat[1]), []).append(int(folder.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        for child in parents.get(waiting.pop(), ()):
            found.add(child)
            waiting.append(child)
    return found


def alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_run_ends_with_its_best_program(
    table: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    result = sldagent(
        "evolve", "--task", "data_constrained", "--generations", "2", "--offspring", "3",
        "--seeds", "3", "--data", str(table), "--name", "one", "--workers", "2",
        cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "held-out R²" in result.stdout
    assert "best program  runs/one/best/program.py" in result.stdout
    assert "generation   2/2" in result.stderr
    assert "ray" not in (result.stdout + result.stderr).lower()
    *_, formula, largest, report = result.stdout.splitlines()
    assert formula.startswith("formula       loss = ")
    words = largest.split()
    assert words[:3] == ["largest", "run", "loss"]
    low, high = float(words[6]), float(words[8].strip(","))
    assert low < float(words[3].strip(",")) < high
    assert words[4:6] == ["80%", "interval"]
    assert report == "report        runs/one/report.html"
    page = (tmp_path / "runs" / "one" / "report.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")

    run = tmp_path / "runs" / "one"
    assert (tmp_path / "runs" / "latest").resolve() == run.resolve()
    with sqlite3.connect(run / "lineage.sqlite") as database:
        rows = database.execute(
            "SELECT number, generation, status, island FROM candidate ORDER BY number"
        ).fetchall()
        edges = database.execute("SELECT child, parent FROM edge").fetchall()
        finished = database.execute("SELECT finished_at FROM run").fetchone()[0]
    assert [row[0] for row in rows] == list(range(len(rows)))
    assert {row[1] for row in rows} == {0, 1, 2}
    assert rows[0][2] == "ok"
    assert {row[3] for row in rows} == {0, 1, 2, 3}
    assert {child for child, _ in edges} == {row[0] for row in rows if row[1] > 0}
    assert finished

    fit = json.loads((run / "best" / "fit.json").read_text())
    again = sldagent(
        "evaluate", str(run / "best" / "program.py"), "--task", "data_constrained",
        "--data", str(table), cwd=tmp_path, env=environment,
    )  # fmt: skip
    judged = json.loads(again.stdout)
    assert judged["metrics"] == fit["metrics"]
    assert judged["cuts"] == fit["cuts"]


def test_same_seed_same_lineage_with_one_worker_and_two(
    table: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    lineages = []
    for workers in ("1", "2"):
        result = sldagent(
            "evolve", "--task", "data_constrained", "--generations", "2", "--offspring", "2",
            "--seeds", "3", "--data", str(table), "--name", f"w{workers}", "--workers",
            workers, "--seed", "7", "--json", cwd=tmp_path, env=environment,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        events = [json.loads(line) for line in result.stdout.splitlines()]
        assert [event["event"] for event in events] == [
            "started", *["generation"] * 3, "finished", "reported",
        ]  # fmt: skip
        assert events[-1]["law"]["lines"]["all_data"].startswith("loss = ")
        assert (tmp_path / events[-1]["page"]).is_file()
        with sqlite3.connect(tmp_path / "runs" / f"w{workers}" / "lineage.sqlite") as database:
            lineages.append(
                database.execute(
                    "SELECT number, program_hash, status, score, held_out_r2 FROM candidate "
                    "ORDER BY number"
                ).fetchall()
            )
    assert lineages[0] == lineages[1]


def test_no_data_ends_with_exit_code_3_and_the_ways_to_get_some(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    result = sldagent("evolve", "--task", "moe", cwd=tmp_path, env=environment)
    assert result.returncode == 3
    assert len(result.stderr.splitlines()) == 1
    assert "--data" in result.stderr
    assert "SLDAGENT_DATA" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_the_main_job_runs_on_a_fresh_machine_without_hub_key_or_file(
    table: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    fresh = {k: v for k, v in environment.items() if not k.startswith("HF_")}
    fresh |= {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "home")}
    fresh |= {"NO_PROXY": "127.0.0.1"}
    result = sldagent(
        "evolve", "--task", "data_constrained", "--generations", "2", "--seeds", "4",
        "--offspring", "2", "--name", "one", "--workers", "2", cwd=tmp_path, env=fresh,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    origin = "data_constrained@measured/train.csv"
    (warning,) = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert origin in warning
    assert f"rows from {origin}" in result.stderr
    for part in ("formula ", "80% interval", "report "):
        assert part in result.stdout
    page = (tmp_path / "runs" / "one" / "report.html").read_text("utf-8")
    assert origin in page

    shown = sldagent("runs", "show", "one", "--json", cwd=tmp_path, env=fresh)
    assert json.loads(shown.stdout)["config"]["task"] == "data_constrained@measured"
    # Whatever is named or reachable later, the run keeps its rows.
    named = fresh | {"SLDAGENT_DATA": str(table)}
    law = sldagent("export", "law", "one", "-o", "law", "--test", cwd=tmp_path, env=named)
    assert law.returncode == 0, law.stderr
    assert "warning: " not in law.stderr
    card = (tmp_path / "law" / "card.md").read_text("utf-8")
    assert origin in card
    assert "data_constrained@measured/test.csv" in card
    assert "published by others" not in card


def test_a_taken_name_and_a_bad_option_end_with_exit_code_2(
    table: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "runs" / "taken").mkdir(parents=True)
    common = ("evolve", "--task", "data_constrained", "--data", str(table))
    for extra, words in (
        (("--name", "taken"), "exists already"),
        (("--generations", "-1"), "--generations must be at least 0"),
        (("--start", "absent.py"), "absent.py"),
        (("--memory", "1"), "at least 256 MiB"),
    ):
        result = sldagent(*common, *extra, cwd=tmp_path, env=environment)
        assert result.returncode == 2, result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert words in result.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_whatever_ends_the_driver_nothing_of_the_run_lives_on(
    number: signal.Signals, code: int, table: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    start = tmp_path / "slow.py"
    start.write_text(SLOW)
    process = subprocess.Popen(
        [*COMMAND, "evolve", "--task", "data_constrained", "--generations", "1000",
         "--seeds", "3", "--data", str(table), "--name", "killed", "--start", str(start)],
        cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("generation   1/"):
            break
    below = descendants(process.pid)
    templates = [pid for pid in below if b"template.py" in cmdline(pid)]
    assert templates, "the sandbox's template processes must be among the driver's descendants"
    os.kill(process.pid, number)
    rest = process.stderr.read()
    process.wait(timeout=30)
    assert process.returncode == code
    if number != signal.SIGKILL:
        assert "go on with: sldagent resume killed" in rest
        assert "Traceback" not in rest
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(map(alive, below)):
        time.sleep(0.1)
    assert [cmdline(pid) for pid in below if alive(pid)] == []
    with sqlite3.connect(tmp_path / "runs" / "killed" / "lineage.sqlite") as database:
        count = database.execute("SELECT count(*) FROM candidate").fetchone()[0]
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert count > 1


QUERY = "SELECT number, island, slot, program_hash, status, score, evaluation FROM candidate"


def lineage(folder: Path) -> list[tuple]:
    """Every candidate but for its clock times."""
    with sqlite3.connect(folder / "lineage.sqlite") as database:
        rows = database.execute(QUERY + " ORDER BY number").fetchall()
    return [(*row[:-1], {**json.loads(row[-1]), "seconds": None}) for row in rows]


def stamps(folder: Path) -> dict[int, str]:
    with sqlite3.connect(folder / "lineage.sqlite") as database:
        return dict(database.execute("SELECT number, evaluated_at FROM candidate"))


def kill_at(command: list[str], line_start: str, cwd: Path, environment: dict[str, str]) -> None:
    """Runs a command and kills it with signal 9 once it has printed such a line."""
    process = subprocess.Popen(
        [*COMMAND, *command], cwd=cwd, env=environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(line_start):
            break
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_a_run_killed_twice_resumes_to_the_lineage_of_the_uninterrupted_one(
    table: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    def command(name: str) -> list[str]:
        return ["evolve", "--task", "data_constrained", "--generations", "4", "--offspring", "2",
                "--seeds", "3", "--data", str(table), "--name", name, "--seed", "3"]  # fmt: skip

    whole = sldagent(*command("whole"), cwd=tmp_path, env=environment)
    assert whole.returncode == 0, whole.stderr
    runs = tmp_path / "runs"
    kill_at(command("broken"), "generation   0/", tmp_path, environment)
    first = stamps(runs / "broken")
    kill_at(["resume", "broken"], "generation   2/", tmp_path, environment)
    before = stamps(runs / "broken")
    assert 0 < len(first) < len(before) < len(stamps(runs / "whole"))
    assert {number: before[number] for number in first} == first

    resumed = sldagent("resume", "broken", cwd=tmp_path, env=environment)
    assert resumed.returncode == 0, resumed.stderr
    assert lineage(runs / "broken") == lineage(runs / "whole")
    after = stamps(runs / "broken")
    assert {number: after[number] for number in before} == before
    for name in ("program.py", "fit.json"):
        one, two = (runs / run / "best" / name for run in ("broken", "whole"))
        if name == "program.py":
            assert one.read_bytes() == two.read_bytes()
        else:
            assert json.loads(one.read_text())["cuts"] == json.loads(two.read_text())["cuts"]

    again = sldagent("resume", "broken", cwd=tmp_path, env=environment)
    assert again.returncode == 0
    assert "is finished" in again.stderr
    assert stamps(runs / "broken") == after

    check_the_commands_that_read(tmp_path, environment, len(after))


def check_the_commands_that_read(cwd: Path, environment: dict[str, str], count: int) -> None:
    def read(*args: str) -> str:
        result = sldagent(*args, cwd=cwd, env=environment)
        assert result.returncode == 0, result.stderr
        return result.stdout

    listed = json.loads(read("runs", "list", "--json"))
    assert [(row["name"], row["state"]) for row in listed] == [
        ("broken", "finished"), ("whole", "finished"),
    ]  # fmt: skip
    rows = json.loads(read("lineage", "list", "bro", "--json"))
    assert len(rows) == count
    keys = {"number", "generation", "island", "status", "program_hash", "score", "evaluated_at"}
    assert keys <= rows[0].keys()
    best = json.loads(read("best", "latest", "--json"))
    assert best["score"] == next(r["score"] for r in rows if r["number"] == best["number"])
    assert read("best", "whole", "--source") == best["source"]
    assert "held-out R²" in read("runs", "show", "whole")
    child = next(row["number"] for row in rows if row["generation"] == 2)
    shown = json.loads(read("lineage", "show", "whole", str(child), "--json"))
    assert shown["parents"]
    assert read("lineage", "diff", "whole", str(child)).startswith(f"--- #{shown['parents'][0]}\n")
    top = json.loads(read("lineage", "list", "whole", "--top", "2", "--json"))
    assert top[0]["score"] == max(row["score"] for row in rows if row["score"] is not None)
    path = json.loads(read("lineage", "path", "whole", "--json"))
    assert (path[0]["generation"], path[-1]["number"]) == (0, best["number"])
    assert f"#{best['number']} " in read("lineage", "tree", "whole")
    assert json.loads(read("runs", "compare", "whole", "broken", "--json"))["comparable"]
    missing = sldagent("lineage", "show", "whole", "999", cwd=cwd, env=environment)
    assert missing.returncode == 2
    assert "no candidate #999" in missing.stderr
    assert sldagent("best", "nobody", cwd=cwd, env=environment).returncode == 2
    read("runs", "rm", "broken", "--yes")
    assert [row["name"] for row in json.loads(read("runs", "list", "--json"))] == ["whole"]


def test_a_run_whose_rows_have_changed_is_not_continued(
    table: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    mine = tmp_path / "rows.csv"
    mine.write_text(table.read_text())
    start = tmp_path / "slow.py"
    start.write_text(SLOW)
    process = subprocess.Popen(
        [*COMMAND, "evolve", "--task", "data_constrained", "--data", "rows.csv", "--name", "mine",
         "--seeds", "3", "--start", "slow.py"],
        cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("generation   0/"):
            break
    second = sldagent("resume", "mine", cwd=tmp_path, env=environment)
    assert second.returncode == 2
    assert "going on in another process" in second.stderr
    process.kill()
    process.wait()
    mine.write_text(table.read_text().replace("100000000.0", "100000001.0", 1))
    result = sldagent("resume", "mine", cwd=tmp_path, env=environment)
    assert result.returncode == 2
    assert "its rows changed" in result.stderr


def cmdline(pid: int) -> bytes:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return b""


# A start program that is not instant, so that evaluations are under way when the signal comes.
SLOW = """\
# EVOLVE-BLOCK-START
import numpy as np

RATE = 0.35


def scaling_law_func(data_points, params):
    x = np.atleast_2d(np.asarray(data_points, dtype=float))
    return params[0] + params[1] * x[:, 1] ** -params[2]


def fit_scaling_law(data_points, loss_values):
    total = 0.0
    for _ in range(300_000):
        total += RATE
    x = data_points[:, 1] ** -RATE
    basis = np.stack([np.ones(len(x)), x], axis=1)
    solution = np.linalg.lstsq(basis, loss_values, rcond=None)[0]
    return [solution[0], solution[1], RATE]
# EVOLVE-BLOCK-END
"""
