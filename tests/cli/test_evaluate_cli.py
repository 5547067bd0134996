"""`sldagent evaluate`: always one JSON object, for anybody's program."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from contracts.command import sldagent

KEYS = {
    "status", "reason", "split", "metrics", "cuts", "groups", "params", "literals", "seconds",
    "warnings",
}  # fmt: skip

POWER = """\
def law(input_data, group):
    a, b, c = {
        "stack": (4.430089, -0.066371, -0.022109), "pile": (7.684256, -0.064515, -0.018878),
    }[group]
    return [{"loss": a * row["num_params"] ** b * row["parallel_size"] ** c} for row in input_data]
"""
SUM = """\
def law(input_data, group):
    a, b, c, d = {
        "stack": (77.1529985547, 0.2687228347, 0.8221758142, 0.0296937458),
        "pile": (111.9689899826, 0.2576609995, 1.4757763183, 0.0254075589),
    }[group]
    return [
        {"loss": a * row["num_params"] ** -b + c * row["parallel_size"] ** -d} for row in input_data
    ]
"""
PROGRAM = """\
# EVOLVE-BLOCK-START
import numpy as np


def scaling_law_func(data_points, params):
    x = np.atleast_2d(data_points)
    return params[0] * x[:, 0] ** params[1] * x[:, 1] ** params[2]


def fit_scaling_law(data_points, loss_values):
    logs = np.log(data_points)
    basis = np.column_stack([np.ones(len(logs)), logs])
    solution = np.linalg.lstsq(basis, np.log(loss_values), rcond=None)[0]
    return [np.exp(solution[0]), solution[1], solution[2]]
# EVOLVE-BLOCK-END
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with made-up tables of the task `parallel`, exactly a product of powers."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "parallel").mkdir()
    for split, streams in (("train", (1, 2, 4)), ("test", (8,))):
        lines = ["num_params,parallel_size,group,loss"]
        for size in np.geomspace(1e8, 4e9, 6):
            for p in streams:
                for group, a in (("stack", 4.0), ("pile", 7.0)):
                    lines.append(f"{size},{p},{group},{a * size**-0.07 * p**-0.02}")
        (folder / "parallel" / f"{split}.csv").write_text("\n".join(lines) + "\n")
    return folder


def run(program: Path, data: Path, *more: str) -> tuple[int, dict, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SLDAGENT_")}
    result = sldagent(
        "evaluate", str(program), "--task", "parallel", "--data", str(data), *more,
        cwd=program.parent, env=environment,
    )  # fmt: skip
    return result.returncode, json.loads(result.stdout), result.stderr


def write(folder: Path, text: str) -> Path:
    path = folder / "p.py"
    path.write_text(text)
    return path


def test_an_exact_program_scores_one_on_both_splits(tmp_path: Path, folder: Path) -> None:
    code, held_out, errors = run(write(tmp_path, PROGRAM), folder)
    assert (code, errors) == (0, "")
    assert held_out.keys() >= KEYS
    assert held_out["status"] == "ok"
    assert held_out["split"] == "held-out"
    assert held_out["metrics"]["r2"] == pytest.approx(1.0, abs=1e-9)
    assert held_out["params"] == 3
    assert held_out["groups"].keys() == {"stack", "pile"}
    assert len(held_out["cuts"]) >= 2

    code, test, errors = run(tmp_path / "p.py", folder, "--split", "test")
    assert code == 0
    assert "test rows were read once" in errors
    assert test["split"] == "test"
    assert [cut["held_out_rows"] for cut in test["cuts"]] == [12]
    assert test["metrics"]["r2"] == pytest.approx(1.0, abs=1e-9)


def test_a_file_that_does_not_parse_is_rejected_with_exit_code_1(
    tmp_path: Path, folder: Path
) -> None:
    code, result, errors = run(write(tmp_path, "def scaling_law_func(:\n"), folder)
    assert (code, errors) == (1, "")
    assert result.keys() >= KEYS
    assert result["status"] == "rejected"
    assert "line 1" in result["reason"]
    assert result["metrics"] is None


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        (PROGRAM.replace("params[0]", "np.nan"), "invalid", "not finite"),
        (PROGRAM.replace("return [np", "raise ValueError('no')\n    return [np"), "error", "no"),
        (PROGRAM.replace("solution[1], sol", "solution[1], 0, 0, sol"), "rejected", "allows 4"),
        (PROGRAM.replace("x[:, 0]", "(x[:, 0] / x[:, 0].mean())"), "rejected", "alone"),
        ("x = 1\n", "rejected", "lacks scaling_law_func() and fit_scaling_law()"),
    ],
)
def test_failures_say_why(text: str, status: str, words: str, tmp_path: Path, folder: Path) -> None:
    code, result, _ = run(write(tmp_path, text), folder)
    assert code == 1
    assert result["status"] == status
    assert words in result["reason"]


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path, folder: Path) -> None:
    result = sldagent(
        "evaluate", "absent.py", "--task", "parallel", "--data", str(folder), "--json",
        cwd=tmp_path, env=dict(os.environ),
    )  # fmt: skip
    assert result.returncode == 2
    assert "absent.py" in json.loads(result.stderr)["error"]
    assert result.stdout == ""


@pytest.mark.parametrize(("law", "published"), [(POWER, 0.999572), (SUM, 0.999664)])
def test_published_laws_have_their_published_test_r2(
    law: str, published: float, tmp_path: Path, shared_data: Path
) -> None:
    code, result, _ = run(write(tmp_path, law), shared_data, "--split", "test")
    assert code == 0
    assert result["params"] == "frozen"
    assert round(result["metrics"]["r2"], 6) == published


def test_published_program_and_law_are_judged(tmp_path: Path, shared_data: Path) -> None:
    seeds = shared_data.parent / "seeds"
    for page, first, last, task, params in (
        ("004_*.txt", "# EVOLVE-BLOCK-START", "# EVOLVE-BLOCK-END", "data_constrained", 7),
        ("003_*.txt", "import numpy as np", "return results", "lr_bsz", "frozen"),
    ):
        text = next(seeds.glob(page)).read_text("utf-8")
        text = text[text.index(first) : text.index(last) + len(last)] + "\n"
        result = sldagent(
            "evaluate", str(write(tmp_path, text)), "--task", f"{task}_scaling_law",
            "--data", str(shared_data), cwd=tmp_path, env=dict(os.environ),
        )  # fmt: skip
        judged = json.loads(result.stdout)
        assert judged["status"] == "ok", judged["reason"]
        assert judged["params"] == params
        assert judged["metrics"]["r2"] > 0.5
