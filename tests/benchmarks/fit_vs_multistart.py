"""Our fitter against scipy's L-BFGS-B from 64 starts: time, optimum reached, failures.

Every applicable law on the training rows of every benchmark task. scipy gets what helps it: our
O(1) units and bounds, analytic gradients, starts spread over the same box; tolerances are its
defaults. It ends early when a problem has taken `--seconds`.
A miss is an objective more than 1 % above the better of both. Prints a Markdown table.

    PYTHONPATH=tests python tests/benchmarks/fit_vs_multistart.py \
        [--groups 2] [--seconds 6] [TASK ...]
"""

import argparse
import time
from dataclasses import dataclass, field

import numpy as np
from laws.sldbench import TASKS, Problem, load, present
from scipy.optimize import minimize

from sldagent.laws.expressions import Array, Law, compiled
from sldagent.laws.families import applicable
from sldagent.laws.fitting import SQUARED, Effort, roles_for, units_of
from sldagent.laws.fitting.batch import Batch
from sldagent.laws.fitting.solve import make_batch, search

STARTS = 64


@dataclass
class Tally:
    """What the two searches did on one task, a problem being one law, group and target."""

    problems: int = 0
    seconds: list[float] = field(default_factory=lambda: [0.0, 0.0])
    misses: list[int] = field(default_factory=lambda: [0, 0])
    worst: list[float] = field(default_factory=lambda: [1.0, 1.0])
    starts: int = 0
    good_starts: int = 0


def multistart(one: Batch, seconds: float, rng: np.random.Generator) -> Array:
    """Objectives that scipy reaches, start by start; ends early when the time is up."""
    low, high = one.bounds
    start_low, start_high = np.where(np.isinf(low), -2, low), np.where(np.isinf(high), 2, high)

    def objective(q: Array) -> tuple[float, Array]:
        loss, gradient, _ = one.model(q[None], hessian=False)
        return float(min(loss[0], 1e300)), gradient[0]

    ends, begun = [], time.perf_counter()
    while len(ends) < STARTS and time.perf_counter() - begun < seconds:
        start = rng.uniform(start_low, start_high)
        bounds = list(zip(low, high, strict=True))
        ends.append(minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds).fun)
    return np.array(ends)


def compare(law: Law, problem: Problem, groups: int, seconds: float, tally: Tally) -> None:
    """Fits one law to the first groups of a task in both ways."""
    table = problem.table
    rows = np.flatnonzero(table.group_codes < groups)
    units = units_of(table.x, roles_for([law], table.x.shape[1]))
    members = [rows[table.group_codes[rows] == g] for g in np.unique(table.group_codes[rows])]
    weights = np.ones(len(table))
    batch, _ = make_batch(law, SQUARED, units.apply(table.x), table.y, weights, members)
    compiled(law)
    begun = time.perf_counter()
    _, ours, _ = search(batch, Effort())
    tally.seconds[0] += time.perf_counter() - begun
    rng = np.random.default_rng(0)
    for i, mine in enumerate(ours):
        one = batch.take(np.array([i]))
        begun = time.perf_counter()
        ends = multistart(one, seconds, rng)
        tally.seconds[1] += time.perf_counter() - begun
        # Eleven digits of every row: below that the objectives differ by rounding only.
        floor = 1e-22 * one.w.sum()
        best = min(mine, ends.min()) + floor
        for side, reached in enumerate((mine, ends.min())):
            ratio = (reached + floor) / best
            tally.misses[side] += ratio > 1.01
            tally.worst[side] = max(tally.worst[side], ratio)
        tally.problems += 1
        tally.starts += len(ends)
        tally.good_starts += int(np.sum(ends + floor <= 1.01 * best))


def main() -> None:
    """Prints the table, a row a task."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", nargs="*", default=[t for t in TASKS if present(t)])
    parser.add_argument("--groups", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=6.0)
    given = parser.parse_args()
    print(
        "| task | laws | problems | ours s | scipy s | ours missed | scipy missed"
        " | ours worst | scipy worst | scipy starts that reach it |\n" + "|---" * 10 + "|"
    )
    for name in given.tasks:
        problem, tally = load(name), Tally()
        laws = applicable(problem.roles, signed=problem.signed, limit=problem.limit)
        for law in laws:
            compare(law, problem, given.groups, given.seconds, tally)
        print(
            f"| {name} | {len(laws)} | {tally.problems} | {tally.seconds[0]:.1f}"
            f" | {tally.seconds[1]:.1f} | {tally.misses[0]} | {tally.misses[1]}"
            f" | {tally.worst[0]:.3g}x | {tally.worst[1]:.3g}x"
            f" | {tally.good_starts / tally.starts:.0%} of {tally.starts} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
