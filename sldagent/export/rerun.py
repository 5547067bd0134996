"""Runs written files again, in fresh processes, and compares them with what the run says."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sldagent.candidate import Evaluation
from sldagent.evaluation.metrics import score_rows
from sldagent.export.refit import Params, RefitError, Refitter
from sldagent.export.winner import Winner
from sldagent.program import Program, ProgramKind

TOLERANCE = 1e-9  # of NMSE, between the run's numbers and those of the written files

Judge = Callable[[Program], Evaluation]
"""Judges a program on the cuts of the run."""


def rerun_law(file: Path, winner: Winner, refitter: Refitter) -> Program:
    """The law in a written file, after it has predicted the training rows as the winner does.

    Raises:
        RefitError: The file fails, or its NMSE on the training rows is another one.
    """
    law, table = Program.read(file), winner.found.table
    nothing: Params = {name: np.zeros(0) for name in table.group_names}
    predicted = refitter.predict_rows(law, nothing, table, ProgramKind.LAW)
    _compare(
        file, "on the training rows", score_rows(table.y, predicted).nmse,
        score_rows(table.y, winner.predicted).nmse,
    )  # fmt: skip
    return law


def rerun_program(file: Path, winner: Winner, judge: Judge) -> Program:
    """The program in a written file, after it has been judged on every cut as the run judged it.

    Raises:
        RefitError: It fails now, or gives another NMSE on a cut.
    """
    program = Program.read(file)
    again, known = judge(program), winner.found.candidate.evaluation
    if again.metrics is None:
        raise RefitError(f"{file}: {again.status} when it was judged again: {again.reason}")
    for now, then in zip(again.cuts, known.cuts, strict=True):
        _compare(file, f"on cut {then.name}", now.metrics.nmse, then.metrics.nmse)
    return program


def _compare(file: Path, where: str, now: float, then: float) -> None:
    if not math.isclose(now, then, rel_tol=TOLERANCE, abs_tol=1e-15):
        raise RefitError(
            f"{file} does not give the run's numbers {where}: NMSE {now!r}, the run's {then!r}"
        )
