"""Harbor's form of a law, and what both benchmark forms refuse."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sldagent import api
from sldagent.candidate import Evaluation, Status
from sldagent.errors import UsageError
from sldagent.evaluation.metrics import score_rows
from sldagent.export.formulas import FormulaText
from sldagent.export.refit import RefitError, Refitter
from sldagent.export.rerun import rerun_law, rerun_program
from sldagent.export.winner import Found, Winner, find_candidate, find_rows, fit_winner
from sldagent.export.write import export_harbor
from sldagent.run import Run
from sldagent.sandboxes import open_sandbox

CALL = """
import inspect, json, sys
from law import law
rows = json.load(sys.stdin)
print(json.dumps([str(inspect.signature(law)), law(rows, "pile")]))
"""


def untraced(_: Winner) -> FormulaText:
    return FormulaText(reason="nobody looked")


def found_in(run: Run) -> Found:
    candidate, program = find_candidate(run)
    return Found(run, *find_rows(run), candidate, program)


def test_the_file_is_a_law_with_frozen_constants_and_the_run_counts_the_reading(
    run: Run, tmp_path: Path
) -> None:
    before = run.store.run()["test_reads"]
    export = api.export_harbor(run, tmp_path / "out")
    assert export.files == ("law.py", "explain.md")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["explain.md", "law.py"]
    assert run.store.run()["test_reads"] == before + 1
    table = found_in(run).table
    mine = np.array(table.groups) == "pile"
    rows = [dict(zip(("num_params", "parallel_size"), x, strict=True)) for x in table.x[mine]]
    done = subprocess.run(
        [sys.executable, "-c", CALL], input=json.dumps(rows), cwd=tmp_path / "out",
        capture_output=True, text=True, check=True, env={"PYTHONPATH": str(tmp_path / "out")},
    )  # fmt: skip
    signature, values = json.loads(done.stdout)
    assert signature == "(input_data: list[dict[str, float]], group: str) -> list[dict[str, float]]"
    r2 = score_rows(table.y[mine], np.array([[row["loss"]] for row in values])).r2
    assert r2 == pytest.approx(export.card["fit"]["groups"]["pile"]["r2"], abs=1e-9)


def test_files_that_are_there_are_refused_before_test_rows_are_read(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "explain.md").write_text("mine")
    before = run.store.run()["test_reads"]
    with pytest.raises(UsageError, match="--force"):
        api.export_harbor(run, tmp_path)
    assert run.store.run()["test_reads"] == before
    assert not (tmp_path / "law.py").exists()


def test_measured_rows_are_refused_unless_that_is_typed(run: Run, tmp_path: Path) -> None:
    found = found_in(run)
    moved = replace(found.table, origin="shapes@measured (210 runs)")
    with open_sandbox() as sandbox:
        refitter = Refitter(found.task, sandbox, run.config().evaluation)
        measured = replace(found, table=moved)

        with pytest.raises(UsageError, match="--measured"):
            export_harbor(measured, refitter, tmp_path / "a", untraced, None)
        assert not (tmp_path / "a").exists()
        export_harbor(measured, refitter, tmp_path / "b", untraced, None, measured=True)
        assert "measured by sldagent (shapes@measured" in (tmp_path / "b/explain.md").read_text()
        assert (tmp_path / "b" / "law.py").is_file()


def test_a_file_that_gives_other_numbers_is_an_error(run: Run, tmp_path: Path) -> None:
    api.export_harbor(run, tmp_path, test=False)
    file, found = tmp_path / "law.py", found_in(run)
    with open_sandbox() as sandbox:
        refitter = Refitter(found.task, sandbox, run.config().evaluation)
        winner = fit_winner(found, refitter)
        assert rerun_law(file, winner, refitter).source == file.read_text("utf-8")
        values = winner.params["pile"].tolist()
        text = file.read_text("utf-8").replace(repr(values[0]), repr(values[0] + 1e-6))
        file.write_text(text)
        with pytest.raises(RefitError, match="training rows"):
            rerun_law(file, winner, refitter)

    program = tmp_path / "best_program.py"
    program.write_text(found.program.source)
    known = found.candidate.evaluation
    assert rerun_program(program, winner, lambda _: known).hash == found.program.hash
    cut = known.cuts[0]
    off = replace(cut, metrics=replace(cut.metrics, nmse=cut.metrics.nmse * (1 + 1e-8)))
    with pytest.raises(RefitError, match="on cut"):
        rerun_program(program, winner, lambda _: replace(known, cuts=(off, *known.cuts[1:])))
    with pytest.raises(RefitError, match="too slow"):
        rerun_program(program, winner, lambda _: Evaluation(Status.TIMEOUT, "too slow"))
