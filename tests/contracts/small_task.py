"""A task of forty rows with known laws, three cuts, and programs for it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sldagent.candidate import Evaluation
from sldagent.config import EvaluationConfig
from sldagent.cuts import Cut
from sldagent.evaluation.evaluator import SandboxEvaluator
from sldagent.program import Program
from sldagent.sandbox.protocol import Sandbox
from sldagent.sandboxes import open_sandbox
from sldagent.table import Table
from sldagent.task import Column, Role, Task

LIMIT = 4
TRUTH = {"web": (2.0, 1.5, 0.3, 0.8), "code": (1.0, 0.7, 0.25, 1.1)}
SIZES, DATA = (1e6, 4e6, 1.6e7, 6.4e7, 2.56e8), (1e8, 4e8, 1.6e9, 6.4e9)


def task(limit: int | None = LIMIT, targets: Sequence[str] = ("loss",)) -> Task:
    features = (Column("size", Role.SIZE), Column("tokens", Role.DATA))
    return Task("small", "Small", "", features, tuple(map(Column, targets)), (), "corpus", limit)


def law(x: NDArray[np.float64], p: Sequence[float]) -> NDArray[np.float64]:
    """The law behind the table, as `LAW` below writes it."""
    n, d = x[:, 0] / 1e6, x[:, 1] / 1e8
    result: NDArray[np.float64] = p[0] + p[1] * n ** -p[2] + p[3] * d ** -p[2]
    return result


def table(bend: float = 0.0) -> Table:
    """Rows of both groups, mixed; with `bend` a term that only larger runs show."""
    rows = [(n, d) for n in SIZES for d in DATA for _ in TRUTH]
    names = tuple(TRUTH) * (len(rows) // 2)
    x = np.array(rows)
    y = np.array([law(x[i : i + 1], TRUTH[name])[0] for i, name in enumerate(names)])
    return Table(x, (y + bend * np.log(x[:, 0] / 1e6) ** 2)[:, None], names, "small")


def cuts(rows: Table) -> tuple[Cut, ...]:
    """Two nested cuts along size, and one along tokens."""
    n, d = rows.x[:, 0], rows.x[:, 1]
    masks = (
        ("size>1.6e7", n > 1.6e7, 0),
        ("size>6.4e7", n > 6.4e7, 0),
        ("tokens>1.6e9", d > 1.6e9, 1),
    )
    return tuple(
        Cut(name, np.flatnonzero(~held), np.flatnonzero(held), (axis,))
        for name, held, axis in masks
    )


def judge(
    sandbox: Sandbox | None = None,
    rows: Table | None = None,
    config: EvaluationConfig | None = None,
    limit: int | None = LIMIT,
) -> SandboxEvaluator:
    made = table() if rows is None else rows
    config = config or EvaluationConfig(fit_seconds=2, memory_mib=768)
    return SandboxEvaluator(task(limit), made, cuts(made), sandbox or open_sandbox(), config)


TOP = """
import numpy as np
from scipy.optimize import least_squares
"""
LAW = """
def scaling_law_func(x, p):
    n, d = x[:, 0] / 1e6, x[:, 1] / 1e8
    return p[0] + p[1] * n ** -p[2] + p[3] * d ** -p[2]
"""
FIT = """
def fit_scaling_law(x, y):
    def error(p):
        return scaling_law_func(x, p) - y
    return least_squares(error, [1.0, 1.0, 0.5, 1.0], xtol=1e-14, ftol=1e-14, gtol=1e-14).x
"""


def program(law: str = LAW, fit: str = FIT, top: str = "") -> Program:
    return Program(TOP + top + law + fit)


def returning(expression: str, top: str = "") -> Program:
    """A program whose fit returns what the expression says; `p` are the honest parameters."""
    fit = FIT.replace("fit_scaling_law", "honest")
    fit += f"\ndef fit_scaling_law(x, y):\n    p = honest(x, y)\n    return {expression}\n"
    return program(fit=fit, top=top)


def predicting(expression: str, top: str = "") -> Program:
    """A program whose law returns what the expression says; `y` are the honest predictions."""
    changed = LAW.replace("scaling_law_func", "honest_law")
    changed += f"\ndef scaling_law_func(x, p):\n    y = honest_law(x, p)\n    return {expression}\n"
    return program(law=changed, fit=FIT.replace("scaling_law_func", "honest_law"), top=top)


CONSTANT = "\ndef scaling_law_func(x, p):\n    return p[0] + 0 * x[:, 0]\n"
HONEST = program()


def numbers(evaluation: Evaluation) -> dict[str, Any]:
    """All that an evaluation says, but how long it took."""
    return {name: value for name, value in evaluation.as_dict().items() if name != "seconds"}
