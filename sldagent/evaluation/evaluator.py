"""Judges a program on one task: fits in the sandbox, predicts in fresh children, scores here.

    static checks -> a child per cut fits -> children predict, none with parameters that tell of
    what it is asked -> a child predicts all again, row by row -> compare, score

Children return numbers; every verdict is made here from what separate children returned.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sldagent.candidate import CutResult, Evaluation, Metrics, Status
from sldagent.config import EvaluationConfig
from sldagent.cuts import Cut
from sldagent.evaluation import jobs, rules
from sldagent.evaluation.literals import count_literals
from sldagent.evaluation.metrics import group_metrics, relative_error, score_rows
from sldagent.evaluation.questions import ALONE, TOGETHER, TURNED, Questions
from sldagent.program import Program, ProgramKind
from sldagent.sandbox.protocol import End, Job, Outcome, Sandbox
from sldagent.scoring import possible_values, selection_score
from sldagent.table import Table
from sldagent.task import Task
from sldagent.trends import Trend, spread_within, turns

Floats = NDArray[np.float64]

_STATUS_OF_END = {
    End.EXIT: Status.ERROR,
    End.SIGNAL: Status.ERROR,
    End.TIMEOUT: Status.TIMEOUT,
    End.MEMORY: Status.MEMORY,
    End.FLOOD: Status.INVALID,
}
_STATUS_OF_FAILURE = {
    "error": Status.ERROR,
    "invalid": Status.INVALID,
    "memory": Status.MEMORY,
    "rejected": Status.REJECTED,
}


class Failed(Exception):
    """Ends an evaluation with a status; never leaves this module."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(slots=True)
class _Ledger:
    """What an evaluation has gathered so far, kept when it fails."""

    cpu: float = 0.0
    output: str = ""
    params: int | str | None = None
    literals: int | None = None
    warnings: list[str] = field(default_factory=list)


