"""Runs with a model through the real command line, Ray and sandbox included."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from contracts.command import COMMAND, sldagent
from contracts.scripted_server import Script, ScriptedServer, change, law

from e2e.test_evolve import alive, descendants  # isort: skip

pytestmark = pytest.mark.ray
KEY = "sk-test-9ab04c"


@pytest.fixture
def server() -> ScriptedServer:
    with ScriptedServer(Script(delay=0.3)) as made:
        yield made


def command(table: Path, name: str, *more: str) -> list[str]:
    return ["evolve", "--task", "data_constrained", "--data", str(table), "--seeds", "3",
            "--workers", "2", "--name", name, "--model", "m,price=1/2", "--islands", "2",
            *more]  # fmt: skip


def keyed(environment: dict[str, str], server: ScriptedServer) -> dict[str, str]:
    return {**environment, "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.url}


def ledger(folder: Path) -> tuple[int, int, int]:
    """Calls that ended, open or interrupted questions, candidates of models."""
    with sqlite3.connect(folder / "lineage.sqlite") as database:
        return tuple(
            database.execute(query).fetchone()[0]
            for query in (
                "SELECT count(*) FROM call WHERE model != ''",
                "SELECT count(*) FROM call WHERE outcome IN ('asked', 'interrupted')",
                "SELECT count(*) FROM candidate WHERE proposer = 'llm'",
            )
        )


def wait_for(server: ScriptedServer, requests: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while len(server.requests) < requests and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_run_says_what_models_brought_and_cost(
    table: Path, tmp_path: Path, environment: dict[str, str], server: ScriptedServer
) -> None:
    hostile = "```python\nimport os\nos.system('touch /tmp/owned')\n" + law(7) + "```"
    server.script.answer = lambda body, n: hostile if n == 5 else change(body, n)
    result = sldagent(
        *command(table, "one", "--generations", "3", "--max-cost-usd", "1"),
        cwd=tmp_path, env=keyed(environment, server),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert f"model m at {server.url}, $1 and $2 a million tokens, as given" in result.stderr
    assert "proposer mixed: 2 islands, 2 proposals each" in result.stderr
    assert "  llm          " in result.stderr
    calls, still, made = ledger(tmp_path / "runs" / "one")
    assert (calls, still) == (len(server.requests), 0)
    assert f"models: {calls} calls, " in result.stderr
    assert made > 0
    assert KEY not in result.stderr + result.stdout
    assert not Path("/tmp/owned").exists()

    estimated = sldagent(
        *command(table, "two", "--dry-run", "--json"), cwd=tmp_path, env=environment
    )
    plan = json.loads(estimated.stdout)
    (row,) = plan["estimate"]["models"]
    assert row["calls"] == 101
    assert 0 < row["usd"] < row["most_usd"]
    assert plan["config"]["models"]["origin"] == "flag"


def test_children_never_see_the_key_and_ctrl_c_keeps_what_was_paid_for(
    table: Path, tmp_path: Path, environment: dict[str, str], server: ScriptedServer
) -> None:
    process = subprocess.Popen(
        [*COMMAND, *command(table, "cut", "--generations", "200")],
        cwd=tmp_path, env=keyed(environment, server), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(server, 6, process)
    below = descendants(process.pid)
    assert len(below) > 3
    for pid in below:
        try:
            seen = (Path("/proc") / str(pid) / "environ").read_bytes()
        except OSError:
            continue
        assert KEY.encode() not in seen
    os.kill(process.pid, signal.SIGINT)
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 130, rest
    assert "go on with: sldagent resume cut" in rest
    calls, still, _ = ledger(tmp_path / "runs" / "cut")
    assert calls == len(server.requests) == server.answered
    assert still == 0
    assert not any(map(alive, below)) or time.sleep(10) or not any(map(alive, below))


def test_a_run_that_was_killed_with_calls_in_flight_is_gone_on_with(
    table: Path, tmp_path: Path, environment: dict[str, str], server: ScriptedServer
) -> None:
    env = keyed(environment, server)
    process = subprocess.Popen(
        [*COMMAND, *command(table, "killed", "--generations", "6", "--proposer", "llm")],
        cwd=tmp_path, env=env, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(server, 9, process)
    process.kill()
    process.wait()
    before, still, _ = ledger(tmp_path / "runs" / "killed")
    assert before <= len(server.requests)
    assert still > 0
    time.sleep(1)
    asked = len(server.requests)
    done = sldagent("resume", "killed", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    calls, interrupted, made = ledger(tmp_path / "runs" / "killed")
    # What had come is not asked for again: all that is new is what was in flight or came later.
    assert calls - before == len(server.requests) - asked
    assert made == 24
    assert interrupted >= asked - before
    assert "interrupted" in done.stderr


def test_a_server_that_is_not_there_is_one_line_and_exit_code_3(
    table: Path, tmp_path: Path, environment: dict[str, str], server: ScriptedServer
) -> None:
    env = keyed(environment, server)
    server.close()
    result = sldagent(*command(table, "no"), cwd=tmp_path, env=env)
    assert result.returncode == 3
    assert result.stderr.splitlines()[-1].startswith("sldagent: cannot reach the model server")
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "runs" / "no").exists()
    dear = sldagent(
        *command(table, "no", "--model", "nobody", "--max-cost-usd", "1"), cwd=tmp_path, env=env
    )
    assert dear.returncode == 2
    assert "--max-cost-usd needs to know what 'nobody' costs" in dear.stderr
