"""The baseline of people: the form that was published for a task, fitted here or as printed."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from sldagent.cuts import Cut
from sldagent.evaluation.metrics import score_rows
from sldagent.laws.expressions import Array, Law
from sldagent.laws.families import find
from sldagent.laws.families.published import BY_LAW
from sldagent.laws.fitting import fit, units_of
from sldagent.table import Table
from sldagent.task import Task

FITTED, PRINTED = "published form, fitted here", "published constants, as printed"

_Predict = Callable[[Table, Table], Array]  # from the rows to fit on to predictions of the others


def human_baselines(
    task: Task, table: Table, cuts: Sequence[Cut], beyond: Table | None
) -> list[dict[str, Any]]:
    """Scores of the task's published form; none where its file names no form.

    Args:
        task: Names the form.
        table: Rows that constants are fitted to.
        cuts: Of these rows; their held-out rows are scored together.
        beyond: Further rows that are scored, predicted from all of `table`.
    """
    if not task.published_form:
        return []
    roles = [column.role for column in task.features]
    signed = "signed " if (table.y <= 0).any() else ""
    law = find(signed + task.published_form, roles)
    known = [column.role for column in task.features if column.role is not None]
    units = units_of(table.x, known)

    def fitted(inside: Table, outside: Table) -> Array:
        found = fit(law, inside.x, inside.y, inside.groups, units=units)
        return found.predict(outside.x, outside.groups)

    made = [_scored(FITTED, law, law.source, fitted, table, cuts, beyond)]
    published = BY_LAW.get(law.name.partition("(")[0])
    if published is not None:
        values = [published.values[name] for name in law.names]

        def printed(_: Table, outside: Table) -> Array:
            return np.repeat(law.evaluate(outside.x, values)[:, None], outside.y.shape[1], axis=1)

        made.append(_scored(PRINTED, law, published.source, printed, table, cuts, beyond))
    return made


def _scored(
    arm: str, law: Law, source: str, predict: _Predict, table: Table, cuts: Sequence[Cut],
    beyond: Table | None,
) -> dict[str, Any]:  # fmt: skip
    outside = [table.rows(cut.held_out) for cut in cuts]
    guesses = [predict(table.rows(cut.fit), rows) for cut, rows in zip(cuts, outside, strict=True)]
    return {
        "arm": arm,
        "law": law.name,
        "source": source,
        "parameters": 0 if arm == PRINTED else len(law.parameters) * table.y.shape[1],
        "held_out": _metrics(np.concatenate([rows.y for rows in outside]), np.concatenate(guesses)),
        "beyond": None if beyond is None else _metrics(beyond.y, predict(table, beyond)),
    }


def _metrics(actual: Array, predicted: Array) -> dict[str, float] | None:
    """None where a prediction is not finite."""
    return asdict(score_rows(actual, predicted)) if np.isfinite(predicted).all() else None
