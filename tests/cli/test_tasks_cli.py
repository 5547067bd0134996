import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sldagent import cli

Invoke = Callable[..., Result]
HEADER = "group,num_experts,dense_parameter_count,loss_validation"


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(cli.cli, ["tasks", *map(str, words)])


def moe(path: Path, *rows: str) -> Path:
    """A synthetic table of the task moe."""
    made = [f"g,{e},{n}e6,{1 / e + 1 / n}" for e in (1, 2, 4, 8) for n in (1, 2, 4, 8)]
    path.write_text("\n".join([HEADER, *(rows or made)]) + "\n")
    return path


def fails(*words: str | Path, cwd: Path) -> tuple[int, str]:
    """Exit code and stderr of the real command, which must not print a result."""
    command = [sys.executable, "-m", "sldagent", "tasks", *map(str, words)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.returncode, done.stderr


def test_list(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "moe").mkdir()
    moe(tmp_path / "moe" / "train.csv")
    lines = invoke("list", "--data", tmp_path).output.splitlines()
    assert len(lines) == 9
    assert lines[0].split() == ["NAME", "TITLE", "FEATURES", "TARGETS", "LIMIT", "DATA"]
    assert [line.split()[0] for line in lines if line.endswith("yes")] == ["moe"]
    assert all(ord(char) < 128 for char in "".join(lines))  # no boxes in a pipe
    found = json.loads(invoke("list", "--json").output)
    assert [set(f) for f in found] == [
        {"name", "title", "features", "targets", "parameter_limit", "table", "measured"}
    ] * 8
    assert all(f["table"] is None for f in found)


def test_show(invoke: Invoke, tmp_path: Path) -> None:
    output = invoke("show", "moe").output
    for part in ("num_experts", "6, for a group", "corner", "arXiv:2202.01169", "pkuHaowei"):
        assert part in output
    assert "no data here" in output
    output = invoke("show", "moe", "--data", moe(tmp_path / "t.csv")).output
    assert "Groups           g\n" in output
    details = json.loads(invoke("show", "moe", "--json").output)
    assert details["features"][0]["role"] == "count"
    assert details["groups"] == []


def test_show_describes(invoke: Invoke, tmp_path: Path) -> None:
    table = moe(tmp_path / "t.csv")
    text = invoke("show", "moe", "--describe", "--data", table).output
    assert text.startswith("# Mixture of experts\n")
    assert json.loads(invoke("show", "moe", "--describe", "--json", "--data", table).output) == {
        "text": text
    }


def test_check(invoke: Invoke, tmp_path: Path) -> None:
    table = moe(tmp_path / "t.csv")
    output = invoke("check", "moe", "--data", table).output
    assert "1, of 16 rows: g" in output
    assert "dense_parameter_count>4e6" in output
    assert "warning" not in output
    found = json.loads(invoke("check", "moe", "--data", table, "--json").output)
    assert found["rows"] == 16
    assert found["groups"] == {"g": 16}
    assert found["features"][0] == {
        "name": "num_experts",
        "role": "count",
        "levels": 4,
        "low": 1.0,
        "high": 8.0,
    }
    assert found["cuts"][0] == {
        "name": "dense_parameter_count>4e6",
        "axes": ["dense_parameter_count"],
        "fit_rows": 12,
        "held_out_rows": 4,
    }


def test_check_warns(invoke: Invoke, tmp_path: Path) -> None:
    together = [f"g,{n},{n}e6,{1 / n}" for n in (1, 2, 2, 4, 8)]
    few = [f"few,1,{n}e6,{1 / n}" for n in (1, 2)]
    table = moe(tmp_path / "t.csv", *together)
    output = invoke("check", "moe", "--data", table).output
    assert "warning: columns num_experts and dense_parameter_count are nearly collinear" in output
    table = moe(tmp_path / "t.csv", *together, *few)
    found = json.loads(invoke("check", "moe", "--data", table, "--json").output)["warnings"]
    text = "\n".join(found)
    assert "groups g, few: fewer values in the table than the limit of 6 parameters" in text
    assert "rows that are copies of another row: 1;" in text
    output = invoke("check", "moe", "--data", table).output
    assert all(f"warning: {warning}" in output for warning in found)


def test_check_warns_of_few_cuts_and_constant_columns(invoke: Invoke, tmp_path: Path) -> None:
    table = moe(tmp_path / "t.csv", *(f"g,1,{n}e6,{1 / n}" for n in (1, 2, 3, 4)))
    found = json.loads(invoke("check", "moe", "--data", table, "--json").output)["warnings"]
    assert found[0].startswith("only one cut can be made (dense_parameter_count>2e6)")
    assert "column num_experts is constant: no law can say what it does" in found


def test_check_prints_the_checklist(invoke: Invoke, tmp_path: Path) -> None:
    table = moe(tmp_path / "t.csv")
    output = invoke("check", "moe", "--data", table).output
    sections = ["hypothesis", "set-up", "data collection", "fitting"]
    assert [line for line in output.splitlines() if line in sections] == sections
    assert "  known    free parameters: at most 6 in a group\n" in output
    assert "  missing  points dropped: which, and why?\n" in output
    found = json.loads(invoke("check", "moe", "--data", table, "--json").output)
    assert {item["section"] for item in found["checklist"]} == set(sections)
    assert found["problems"] == []


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_check_fails_where_no_score_could_tell_laws_apart(
    more: tuple[str, ...], tmp_path: Path
) -> None:
    noise = (7, 3, 9, 1, 8, 2, 6, 4, 5, 9, 1, 7, 2, 8, 3, 6)
    cells = [(e, n) for e in (1, 2, 4, 8) for n in (1, 2, 4, 8)]
    rows = [f"g,{e},{n}e6,{y}" for (e, n), y in zip(cells, noise, strict=True)]
    table = moe(tmp_path / "t.csv", *rows)
    command = [sys.executable, "-m", "sldagent", "tasks", "check", "moe", "--data", table, *more]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no headroom: the best of" in done.stdout
    assert done.stderr == ""


def test_check_never_opens_the_test_table(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "test.csv").mkdir()
    moe(tmp_path / "train.csv")
    assert invoke("check", "moe", "--data", tmp_path).exit_code == 0


def test_brackets_in_names_are_no_markup(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    from sldagent.cli._text import print_table

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", screen := Terminal())
    print_table(("A",), [("[red]x[/red]",)])
    assert "[red]x[/red]" in screen.getvalue()


def test_data_that_do_not_fit_end_in_one_line(tmp_path: Path) -> None:
    table = moe(tmp_path / "t.csv", "g,1,1e6,2", "g,1,x,2")
    code, line = fails("check", "moe", "--data", table, cwd=tmp_path)
    assert code == 2
    assert "t.csv, line 3, column dense_parameter_count: 'x' is not a number" in line
    table = moe(tmp_path / "t.csv", "g,1,1e6,2", "g,2,2e6,2")
    assert fails("check", "moe", "--data", table, cwd=tmp_path)[0] == 2
    assert fails("show", "mo", cwd=tmp_path)[0] == 2
    code, line = fails("check", "moe", "--json", cwd=tmp_path)
    assert code == 3
    assert "--data PATH" in json.loads(line)["error"]


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, sldagent.cli.tasks; "
        "heavy = ('pandas', 'pyarrow', 'numpy', 'jinja2', 'rich', 'huggingface_hub'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_wrong_file_hides_no_other_task(tmp_path: Path) -> None:
    (tmp_path / "tasks" / "mine").mkdir(parents=True)
    (tmp_path / "tasks" / "mine" / "task.toml").write_text("title = [")
    command = [sys.executable, "-m", "sldagent", "tasks", "list"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 9
    assert done.stderr.startswith("warning: left out: ")
    assert "mine/task.toml" in done.stderr
