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
        "--data", str(table), "--name", "one", "--workers", "2", cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "held-out R²" in result.stdout
    assert "best program  runs/one/best/program.py" in result.stdout
    assert "generation   2/2" in result.stderr
    assert "ray" not in (result.stdout + result.stderr).lower()

    run = tmp_path / "runs" / "one"
    assert (tmp_path / "runs" / "latest").resolve() == run.resolve()
    with sqlite3.connect(run / "lineage.sqlite") as database:
        rows = database.execute("SELECT number, generation, status FROM candidate").fetchall()
        edges = database.execute("SELECT child, parent FROM edge").fetchall()
        finished = database.execute("SELECT finished_at FROM run").fetchone()[0]
    assert [row[0] for row in rows] == list(range(len(rows)))
    assert {row[1] for row in rows} == {0, 1, 2}
    assert rows[0][2] == "ok"
    assert {child for child, _ in edges} == {row[0] for row in rows[1:]}
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
            "--data", str(table), "--name", f"w{workers}", "--workers", workers, "--seed", "7",
            "--json", cwd=tmp_path, env=environment,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        events = [json.loads(line) for line in result.stdout.splitlines()]
        assert [event["event"] for event in events] == ["started", *["generation"] * 3, "finished"]
        with sqlite3.connect(tmp_path / "runs" / f"w{workers}" / "lineage.sqlite") as database:
            lineages.append(
                database.execute(
                    "SELECT number, program_hash, status, score, held_out_r2 FROM candidate"
                ).fetchall()
            )
    assert lineages[0] == lineages[1]


def test_no_data_ends_with_exit_code_3_and_the_ways_to_get_some(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    result = sldagent("evolve", "--task", "data_constrained", cwd=tmp_path, env=environment)
    assert result.returncode == 3
    assert len(result.stderr.splitlines()) == 1
    assert "--data" in result.stderr
    assert "SLDAGENT_DATA" in result.stderr
    assert not (tmp_path / "runs").exists()


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
         "--data", str(table), "--name", "killed", "--start", str(start)],
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
    process.wait(timeout=30)
    assert process.returncode == code
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(map(alive, below)):
        time.sleep(0.1)
    assert [cmdline(pid) for pid in below if alive(pid)] == []
    with sqlite3.connect(tmp_path / "runs" / "killed" / "lineage.sqlite") as database:
        count = database.execute("SELECT count(*) FROM candidate").fetchone()[0]
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert count > 1


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
