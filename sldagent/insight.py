"""What prompts say of a program beside its metrics: its formula, and where that errs."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np

from sldagent.candidate import Candidate
from sldagent.formula import Formula
from sldagent.program import Program
from sldagent.proposing.llm.facts import Insight
from sldagent.proposing.llm.residuals import describe_residuals
from sldagent.sandbox.protocol import Sandbox
from sldagent.table import Table
from sldagent.task import Task
from sldagent.tracer import trace_group

_REMEMBERED = 2_000
_MOST_FORMULA = 2_000  # characters


class LawReader:
    """Traces programs in the sandbox, one at a time; used from many threads.

    Args:
        task: Names features and targets.
        table: The training rows.
        rows: Those of them that no cut holds out: only they are compared with predictions.
        sandbox: From `sandboxes.open_tracer`.
    """

    def __init__(self, task: Task, table: Table, rows: Table, sandbox: Sandbox) -> None:
        self._task = task
        self._table = table
        self._rows = rows
        self._sandbox = sandbox
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Insight] = OrderedDict()

    def insight(self, candidate: Candidate, program: Program) -> Insight:
        """The formula with the constants of the first cut, and its residuals."""
        name = candidate.program_hash
        with self._lock:
            if name not in self._known:
                self._known[name] = self._look(candidate, program)
                if len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
            self._known.move_to_end(name)
            return self._known[name]

    def _look(self, candidate: Candidate, program: Program) -> Insight:
        stored = next((cut.params for cut in candidate.evaluation.cuts if cut.params), None)
        if stored is None:
            return Insight("unknown: it was never fitted")
        params = {group: np.asarray(values, float) for group, values in stored.items()}
        first = next(group for group in self._table.group_names if group in params)
        found = trace_group(program, self._task, self._table, params, self._sandbox, first)
        if not isinstance(found, Formula):
            return Insight(str(found)[:_MOST_FORMULA])
        text = found.text(params[first])
        if len(params) > 1:
            text += f"\n(with the constants of group {first!r})"
        return Insight(text[:_MOST_FORMULA], self._residuals(found, params))

    def _residuals(self, formula: Formula, params: Mapping[str, Any]) -> tuple[str, ...]:
        rows = self._rows
        if not len(rows) or any(group not in params for group in rows.group_names):
            return ()
        predicted = np.full(rows.y.shape, np.nan)
        with np.errstate(all="ignore"):
            for code, group in enumerate(rows.group_names):
                own = rows.group_codes == code
                predicted[own] = formula.evaluate(rows.x[own], params[group])
        return describe_residuals(
            predicted, rows, self._task.feature_names, self._task.target_names
        )
