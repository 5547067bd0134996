"""Fits and calls one program in the sandbox, for exports and reports: numbers out, no verdicts."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sldagent.config import EvaluationConfig
from sldagent.errors import SldagentError
from sldagent.evaluation import jobs
from sldagent.program import Program, ProgramKind
from sldagent.sandbox.protocol import End, Job, Sandbox
from sldagent.table import Table
from sldagent.task import Task

Floats = NDArray[np.float64]
Params = dict[str, Floats]

_STARTS_ANEW = 5  # draws that fail in a row before the rest is given up


class RefitError(SldagentError):
    """A program that the search accepted does not fit or predict now; exit code 1."""


class Refitter:
    """Fits programs on rows and predicts with them, every time in a fresh sandboxed process.

    Args:
        task: Names the columns.
        sandbox: Runs the processes; the caller closes it.
        config: Limits, those of the search.
    """

    def __init__(self, task: Task, sandbox: Sandbox, config: EvaluationConfig) -> None:
        self._task = task
        self._sandbox = sandbox
        self._config = config

    def fit(self, program: Program, table: Table) -> Params:
        """Parameters of every group, shapes kept; raises RefitError where the program fails."""
        order = np.argsort(table.group_codes, kind="stable")
        names = table.group_names
        header = {"rows": np.bincount(table.group_codes).tolist()}
        body = table.x[order].tobytes() + table.y[order].tobytes()
        frames = self._run("fit", program, ProgramKind.PROGRAM, header, body, len(names))
        params = {}
        for name, (head, data) in zip(names, frames, strict=True):
            values = _array(data, head.get("shape"))
            if not np.isfinite(values).all():
                raise RefitError(f"the program's parameters are not finite (group '{name}')")
            params[name] = values
        return params

    def predict(
        self, program: Program, calls: Sequence[tuple[Floats, Floats, str]],
        kind: ProgramKind = ProgramKind.PROGRAM,
    ) -> list[Floats]:  # fmt: skip
        """Predictions (N, T) of each call: rows (N, F), parameters, group.

        With `kind` law the source's `law(input_data, group)` is called, without parameters.
        """
        asked = [
            {"rows": len(x), "shape": np.shape(params), "group": group}
            for x, params, group in calls
        ]
        body = b"".join(
            np.ascontiguousarray(part, dtype=np.float64).tobytes()
            for x, params, _ in calls
            for part in (x, params)
        )
        header = {"calls": asked, "how": "together", "more": 0}
        frames = self._run("predict", program, kind, header, body, len(calls))
        targets = len(self._task.targets)
        return [
            _array(data, [len(x), targets])
            for (_, data), (x, _, _) in zip(frames, calls, strict=True)
        ]

    def predict_rows(
        self, program: Program, params: Params, table: Table,
        kind: ProgramKind = ProgramKind.PROGRAM,
    ) -> Floats:  # fmt: skip
        """Predictions (N, T) for the rows of a table, in its order."""
        rows = [np.flatnonzero(table.group_codes == g) for g in range(len(table.group_names))]
        calls = [
            (table.x[mine], params[name], name)
            for mine, name in zip(rows, table.group_names, strict=True)
        ]
        predicted = np.empty_like(table.y)
        for mine, values in zip(rows, self.predict(program, calls, kind), strict=True):
            predicted[mine] = values
        return predicted

    def _run(
        self, op: str, program: Program, kind: ProgramKind, header: dict[str, Any], body: bytes,
        steps: int,
    ) -> list[tuple[dict[str, Any], bytes]]:  # fmt: skip
        head = jobs.header(op, program, kind, self._task, header)
        limits = jobs.limits(self._config, (1 << 20) + 4 * len(body) + steps * 100_000)
        outcome = self._sandbox.run(Job(head, body, program.imports), limits)
        frames = list(outcome.frames)
        last = frames.pop()[0] if frames and {"done", "failed"} & frames[-1][0].keys() else {}
        if outcome.end is not End.FINISHED:
            raise RefitError(f"the program failed when it was run again: {outcome.reason}")
        if "failed" in last:
            words = "".join(c if c.isprintable() else " " for c in str(last.get("reason"))[:500])
            reason = " ".join(words.encode("utf-8", "replace").decode().split())
            raise RefitError(f"the program failed when it was run again: {reason}")
        if "done" not in last or len(frames) != steps:
            raise RefitError("the program ended its process before it had finished")
        return frames


def _array(data: bytes, shape: object) -> Floats:
    """The bytes as float64 of this shape; what a program's process sends is not to be trusted."""
    if (
        not isinstance(shape, list)
        or len(shape) > 8
        or not all(type(n) is int and 0 <= n <= 1 << 24 for n in shape)
        or len(data) != 8 * math.prod(shape)
    ):
        raise RefitError("the program's process sent the wrong number of numbers")
    return np.frombuffer(data, dtype=np.float64).reshape(shape)


@dataclass(frozen=True, slots=True)
class Draws:
    """Refits of a program to redrawn rows.

    Attributes:
        params: One entry a draw that came to its end.
        asked: How many draws were wanted.
        failed: How many failed; the rest up to `asked` found no time.
        seconds: That all took.
    """

    params: tuple[Params, ...]
    asked: int
    failed: int
    seconds: float

    @property
    def words(self) -> str:
        """What was done, for a reader who is to trust an interval."""
        done = len(self.params)
        if not self.asked:
            return "no refits were asked for, so no interval is given"
        words = f"{done} of {self.asked} bootstrap refits (rows with replacement, within groups)"
        if self.failed:
            words += f"; {self.failed} failed and count for nothing"
        if short := self.asked - done - self.failed:
            words += f"; {short} found no time"
        return words


def bootstrap(
    refitter: Refitter, program: Program, table: Table, draws: int, seconds: float, seed: int = 0
) -> Draws:
    """Refits the program to rows drawn with replacement within each group, within `seconds`.

    A draw that fails is left out and counted.
    """
    start = time.monotonic()
    done: list[Params] = []
    failed = in_a_row = 0
    for number in range(draws):
        if time.monotonic() - start > seconds or in_a_row == _STARTS_ANEW:
            break
        rng = np.random.default_rng([seed, number])
        rows = [
            rng.choice(mine, len(mine))
            for g in range(len(table.group_names))
            for mine in [np.flatnonzero(table.group_codes == g)]
        ]
        try:
            done.append(refitter.fit(program, table.rows(np.sort(np.concatenate(rows)))))
            in_a_row = 0
        except RefitError:
            failed += 1
            in_a_row += 1
    return Draws(tuple(done), draws, failed, time.monotonic() - start)
