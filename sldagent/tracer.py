"""Finds the formula behind any program: traced in the sandbox, checked against the program."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sldagent.errors import UsageError
from sldagent.evaluation.probes import probe_points
from sldagent.formula import Formula
from sldagent.laws.tree import Array, TreeError, read_tree
from sldagent.program import Program, ProgramKind
from sldagent.sandbox.protocol import End, Job, Limits, Sandbox
from sldagent.table import Table
from sldagent.task import Task

TOLERANCE = 1e-9  # relative, between the formula and the program
_SIMPLIFIED = 1e-6  # relative, after sympy has put terms together, which may cancel otherwise
_DRAWS = 5  # parameter vectors at which the two are compared
_POINTS = 40  # rows for each of them
_MOST_PARAMS = 10_000
_LIMITS = Limits(cpu_seconds=30.0, wall_seconds=90.0, reply_bytes=4 << 20)


@dataclass(frozen=True, slots=True)
class NotTraceable:
    """Why a program has no formula.

    Attributes:
        reason: What stopped the tracing, in words.
        line: The program's line where it stopped; None where no line is to blame.
        source: The text of that line.
    """

    reason: str
    line: int | None = None
    source: str = ""

    def __str__(self) -> str:
        where = f" (line {self.line}: `{self.source}`)" if self.line else ""
        return f"not traceable: {self.reason}{where}"


Tracing = Formula | NotTraceable
_Call = tuple[Array, Array]  # rows (N, F) and the parameters of a group


def trace(
    program: Program,
    task: Task,
    params: ArrayLike,
    points: Array,
    sandbox: Sandbox,
    group: str = "",
) -> Tracing:
    """The formula of a program's law, if it equals the law at 200 points.

    Args:
        program: Anybody's; it is run in the sandbox only.
        task: Names features and targets.
        params: A group's fitted parameters, in the shape that `fit_scaling_law` returned; the
            points that are compared lie about them. Ignored for a law with frozen constants.
        points: Rows (N, F) like those that the law is meant for, N at least 1.
        sandbox: From `sandboxes.open_tracer`.
        group: Whose constants a law with frozen ones is asked for.

    Raises:
        SandboxError: The sandbox itself is broken.
    """
    if program.syntax_error:
        return NotTraceable(f"the program does not parse: {program.syntax_error}")
    kind = program.kind
    if kind is None:
        return NotTraceable(f"the program lacks {program.missing}")
    values = np.empty(0) if kind is ProgramKind.LAW else np.array(params, float)
    child = _Child(program, kind, task, sandbox)
    rng = np.random.default_rng(0)
    calls = [
        (points[rng.integers(len(points), size=_POINTS)], _near(values, rng) if draw else values)
        for draw in range(_DRAWS)
    ]
    try:
        expected = child.predict(calls, group)
        formula = child.trace(values.shape, group)
        _write(formula)
        _compare(formula, calls, expected)
    except _Stopped as stopped:
        return stopped.outcome
    except TreeError as error:
        return NotTraceable(str(error))
    return formula


def trace_group(
    program: Program,
    task: Task,
    table: Table,
    params: ArrayLike | Mapping[str, ArrayLike] | None,
    sandbox: Sandbox,
    group: str | None = None,
) -> Tracing:
    """The formula of a program's law for one group of a table, the first unless named.

    Compared with the program at the group's rows and beyond them. Without `params` (a group's, or
    by group) the program is fitted to the group's rows first.

    Raises:
        UsageError: The table or `params` have no such group.
        SandboxError: The sandbox itself is broken.
    """
    name = group or next(iter(params if isinstance(params, Mapping) else table.group_names))
    if name not in table.groups or (isinstance(params, Mapping) and name not in params):
        raise UsageError(f"no group '{name}'; there are: {', '.join(table.group_names)}")
    rows = table.rows([i for i, own in enumerate(table.groups) if own == name])
    given = params[name] if isinstance(params, Mapping) else params
    if given is None and program.syntax_error is None and program.kind is ProgramKind.PROGRAM:
        try:
            given = _Child(program, ProgramKind.PROGRAM, task, sandbox).fit(rows)
        except _Stopped as stopped:
            return stopped.outcome
    beyond = probe_points(task.features, rows.x, len(rows))
    return trace(
        program, task, [] if given is None else given, np.vstack([rows.x, beyond]), sandbox, name
    )


class _Stopped(Exception):
    def __init__(self, reason: str, line: object = None, source: str = "") -> None:
        super().__init__(reason)
        lines = re.split(r"\r\n|\r|\n", source)
        known = line if type(line) is int and 0 < line <= len(lines) else None
        text = lines[known - 1].strip()[:200] if known else ""
        self.outcome = NotTraceable(_words(reason), known, _words(text))


def _words(text: str) -> str:
    """A program's words, fit to be printed and stored."""
    text = text[:500].encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