class SandboxEvaluator:
    """Judges programs on the rows of one table.

    Args:
        task: Names columns, groups and the parameter limit.
        table: All rows that the cuts index.
        cuts: At least one; for the test split a single cut whose held-out rows are the test rows.
        sandbox: Runs the children.
        config: Limits and rules.
        split: Name of the split that the cuts make up, for the Evaluation.
    """

    def __init__(
        self,
        task: Task,
        table: Table,
        cuts: Sequence[Cut],
        sandbox: Sandbox,
        config: EvaluationConfig | None = None,
        split: str = "held-out",
    ) -> None:
        self.task = task
        self.table = table
        self.cuts = tuple(cuts)
        self.sandbox = sandbox
        self.config = config or EvaluationConfig()
        self.split = split
        self._questions = Questions(task, table, self.cuts)
        self._spread_within = spread_within(table)
        self._possible = possible_values(table.y, task.target_names)

    def close(self) -> None:
        """Ends the sandbox."""
        self.sandbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def evaluate(self, program: Program) -> Evaluation:
        """Judges one program; raises SandboxError only where the sandbox itself is broken."""
        start = time.monotonic()
        ledger = _Ledger()
        try:
            result = self._judge(program, ledger)
        except Failed as failure:
            reason = failure.reason + self._remedy(failure.status)
            result = {"status": failure.status, "reason": reason}
        seconds = {"cpu": round(ledger.cpu, 6), "wall": round(time.monotonic() - start, 6)}
        return Evaluation(
            **result,
            split=self.split,
            params=ledger.params,
            literals=ledger.literals,
            seconds=seconds,
            warnings=tuple(ledger.warnings),
            output=ledger.output,
        )

    def _remedy(self, status: Status) -> str:
        """What would allow a program more, where it ran into a limit."""
        if status is Status.TIMEOUT:
            return "; --eval-timeout sets how much"
        if status is Status.MEMORY:
            return f"; --memory sets how much, now {self.config.memory_mib} MiB"
        return ""

    def _judge(self, program: Program, ledger: _Ledger) -> dict[str, Any]:
        kind = self._static_checks(program, ledger)
        if kind is ProgramKind.LAW:
            ledger.params = "frozen"
            fitted = [dict.fromkeys(self.table.group_names, np.empty(0)) for _ in self.cuts]
        else:
            fitted = [self._fit(program, c, ledger) for c in range(len(self.cuts))]
            most = max(params.size for cut in fitted for params in cut.values())
            ledger.params = int(most)
            if self.config.reject_literals:
                rules.check_literals(self.task, most, ledger.literals or 0, Failed)
        calls = self._questions.calls
        predicted = self._predict(program, kind, fitted, ledger)
        for call, values in zip(calls, predicted, strict=True):
            bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
            if call.rows is not None and len(bad):
                where = rules.describe_row(self.task, call.x[bad[0]], call.group)
                raise Failed(Status.INVALID, f"the prediction is not finite at {where}")
        self._check(program, kind, fitted, predicted, ledger)
        beyond = [v for c, v in zip(calls, predicted, strict=True) if c.rows is None]
        finite = all(np.isfinite(values).all() for values in beyond)
        if not finite:
            ledger.warnings.append(
                "predictions beyond the data (ten times the largest run) are not always finite"
            )
        left = self._leaves_possible(beyond)
        if left:
            ledger.warnings.append(
                f"predictions beyond the data (ten times the largest run) are not always {left}"
            )
        steady = self._is_steady(predicted, ledger)
        results, pooled = self._score(fitted, predicted, kind)
        numbers = ledger.params if isinstance(ledger.params, int) else 0
        each = (numbers + (ledger.literals or 0)) / len(self.task.targets)
        score = selection_score([cut.metrics.r2 for cut in results], each, finite, not left, steady)
        return {
            "status": Status.OK,
            "metrics": pooled[0],
            "groups": pooled[1],
            "cuts": results,
            "score": score,
            "beyond": self._in_spreads(
                [v for c, v in zip(calls, predicted, strict=True) if c.rows is None and not c.trend]
            ),
        }

    def _static_checks(self, program: Program, ledger: _Ledger) -> ProgramKind:
        if program.syntax_error:
            raise Failed(Status.REJECTED, f"the program does not parse: {program.syntax_error}")
        kind = program.kind
        if kind is None:
            raise Failed(Status.REJECTED, f"the program lacks {program.missing}")
        ledger.literals = count_literals(program).count
        if kind is ProgramKind.LAW and self.config.reject_literals:
            raise Failed(
                Status.REJECTED,
                "a law with frozen constants is no candidate: define scaling_law_func and "
                "fit_scaling_law, so that its constants are fitted",
            )
        if len(self.cuts) < 2 and self.split == "held-out":
            ledger.warnings.append(
                "only one cut could be made: the held-out score rests on a single extrapolation"
            )
        return kind

    # -- children ------------------------------------------------------------------------------

    def _run(
        self, op: str, program: Program, kind: ProgramKind, header: dict[str, Any], body: bytes,
        steps: int, ledger: _Ledger, more: tuple[tuple[dict[str, Any], bytes], ...] = (),
        replies: tuple[int, ...] = (),
    ) -> list[tuple[dict[str, Any], bytes]]:  # fmt: skip
        """Runs one child and returns its `steps` result frames, or raises Failed."""
        head = jobs.header(op, program, kind, self.task, header)
        limits = jobs.limits(
            self.config,
            (1 << 20)
            + 4 * len(self.table) * self.table.y.shape[1] * 8 * len(self.cuts)
            + steps * 100_000,
        )
        outcome = self.sandbox.run(
            Job(head, body, program.imports, more, replies[: len(more)]), limits
        )
        ledger.cpu += outcome.cpu_seconds
        return self._frames(outcome, steps, ledger)

    @staticmethod
    def _frames(
        outcome: Outcome, steps: int, ledger: _Ledger
    ) -> list[tuple[dict[str, Any], bytes]]:
        frames = list(outcome.frames)
        last = frames.pop()[0] if frames and {"done", "failed"} & frames[-1][0].keys() else {}
        ledger.output = _words(last.get("output"), 4096) or ledger.output
        if outcome.end is not End.FINISHED:
            raise Failed(_STATUS_OF_END[outcome.end], outcome.reason)
        if "failed" in last:
            status = _STATUS_OF_FAILURE.get(_words(last["failed"], 20), Status.ERROR)
            raise Failed(status, _words(last.get("reason"), 500))
        if "done" not in last or len(frames) != steps:
            raise Failed(Status.ERROR, "the program ended its process before it had finished")
        return frames

    def _fit(self, program: Program, cut: int, ledger: _Ledger) -> dict[str, Floats]:
        """Parameters per group, fitted on the cut's fit rows in a child that sees nothing else."""
        names, header, body = self._questions.fits[cut]
        frames = self._run("fit", program, ProgramKind.PROGRAM, header, body, len(names), ledger)
        params = {}
        for name, (head, data) in zip(names, frames, strict=True):
            shape = head.get("shape")
            array = _array(data, tuple(shape) if isinstance(shape, list) else None)
            if not np.isfinite(array).all():
                reason = f"fit_scaling_law returned numbers that are not finite ({_where(name)})"
                raise Failed(Status.INVALID, reason)
            limit = self.task.parameter_limit
            if limit is not None and array.size > limit:
                reason = f"{array.size} parameters, but task '{self.task.name}' allows {limit}"
                raise Failed(Status.REJECTED, f"{reason} for a group ({_where(name)})")
            params[name] = array
        return params

    def _predict(
        self, program: Program, kind: ProgramKind, fitted: Sequence[dict[str, Floats]],
        ledger: _Ledger,
    ) -> list[Floats]:  # fmt: skip
        """Predictions of every call, a child for each of the questions' chains.

        A cut outside a chain is fitted on rows that the chain holds out: what its parameters tell
        of them must not be at hand, not even in the memory of the process. Within a chain each
        cut's parameters come when those before have been predicted.
        """
        values: dict[int, Floats] = {}
        for cuts in self._questions.chains:
            asked = self._questions.predicting(cuts)
            values |= self._ask(program, kind, fitted, asked, ledger)[TOGETHER]
        return [values[i] for i in range(len(self._questions.calls))]

    def _check(
        self, program: Program, kind: ProgramKind, fitted: Sequence[dict[str, Floats]],
        predicted: Sequence[Floats], ledger: _Ledger,
    ) -> None:  # fmt: skip
        """Predictions must not depend on other rows, on their order, on groups, or on chance.

        Single rows come first, before the child has seen any batch.
        """
        values = self._ask(program, kind, fitted, self._questions.checking(), ledger)
        spread = self.table.y.std(axis=0)
        for i, call in enumerate(self._questions.calls):
            again = values[ALONE][i], values[TURNED][i]
            rules.check_independence(
                self.task, call.x, call.group, predicted[i], *again, spread, Failed
            )

    def _ask(
        self, program: Program, kind: ProgramKind, fitted: Sequence[dict[str, Floats]],
        asked: Sequence[tuple[str, list[int]]], ledger: _Ledger,
    ) -> dict[str, dict[int, Floats]]:  # fmt: skip
        """What one child predicts: by way of asking and call.

        It gets message after message, and cannot answer one with what it learns from the next.
        """
        questions = self._questions
        (header, body), *more = [questions.message(fitted, part, how) for how, part in asked]
        header["more"] = len(more)
        replies = tuple(len(part) for _, part in asked)
        frames = iter(
            self._run(
                "predict", program, kind, header, body, sum(replies), ledger, tuple(more), replies
            )
        )
        values: dict[str, dict[int, Floats]] = {}
        for how, part in asked:
            for i in part:
                x, real = questions.rows(i, how)
                array = _array(next(frames)[1], (len(x), len(self.task.targets)))
                values.setdefault(how, {})[i] = array[real]
        return values

    # -- scores --------------------------------------------------------------------------------

    def _leaves_possible(self, beyond: Sequence[Floats]) -> str:
        """Between what some target of the predictions (K, T) must be and is not, in words."""
        for name, (low, high), given in zip(
            self.task.target_names, self._possible, np.concatenate(beyond).T, strict=True
        ):
            finite = given[np.isfinite(given)]
            if (finite < low).any() or (finite > high).any():
                return f"between {low:g} and {high:g}, as {name} is"
        return ""

    def _in_spreads(self, beyond: Sequence[Floats]) -> tuple[float, ...]:
        """Predictions (K, T) in standard deviations of the targets from their means, shortened."""
        y = self.table.y
        values = (np.concatenate(beyond) - y.mean(axis=0)) / y.std(axis=0)
        return tuple(float(f"{value:.5g}") for value in values.ravel())

    def _is_steady(self, predicted: Sequence[Floats], ledger: _Ledger) -> bool:
        """Whether predictions go on beyond the data as every series of runs does."""
        along: dict[Trend, list[Floats]] = {}
        for call, values in zip(self._questions.calls, predicted, strict=True):
            if call.trend is not None:
                along.setdefault(call.trend, []).append(values)
        turning = [
            self.task.feature_names[trend.axis]
            for trend, values in along.items()
            if turns(trend, np.concatenate(values), self._spread_within)
        ]
        if turning:
            ledger.warnings.append(
                f"predictions beyond the data turn round along {', '.join(turning)}, "
                "as no series of runs does"
            )
        return not turning

    def _score(
        self, fitted: Sequence[dict[str, Floats]], predicted: Sequence[Floats], kind: ProgramKind
    ) -> tuple[tuple[CutResult, ...], tuple[Metrics, dict[str, Metrics | None]]]:
        table, names = self.table, self.table.group_names
        everything = np.full((len(self.cuts), len(table), table.y.shape[1]), np.nan)
        for call, values in zip(self._questions.calls, predicted, strict=True):
            if call.rows is not None:
                everything[call.cut, call.rows] = values
        results = []
        for c, cut in enumerate(self.cuts):
            held = cut.held_out
            actual, given = table.y[held], everything[c, held]
            params = None
            if kind is ProgramKind.PROGRAM:
                params = {name: array.tolist() for name, array in fitted[c].items()}
            results.append(
                CutResult(
                    name=cut.name,
                    fit_rows=len(cut.fit),
                    held_out_rows=len(held),
                    metrics=score_rows(actual, given),
                    groups=group_metrics(actual, given, table.group_codes[held], names),
                    relative_error=relative_error(actual, given),
                    bias=float(np.mean((given - actual)[self._top(cut)])),
                    params=params,
                )
            )
        held = np.concatenate([cut.held_out for cut in self.cuts])
        given = np.concatenate([everything[c, cut.held_out] for c, cut in enumerate(self.cuts)])
        actual = table.y[held]
        pooled = score_rows(actual, given)
        return tuple(results), (
            pooled,
            group_metrics(actual, given, table.group_codes[held], names),
        )

    def _top(self, cut: Cut) -> NDArray[np.intp]:
        """The tenth of the held-out rows, at least one, that lies furthest along the cut's axes."""
        x = (self.table.x * np.array(self.task.outward))[cut.held_out][:, list(cut.axes)]
        ranks = x.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable").sum(axis=1)
        return np.argsort(-ranks, kind="stable")[: max(1, len(x) // 10)]


def _words(value: object, most: int) -> str:
    """A child's words, fit to be printed and stored: no control characters, no half surrogates."""
    text = str(value or "")[:most].encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def _where(group: str) -> str:
    return f"group '{group}'"


def _array(data: bytes, shape: tuple[int, ...] | None) -> Floats:
    """The bytes as float64 of this shape; a child that sent anything else failed."""
    if shape is None or not all(type(n) is int and 0 <= n <= 1 << 24 for n in shape):
        raise Failed(Status.INVALID, "the program's process sent an impossible shape")
    if len(shape) > 8 or (0 in shape and shape != (0,)) or len(data) != 8 * math.prod(shape):
        raise Failed(Status.INVALID, "the program's process sent the wrong number of numbers")
    return np.frombuffer(data, dtype=np.float64).reshape(shape)
