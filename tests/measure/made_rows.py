"""Rows of runs that nobody trained."""

from sldagent.measure.plans import Plan
from sldagent.measure.spec import Row, RunSpec, count_inner, count_params

SPECS = (
    RunSpec("train", 4, 2**12, 2**12, 4, 0.03),
    RunSpec("train", 4, 2**12, 2**12, 4, 0.03, seed=1),
    RunSpec("test", 4, 2**12, 2**13, 4, 0.03),
)
PLAN = Plan(
    "data_constrained", (), SPECS,
    {"group": lambda row: "all_data", "params": lambda row: row.params,
     "loss": lambda row: row.loss},
)  # fmt: skip


def made(spec: RunSpec, loss: float | None, rate: float | None = None) -> Row:
    """A finished run."""
    return Row(
        spec.key, spec.stage, spec.width, count_params(spec.width), count_inner(spec.width),
        spec.unique_tokens, spec.tokens, spec.batch, rate or spec.rate or 0.01, spec.seed,
        loss, loss, 1.5, 1.25, "2026-01-02T03:04:05+00:00",
    )  # fmt: skip