@dataclass(frozen=True, slots=True)
class _Child:
    """What children of the tracer's sandbox are asked about one program."""

    program: Program
    kind: ProgramKind
    task: Task
    sandbox: Sandbox

    def fit(self, rows: Table) -> Array:
        """What `fit_scaling_law` returns for the rows."""
        y = rows.y if len(self.task.targets) > 1 else rows.y[:, 0]
        frames = self._run("fit", {"rows": [len(rows)]}, rows.x.tobytes() + y.tobytes())
        shape, body = (frames[0][0].get("shape"), frames[0][1]) if len(frames) == 1 else (None, b"")
        numbers = np.frombuffer(body[: len(body) // 8 * 8])
        if (
            not isinstance(shape, list)
            or not all(type(n) is int and 0 <= n <= _MOST_PARAMS for n in shape)
            or len(shape) > 8
            or math.prod(shape) != numbers.size
            or numbers.size > _MOST_PARAMS
        ):
            raise _Stopped("the program's process sent the wrong number of numbers")
        if not np.isfinite(numbers).all():
            raise _Stopped("fit_scaling_law returned numbers that are not finite")
        return numbers.reshape(shape)

    def predict(self, calls: Sequence[_Call], group: str) -> list[Array]:
        """What the program itself gives: (points, targets) for each call."""
        described = [{"rows": len(x), "shape": p.shape, "group": group} for x, p in calls]
        header = {"calls": described, "how": "together", "more": 0}
        body = b"".join(x.tobytes() + p.tobytes() for x, p in calls)
        bodies = [data for _, data in self._run("predict", header, body)]
        width = len(self.task.targets)
        if [len(data) for data in bodies] != [8 * len(x) * width for x, _ in calls]:
            raise _Stopped("the program's process sent the wrong number of numbers")
        return [np.frombuffer(data).reshape(-1, width) for data in bodies]

    def trace(self, shape: tuple[int, ...], group: str) -> Formula:
        """What the program's law is, by its own process."""
        frames = self._run("trace", {"shape": shape, "group": group})
        try:
            ((_, body),) = frames
            answer = json.loads(body)
        except (ValueError, RecursionError):
            raise _Stopped("the tracing gave no formula") from None
        if isinstance(answer, dict) and "untraceable" in answer:
            reason, line = str(answer["untraceable"]), answer.get("line")
            raise _Stopped(reason, line, self.program.source)
        task = self.task
        tree = read_tree(answer, len(task.features), len(task.targets), math.prod(shape))
        roles = tuple(column.role for column in task.features)
        return Formula(tree, task.feature_names, task.target_names, shape, roles)

    def _run(
        self, op: str, header: dict[str, Any], body: bytes = b""
    ) -> list[tuple[dict[str, Any], bytes]]:
        head = {
            "op": op,
            "source": self.program.source.removeprefix("\ufeff"),
            "kind": self.kind.value,
            "features": self.task.feature_names,
            "targets": self.task.target_names,
            **header,
        }
        outcome = self.sandbox.run(Job(head, body, self.program.imports), _LIMITS)
        if outcome.end is not End.FINISHED:
            raise _Stopped(f"the program's process {outcome.reason.removeprefix('the process ')}")
        *frames, (last, _) = outcome.frames or (({}, b""),)
        if "failed" in last:
            raise _Stopped(f"the program fails: {last.get('reason')}")
        if "done" not in last:
            raise _Stopped("the program ended its process before it had finished")
        return frames


def _near(params: Array, rng: np.random.Generator) -> Array:
    """Parameters near these, none of which is left at a value by chance."""
    noise = 0.1 * rng.standard_normal(params.shape)
    return np.where(params == 0, noise, params * np.exp(noise))


def _write(formula: Formula) -> None:
    """Has the formula made and printed once: what a hostile one breaks, breaks here."""
    try:
        formula.text()
    except RecursionError:
        raise _Stopped("its formula is nested too deeply to be written") from None


def _compare(formula: Formula, calls: Sequence[_Call], expected: Sequence[Array]) -> None:
    """Refuses a formula that is not the program, or not what sympy made of it."""
    compared = 0
    for (x, params), wanted in zip(calls, expected, strict=True):
        given = formula.evaluate(x, params)
        finite = np.isfinite(given)
        compared += int(finite.all(axis=1).sum())
        _require_same(given, wanted, finite, TOLERANCE)
        shown = formula.evaluate_expressions(x, params)
        _require_same(shown, wanted, finite & np.isfinite(shown), _SIMPLIFIED)
    if compared < _DRAWS * _POINTS // 2:
        raise _Stopped("its formula has a finite value at fewer than half of the probe points")


def _require_same(given: Array, wanted: Array, where: NDArray[np.bool_], tolerance: float) -> None:
    with np.errstate(all="ignore"):
        far = where & ~(np.abs(given - wanted) <= tolerance * np.abs(wanted))
    if far.any():
        i, j = np.argwhere(far)[0]
        raise _Stopped(
            f"its formula gives {given[i, j]:.12g} where the program gives {wanted[i, j]:.12g}"
        )
