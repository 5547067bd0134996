"""Tasks of every kind of feature with made-up tables, and requests for proposals."""

import numpy as np
from laws.synthetic import features

from sldagent.candidate import Candidate, Evaluation, Status
from sldagent.program import Program
from sldagent.proposing.base import Arm, Member, Request
from sldagent.table import Table
from sldagent.task import Column, Role, Task

ROLES: dict[str, tuple[Role, ...]] = {
    "repeats": (Role.UNIQUE_DATA, Role.SIZE, Role.DATA),
    "optimum": (Role.RATE, Role.BATCH, Role.DATA, Role.SIZE),
    "counts": (Role.SIZE, Role.COUNT),
    "vocabulary": (Role.SIZE, Role.COUNT, Role.DATA),
    "mixture": (Role.FRACTION,) * 4,
    "curve": (Role.DATA,),
    "logged": (Role.LOGGED,),
}
_LIMITS = {"repeats": 7, "counts": 6, "vocabulary": 7, "mixture": 14, "curve": 4, "logged": 6}


def problem(
    kind: str, *, signed: bool = False, prefix: str = "", rows: int = 90
) -> tuple[Task, Table]:
    """A task and its table; a prefix renames the task and all columns."""
    roles = ROLES[kind]
    targets = 2 if kind == "mixture" else 1
    task = Task(
        name=f"{prefix}{kind}",
        title="",
        description="",
        features=tuple(Column(f"{prefix}x{i}", role) for i, role in enumerate(roles)),
        targets=tuple(Column(f"{prefix}y{i}") for i in range(targets)),
        cut_rules=(),
        parameter_limit=_LIMITS.get(kind),
    )
    x = features(roles, rows)
    y = 2.0 + np.sin(np.arange(rows * targets)).reshape(rows, targets) - (2.0 if signed else 0.0)
    return task, Table(x, y, ("all",) * rows)


def member(
    number: int, program: Program, status: Status = Status.OK, change: str = "made"
) -> Member:
    """A candidate with its program."""
    reason = "" if status is Status.OK else "it failed"
    evaluation = Evaluation(status, reason, score=0.5 if status is Status.OK else None)
    candidate = Candidate(number, 0, 0, 0, program.hash, (), (), "symbolic", change, evaluation)
    return candidate, program


def request(
    *members: Member,
    seed: int = 0,
    siblings: tuple[Candidate, ...] = (),
    arms: dict[str, Arm] | None = None,
) -> Request:
    """A request with two parents, as far as there are so many members, and exemplars."""
    rng = np.random.default_rng(seed)
    return Request(0, 1, members[:2], members[2:], siblings, arms or {}, rng)
