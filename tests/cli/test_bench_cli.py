"""`sldagent bench` through the real command line."""

import json
import os
from pathlib import Path

import pytest
from contracts.command import sldagent
from export.made_run import write_tables


@pytest.mark.ray
def test_bench_compares_and_goes_on(tmp_path: Path) -> None:
    data = write_tables(tmp_path / "data")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SLDAGENT_")}
    words = ("bench", "--tasks", "parallel", "--seeds", "1", "--start-programs", "2",
             "--evaluations", "4", "--workers", "1", "--baseline", "human", "--data", str(data),
             "-o", "out")  # fmt: skip
    first = sldagent(*words, cwd=tmp_path, env=environment)
    assert first.returncode == 0, first.stderr
    assert "| parallel | symbolic | 1 |" in first.stdout
    assert "1/1 parallel-symbolic-s0: held-out" in first.stderr
    again = sldagent(*words, "--json", cwd=tmp_path, env=environment)
    assert again.stderr == ""
    result = json.loads(again.stdout)
    (cell,) = (row for row in result["cells"] if row["seed"] is not None)
    assert cell["beyond"]["r2"] > 0.9
    wrong = sldagent("bench", "--tasks", "nothing", "-o", "out", cwd=tmp_path, env=environment)
    assert wrong.returncode == 2
    assert "nothing" in wrong.stderr
