"""Which law is chosen from the lower rows, what it scores on the hidden top, and who covers it.

For every benchmark task the top 20 % of the training rows (along its scales, per group) are hidden,
and then in turn the rows that each of its cuts holds out. Laws are compared on the task's own cuts
of the rest, the best is fitted to all of the rest, and the hidden rows are then predicted with 80 %
intervals. Prints Markdown tables.

    PYTHONPATH=tests python tests/benchmarks/extrapolation.py [--top] [--whole] [--table] [TASK ...]
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np
from laws.cutting import top
from laws.sldbench import TASKS, Problem, load, present

from sldagent.bench.pseudo import PseudoTest, pseudo_tests
from sldagent.cuts import make_cuts
from sldagent.data.tasks import find_task
from sldagent.laws.choosing import Choice, choose
from sldagent.laws.ensemble import calibrated
from sldagent.laws.families import applicable
from sldagent.laws.fitting import LOG_SQUARED, SQUARED, pooled_r2

LEVEL = 0.8


def tests_of(problem: Problem, only_top: bool) -> Iterator[PseudoTest]:
    task, table = find_task(problem.name), problem.table
    seen, hidden = top(problem, np.arange(len(table)), 0.2)
    lower = table.rows(seen)
    yield PseudoTest("top 20%", lower, table.rows(hidden), make_cuts(task, lower))
    if not only_top:
        yield from pseudo_tests(task, table)


def main() -> None:
    """Prints a row for each pseudo-test, a mean for each task, and on demand the tables of laws."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", nargs="*", default=[t for t in TASKS if present(t)])
    parser.add_argument("--top", action="store_true", help="hide the top 20 %% only")
    parser.add_argument("--whole", action="store_true", help="laws of all features only: faster")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--logs", action="store_true", help="try log residuals too")
    given = parser.parse_args()
    print(
        "| task | hidden | chosen law | p | R2 on hidden rows | mean rel. error"
        " | laws in ensemble | stretch | coverage of 80 % | median half-width / error | s |"
    )
    print("|---" * 11 + "|")
    tables: dict[str, Choice] = {}
    covered: dict[str, list[float]] = {}
    for name in given.tasks:
        problem = load(name)
        laws = applicable(problem.roles, signed=problem.signed, limit=problem.limit)
        if given.whole:
            width = max(len(law.slots) for law in laws)
            laws = tuple(law for law in laws if len(law.slots) == width)
        objectives = (SQUARED,) if problem.signed or not given.logs else (SQUARED, LOG_SQUARED)
        for test in tests_of(problem, given.top):
            begun = time.perf_counter()
            seen, hidden = test.seen, test.hidden
            cuts = [(cut.fit, cut.held_out) for cut in test.cuts]
            choice = choose(laws, seen.x, seen.y, seen.groups, cuts, objectives=objectives)
            tables[f"{name}, {test.name}"] = choice
            members, units = choice.members(), choice.fit.units
            ensemble = calibrated(
                members, seen.x, seen.y, seen.groups, cuts, units, level=LEVEL, draws=60
            )
            predicted = choice.fit.predict(hidden.x, hidden.groups)
            box = ensemble.interval(hidden.x, hidden.groups)
            inside = float(np.mean((hidden.y >= box.low) & (hidden.y <= box.high)))
            covered.setdefault(name, []).append(inside)
            width = np.median((box.high - box.low) / 2) / np.median(np.abs(predicted - hidden.y))
            print(
                f"| {name} | {test.name} | {choice.fit.law.name} | {len(choice.fit.law.parameters)}"
                f" | {pooled_r2(hidden.y, predicted):.4f}"
                f" | {np.mean(np.abs(predicted / hidden.y - 1)):.2%} | {len(members)}"
                f" | {ensemble.stretch:.2f} | {inside:.0%} | {width:.2f}"
                f" | {time.perf_counter() - begun:.0f} |",
                flush=True,
            )
    print("\n| task | pseudo-tests | mean coverage of 80 % |\n|---|---|---|")
    for name, shares in covered.items():
        print(f"| {name} | {len(shares)} | {np.mean(shares):.0%} |")
    if given.table:
        for name, choice in tables.items():
            print(f"\n{name}\n\n{choice.table(5)}")


if __name__ == "__main__":
    main()
