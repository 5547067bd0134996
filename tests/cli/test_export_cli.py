"""`sldagent export`: files written, said where, and the errors of a newcomer in one line."""

import json
import math
import os
from pathlib import Path

import pytest
from contracts.command import sldagent
from export.made_run import START, make_run

from sldagent.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("made"))


def call(run: Run, *words: str, cwd: Path) -> tuple[int, str, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SLDAGENT_")}
    done = sldagent(*words, "--runs", str(run.folder.parent), cwd=cwd, env=environment)
    return done.returncode, done.stdout, done.stderr


def export(run: Run, what: str, *words: str, cwd: Path) -> tuple[int, str, str]:
    return call(run, "export", what, "made", *words, cwd=cwd)


def test_sldbench_prints_and_stores_the_test_metrics(run: Run, tmp_path: Path) -> None:
    code, out, err = export(run, "sldbench", "-o", "out", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert "out/law.py" in out
    assert "test reads    1 for this run" in out
    said = json.loads((tmp_path / "out" / "metrics.json").read_text("utf-8"))
    assert f"test R²       {said['test']['metrics']['metrics']['r2']:.6f}" in out

    code, out, err = export(run, "sldbench", "-o", "out", cwd=tmp_path)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert "--force" in err


def test_law_goes_into_the_run_by_default_and_prints_json(run: Run, tmp_path: Path) -> None:
    code, out, err = export(run, "law", "--draws", "3", "--no-baseline", "--json", cwd=tmp_path)
    assert (code, err) == (0, "")
    card = json.loads(out)
    assert card["uncertainty"]["draws"] == 3
    folder = run.folder / "export" / "law"
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "card.md", "law.py"]
    assert Path(card["folder"]) == folder


def test_harbor_and_bundle_say_what_they_wrote(run: Run, tmp_path: Path) -> None:
    code, out, err = export(run, "harbor", "-o", "harbor", "--no-test", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert out.splitlines()[:2] == ["harbor/law.py", "harbor/explain.md"]
    code, out, _ = export(run, "bundle", "-o", "handed", cwd=tmp_path)
    assert code == 0
    assert "handed/lineage.sqlite" in out.splitlines()
    shown = call(run, "best", "handed", "--json", cwd=tmp_path)
    assert shown[0] == 0


def test_html_and_plots(run: Run, tmp_path: Path) -> None:
    code, out, _ = call(run, "lineage", "html", "made", "-o", "page.html", cwd=tmp_path)
    assert (code, out) == (0, "page.html\n")
    assert (tmp_path / "page.html").read_text("utf-8").startswith("<!doctype html>")
    code, out, _ = export(run, "plots", "-o", "plots", "--format", "svg", cwd=tmp_path)
    assert code == 0
    assert out.splitlines()[0] == "plots/score.svg"
    assert (tmp_path / "plots" / "extrapolation.svg").is_file()


def test_best_prints_the_fitted_formula(run: Run, tmp_path: Path) -> None:
    code, out, err = call(run, "best", "made", "--formula", cwd=tmp_path)
    assert (code, err) == (0, "")
    form, empty, first, fitted, *_ = out.splitlines()
    assert (form.partition(" = ")[0], empty, first) == ("loss", "", "# stack")
    assert "p0" in form
    assert "p0" not in fitted
    number = float(eval(fitted.partition(" = ")[2], {"exp": math.exp, "log": math.log},
                        {"num_params": 1e9, "parallel_size": 2.0}))  # fmt: skip
    assert number == pytest.approx(4.0 * 1e9**-0.07 * 2**-0.02, rel=0.01)

    code, out, _ = call(run, "best", "made", "--latex", "--json", cwd=tmp_path)
    latex = json.loads(out)
    assert latex["groups"].keys() == {"stack", "pile"}
    assert latex["formula"].startswith(r"\mathrm{loss} = ")
    assert call(run, "best", "made", "--latex", "--source", cwd=tmp_path)[0] == 2


def test_best_says_why_there_is_no_formula(tmp_path: Path) -> None:
    branching = START.replace(
        "    return SHIFT", "    if u[0, 0] > 3:\n        a = a + 0\n    return SHIFT"
    )
    run = make_run(tmp_path / "made", [branching])
    code, out, err = call(run, "best", "made", "--formula", cwd=tmp_path)
    assert (code, out) == (1, "")
    assert err.startswith("sldagent: not traceable: ")
    assert "`if u[0, 0] > 3:`" in err
    assert err.count("\n") == 1


def test_show_has_the_formula_of_what_was_fitted(run: Run, tmp_path: Path) -> None:
    code, out, _ = call(run, "lineage", "show", "made", "1", cwd=tmp_path)
    assert code == 0
    assert "formula    loss = " in out
    assert "stack: [" in out
    shown = json.loads(call(run, "lineage", "show", "made", "2", "--json", cwd=tmp_path)[1])
    assert shown["formula"] == {"text": None, "latex": None, "reason": "it was never fitted"}
    moved = call(run, "lineage", "show", "made", "1", "--data", "absent", cwd=tmp_path)
    assert moved[0] == 0
    assert "formula    absent: no such file or folder" in moved[1]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("law", "--candidate", "2"), 2, "candidate #2 is no law: error"),
        (("law", "--candidate", "77"), 2, "no candidate #77"),
        (("sldbench", "--data", "absent"), 2, "absent: no such file"),
        (("plots", "--format", "gif"), 2, "gif"),
    ],
)
def test_errors_are_one_line(
    run: Run, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    status, out, err = export(run, *words, cwd=tmp_path)
    assert (status, out) == (code, "")
    assert said in err
    assert "Traceback" not in err
