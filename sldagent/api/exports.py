"""What a run's result is written as."""

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING

from sldagent.api.judging import build_evaluator
from sldagent.api.rerunning import at_hand, tracer
from sldagent.errors import SandboxError
from sldagent.sandboxes import open_sandbox

if TYPE_CHECKING:
    from sldagent.export.card import Options
    from sldagent.export.load import ExportedLaw
    from sldagent.export.winner import Found
    from sldagent.export.write import Export, ScoreTest
    from sldagent.program import Program
    from sldagent.run import Run


def card_options(draws: int, seconds: float, level: float, baseline: bool) -> "Options":
    """How much is refitted for a law's card; see `sldagent.export.card.Options`."""
    from sldagent.export.card import Options

    return Options(draws, seconds, level, baseline)


def export_law(
    run: "Run",
    folder: str | Path,
    options: "Options | None" = None,
    candidate: int | None = None,
    data: str | None = None,
    test: bool = False,
    unprotected: bool = False,
    force: bool = False,
) -> "Export":
    """Writes a run's law as a module that needs numpy only, with its card; see `load_law`.

    With `test` the test rows are read, which the run counts.
    """
    from sldagent.export import write
    from sldagent.export.card import Options

    with at_hand(run, candidate, data, unprotected) as (found, refitter):
        score = _test_scorer(found, data, unprotected) if test else None
        return write.export_law(
            found, refitter, Path(folder), options or Options(),
            tracer(found, unprotected), score, force,
        )  # fmt: skip


def export_sldbench(
    run: "Run",
    folder: str | Path,
    candidate: int | None = None,
    data: str | None = None,
    test: bool = True,
    unprotected: bool = False,
    force: bool = False,
    measured: bool = False,
) -> "Export":
    """Writes what SLDBench takes of a run: its program, and its law with frozen constants.

    With `test` the law is scored on the test rows where there are any, which the run counts.
    `measured` consents to rows that are sldagent's own measurements.
    """
    from sldagent.evaluation.evaluator import SandboxEvaluator
    from sldagent.export import write

    with open_sandbox() as sandbox, at_hand(run, candidate, data, unprotected) as opened:
        found, refitter = opened
        score = _test_scorer(found, data, unprotected) if test else None
        judge = SandboxEvaluator(
            found.task, found.table, found.cuts, sandbox, run.config().evaluation
        )
        return write.export_sldbench(
            found, refitter, Path(folder), tracer(found, unprotected), judge.evaluate, score,
            force, measured,
        )  # fmt: skip


def export_harbor(
    run: "Run",
    folder: str | Path,
    candidate: int | None = None,
    data: str | None = None,
    test: bool = True,
    unprotected: bool = False,
    force: bool = False,
    measured: bool = False,
) -> "Export":
    """Writes `law.py` with `law(input_data, group)`, constants frozen, and `explain.md`.

    `test` and `measured` as for `export_sldbench`.
    """
    from sldagent.export import write

    with at_hand(run, candidate, data, unprotected) as (found, refitter):
        score = _test_scorer(found, data, unprotected) if test else None
        return write.export_harbor(
            found, refitter, Path(folder), tracer(found, unprotected), score, force, measured
        )


def export_bundle(run: "Run", folder: str | Path, force: bool = False) -> tuple[str, ...]:
    """Writes a run as one folder to hand over; returns the names of the files in it."""
    from sldagent.export import bundle

    return bundle.export_bundle(run, Path(folder), force)


def load_law(path: str | Path) -> "ExportedLaw":
    """The law that `export_law` wrote, to be called; runs the file, so load only what you trust."""
    from sldagent.export.load import load_law as load

    return load(path)


def _test_scorer(found: "Found", data: str | None, unprotected: bool) -> "ScoreTest":
    """Scores an exported law on the test rows and counts the reading in the run's database."""
    from sldagent.errors import PrerequisiteError
    from sldagent.export.card import TestResult
    from sldagent.export.refit import RefitError

    config = found.run.config()
    limits = dataclasses.replace(config.evaluation, reject_literals=False)

    def score(law: "Program", program: "Program") -> TestResult:
        try:
            judge = build_evaluator(found.task, "test", data or config.data, limits, unprotected)
        except SandboxError:
            raise
        except PrerequisiteError as error:
            return TestResult(None, str(error))
        with judge:
            found.run.store.count_test_read()
            written, own = judge.evaluate(law), judge.evaluate(program)
            rows = f"{len(judge.cuts[0].held_out)} rows from {judge.table.origin}"
        a, b = written.metrics, own.metrics
        if a and b and not math.isclose(a.nmse, b.nmse, rel_tol=1e-9, abs_tol=1e-12):
            raise RefitError(
                f"on the test rows the written law has R² {a.r2!r}, the program {b.r2!r}"
            )
        return TestResult(written, rows=rows)

    return score
