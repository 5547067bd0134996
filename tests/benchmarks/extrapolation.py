"""Which law is chosen from the lower rows, what it scores on the hidden top, and who covers it.

For every benchmark task the top 20 % of the training rows (along its scales, per group) are hidden.
Laws are compared on three cuts of the rest, the best is fitted to all of the rest, and the hidden
rows are then predicted with 80 % intervals. Prints Markdown tables.

    PYTHONPATH=tests python tests/benchmarks/extrapolation.py [--table] [--logs] [TASK ...]
"""

import argparse
import time

import numpy as np
from laws.cutting import top
from laws.sldbench import TASKS, load, present

from sldagent.laws.choosing import Choice, choose
from sldagent.laws.ensemble import calibrated
from sldagent.laws.families import applicable
from sldagent.laws.fitting import LOG_SQUARED, SQUARED, pooled_r2

SHARES = (0.2, 0.3, 0.4)


def main() -> None:
    """Prints one row a task, and on demand the tables of laws behind it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", nargs="*", default=[t for t in TASKS if present(t)])
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--logs", action="store_true", help="try log residuals too")
    given = parser.parse_args()
    print(
        "| task | chosen law | p | score on cuts | R2 on hidden rows | mean rel. error"
        " | laws in ensemble | stretch | coverage of 80 % | median half-width / error | s |"
    )
    print("|---" * 11 + "|")
    tables: dict[str, Choice] = {}
    for name in given.tasks:
        problem, begun = load(name), time.perf_counter()
        t = problem.table
        seen, hidden = top(problem, np.arange(len(t)), 0.2)
        x, y, groups = t.x[seen], t.y[seen], [t.groups[i] for i in seen]
        place = {row: i for i, row in enumerate(seen)}
        cuts = []
        for share in SHARES:
            parts = top(problem, seen, share)
            cuts.append(tuple(np.array([place[i] for i in part]) for part in parts))
        laws = applicable(problem.roles, signed=problem.signed, limit=problem.limit)
        objectives = (SQUARED,) if problem.signed or not given.logs else (SQUARED, LOG_SQUARED)
        choice = choose(laws, x, y, groups, cuts, objectives=objectives)  # type: ignore[arg-type]
        tables[name] = choice
        beyond, truth = t.x[hidden], t.y[hidden]
        far = [t.groups[i] for i in hidden]
        predicted = choice.fit.predict(beyond, far)
        close = choice.members()
        ensemble = calibrated(close, x, y, groups, cuts, choice.fit.units)  # type: ignore[arg-type]
        box = ensemble.interval(beyond, far)
        covered = np.mean((truth >= box.low) & (truth <= box.high))
        width = np.median((box.high - box.low) / 2) / np.median(np.abs(predicted - truth))
        print(
            f"| {name} | {choice.fit.law.name}, {choice.fit.objective.name}"
            f" | {len(choice.fit.law.parameters)} | {choice.trials[0].score:.4f}"
            f" | {pooled_r2(truth, predicted):.4f}"
            f" | {np.mean(np.abs(predicted / truth - 1)):.2%} | {len(close)}"
            f" | {ensemble.stretch:.2f} | {covered:.0%} | {width:.2f}"
            f" | {time.perf_counter() - begun:.0f} |",
            flush=True,
        )
    if given.table:
        for name, choice in tables.items():
            print(f"\n{name}\n\n{choice.table(5)}")


if __name__ == "__main__":
    main()
