"""What a run says of runs that nobody has made."""

from pathlib import Path

import numpy as np
import pytest
from contracts.command import sldagent

from sldagent import api
from sldagent.errors import UsageError
from sldagent.run import Run


def test_a_run_predicts_with_intervals_and_the_spread_of_its_rivals(run: Run) -> None:
    point = {"num_params": 1e10, "parallel_size": 8}
    rows = api.predict(run, [point, {**point, "group": "pile"}], seconds=20)
    assert [row["group"] for row in rows] == ["stack", "pile", "pile"]
    truth = 4.0 * 1e10**-0.07 * 8**-0.02
    values = rows[0]["values"]["loss"]
    assert values["low"] < truth < values["high"]
    assert values["value"] == pytest.approx(truth, rel=0.01)
    assert values["parameter"] > 0
    assert values["model"] >= 0
    assert rows[1]["values"]["loss"]["value"] == rows[2]["values"]["loss"]["value"]
    far = api.predict(run, [{"num_params": 1e16, "parallel_size": 8}], seconds=5)
    assert far[0]["warnings"]


def test_a_task_without_size_and_data_has_no_budget(run: Run) -> None:
    with pytest.raises(UsageError, match="role data"):
        api.allocate(run, 1e22)


def test_the_command_predicts_from_a_run(run: Run, tmp_path: Path) -> None:
    done = sldagent(
        "predict", "made", "--runs", str(run.folder.parent), "--at",
        "num_params=1e10,parallel_size=8,group=pile", cwd=tmp_path, env=None,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[pile] at num_params=1e+10, parallel_size=8: loss ")
    assert np.isfinite(float(done.stdout.split("loss ")[1].split()[0]))
