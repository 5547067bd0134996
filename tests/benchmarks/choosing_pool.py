"""The pool behind `choosing_rules.py`: every family fitted to every nested pseudo-test.

Each cut of a task's training table hides its held-out rows. The rest is cut again by the task's own
rules; every law is fitted, with several objectives and weightings, to each inner cut and to the
rest as a whole. Predictions on inner held-out rows and on the hidden rows are stored, so that rules
of choice can be compared in seconds.

    PYTHONPATH=tests python tests/benchmarks/choosing_pool.py POOL.pickle [TASK ...]
"""

import argparse
import dataclasses
import pickle
import time
from pathlib import Path

import numpy as np
from laws.sldbench import TASKS, load, present

from sldagent.bench.pseudo import pseudo_tests
from sldagent.data.tasks import find_task
from sldagent.laws.expressions import Law
from sldagent.laws.families import applicable
from sldagent.laws.fitting import HUBER_LOG, LOG_SQUARED, SOFT_L1, SQUARED, Effort, fit, units_of
from sldagent.table import Table
from sldagent.task import Role

EFFORT = Effort(points=32, starts=4, polished=1, iterations=60, rounds=1)
SCALES = (Role.SIZE, Role.DATA, Role.UNIQUE_DATA, Role.COUNT, Role.LOGGED)
LONG = 1500  # rows above which laws of ten parameters take too long


@dataclasses.dataclass
class Entry:
    """One law, objective and weighting on one pseudo-test; predictions (rows, targets)."""

    law: str
    parameters: int
    objective: str
    link: str  # `log`: the law is one of ln y
    emphasis: float
    inner: list[np.ndarray]
    inside: np.ndarray
    hidden: np.ndarray
    seconds: float


@dataclasses.dataclass
class FittedTest:
    """A task with its top hidden: truths and all entries."""

    task: str
    name: str
    inner: list[np.ndarray]  # held-out targets of each inner cut
    inner_x: list[np.ndarray]
    inner_names: list[str]
    seen: Table
    hidden: Table
    entries: list[Entry]


def weights(x: np.ndarray, roles: tuple[Role, ...], emphasis: float) -> np.ndarray:
    """More for rows further up the scale features; see `codegen.Form`."""
    columns = [
        c if r is Role.LOGGED else np.log(c)
        for c, r in zip(x.T, roles, strict=True)
        if r in SCALES and np.ptp(c) > 0
    ]
    if not columns or emphasis == 0:
        return np.ones(len(x))
    place = np.mean([(c - c.min()) / np.ptp(c) for c in columns], axis=0)
    return place**emphasis + 0.05


def entry(law: Law, objective, link, emphasis, seen, cuts, hidden, roles, units) -> Entry:
    """Fits to each inner cut and to all seen rows."""
    begun = time.perf_counter()
    forth, back = (np.log, np.exp) if link == "log" else (np.copy, np.copy)

    def fitted(rows):
        part = seen.rows(rows)
        w = np.ones(len(part))
        for code in range(len(part.group_names)):
            mine = part.group_codes == code
            w[mine] = weights(part.x[mine], roles, emphasis)
        return fit(
            law,
            part.x,
            forth(part.y),
            part.groups,
            objective=objective,
            weights=w,
            units=units,
            effort=EFFORT,
        )

    inner = []
    for cut in cuts:
        out = seen.rows(cut.held_out)
        inner.append(back(fitted(cut.fit).predict(out.x, list(out.groups))))
    whole = fitted(np.arange(len(seen)))
    return Entry(
        law.name, len(law.parameters), objective.name, link, emphasis, inner,
        back(whole.predict(seen.x, list(seen.groups))),
        back(whole.predict(hidden.x, list(hidden.groups))), time.perf_counter() - begun,
    )  # fmt: skip


def fitted_tests(name: str):
    """Every pseudo-test of a task, with all laws fitted to it."""
    problem, task = load(name), find_task(name)
    table = problem.table
    laws = applicable(problem.roles, signed=problem.signed, limit=problem.limit)
    free = applicable(problem.roles, signed=True, limit=problem.limit)
    objectives = (SQUARED, SOFT_L1) if problem.signed else (SQUARED, LOG_SQUARED, HUBER_LOG)
    for test in pseudo_tests(task, table):
        seen, hidden, cuts = test.seen, test.hidden, test.cuts
        units = units_of(seen.x, problem.roles)
        scaled = any(role in SCALES for role in problem.roles)
        emphases = (0.0, 2.0) if scaled else (0.0,)
        kinds = [(law, o, "") for law in laws for o in objectives]
        if not problem.signed:
            kinds += [(law, SQUARED, "log") for law in free]
        entries = [
            entry(law, o, link, emphasis, seen, cuts, hidden, problem.roles, units)
            for law, o, link in kinds
            for emphasis in emphases
            if not ("farseer" in law.name and len(table) > LONG)
        ]
        outs = [seen.rows(c.held_out) for c in cuts]
        yield FittedTest(
            name, test.name, [o.y for o in outs], [o.x for o in outs], [c.name for c in cuts],
            seen, hidden, entries,
        )  # fmt: skip


def main() -> None:
    """Fits and stores, a file a task beside the named one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("pool", type=Path)
    parser.add_argument("tasks", nargs="*", default=[t for t in TASKS if present(t)])
    given = parser.parse_args()
    given.pool.mkdir(exist_ok=True, parents=True)
    for name in given.tasks:
        begun = time.perf_counter()
        found = list(fitted_tests(name))
        (given.pool / f"{name}.pickle").write_bytes(pickle.dumps(found))
        print(name, len(found), sum(len(p.entries) for p in found),
              f"{time.perf_counter() - begun:.0f} s", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
