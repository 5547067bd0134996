"""Emitted programs against the internal fit: the objective that each reaches, and the time.

Every applicable law on the training rows of every benchmark task, in plain units. A problem is one
law, group and target; its gap is emitted / internal - 1, of objectives raised by ten digits of
every row, below which they differ by rounding. Seconds are of fits in this process, without the
sandbox.
Prints a Markdown table and, with --worst, the problems with the largest gaps.

    PYTHONPATH=tests python tests/benchmarks/codegen.py
        [--objective squared] [--emphasis 0] [--groups 99] [--laws PREFIX] [--worst 5] [TASK ...]
"""

import argparse
import time
from typing import Any

import numpy as np
from laws.sldbench import TASKS, Problem, load, present

from sldagent.laws.codegen import Form, plain_units, row_weights, write
from sldagent.laws.families import applicable
from sldagent.laws.fitting import OBJECTIVES, fit
from sldagent.laws.fitting.solve import make_batch

NEAR = 1e-6


def functions(text: str) -> dict[str, Any]:
    """The names that a program defines."""
    names: dict[str, Any] = {}
    exec(compile(text, "<program>", "exec"), names)
    return names


Gaps = list[tuple[float, str]]


def compare(form: Form, problem: Problem, groups: int) -> tuple[Gaps, float, float]:
    """Gaps of every group and target, the slowest call of the program, and seconds of all calls."""
    table = problem.table
    names = [f"x{j}" for j in range(table.x.shape[1])]
    program = functions(write(form, names, [f"y{t}" for t in range(table.y.shape[1])]))
    gaps, seconds = [], []
    for g, group in enumerate(table.group_names[:groups]):
        rows = table.group_codes == g
        x, y = table.x[rows], table.y[rows]
        begun = time.perf_counter()
        params = program["fit_scaling_law"](x, y if y.shape[1] > 1 else y[:, 0])
        seconds.append(time.perf_counter() - begun)
        weights = row_weights(form, x)
        units, every = form.units.apply(x), [np.arange(len(x))]
        batch, scale = make_batch(form.law, form.objective, units, y, weights, every)
        values = np.atleast_2d(params).copy()
        internal = fit(form.law, x, y, None, objective=form.objective, weights=weights,
                       units=form.units).values[0]  # fmt: skip
        ends = []
        for found in (values, internal):
            scaled = found.copy()
            scaled[:, : batch.count] /= scale[:, None]
            ends.append(batch.losses(batch.predictions(batch.coordinates(scaled))))
        floor = 1e-20 * batch.w.sum(axis=1)
        for t, gap in enumerate((ends[0] + floor) / (ends[1] + floor) - 1):
            gaps.append((float(gap), f"{form.law.name} [{group}] {t}"))
    return gaps, max(seconds), sum(seconds)


def main() -> None:
    """Prints the table, a row a task."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", nargs="*", default=[t for t in TASKS if present(t)])
    parser.add_argument("--objective", default="squared", choices=list(OBJECTIVES))
    parser.add_argument("--emphasis", type=float, default=0.0)
    parser.add_argument("--groups", type=int, default=99)
    parser.add_argument("--laws", default="")
    parser.add_argument("--worst", type=int, default=0)
    given = parser.parse_args()
    objective = OBJECTIVES[given.objective]
    print(
        "| task | laws | problems | within 1e-6 | within 1e-4 | better by 1e-6 | worst gap"
        " | slowest call s | all calls s | internal and all s |\n" + "|---" * 10 + "|"
    )
    for name in given.tasks:
        problem = load(name)
        if objective.log and problem.signed:
            continue
        laws = applicable(problem.roles, signed=problem.signed, limit=problem.limit)
        laws = tuple(law for law in laws if law.name.startswith(given.laws))
        units = plain_units(problem.table.x, problem.roles)
        gaps, slowest, total, begun = [], 0.0, 0.0, time.perf_counter()
        for law in laws:
            form = Form(law, units, objective, given.emphasis)
            more, longest, seconds = compare(form, problem, given.groups)
            gaps, slowest, total = gaps + more, max(slowest, longest), total + seconds
        values = np.array([gap for gap, _ in gaps])
        print(
            f"| {name} | {len(laws)} | {len(gaps)} | {np.mean(values <= NEAR):.1%}"
            f" | {np.mean(values <= 1e-4):.1%} | {np.mean(values < -NEAR):.1%} | {values.max():.1e}"
            f" | {slowest:.2f} | {total:.1f} | {time.perf_counter() - begun:.0f} |",
            flush=True,
        )
        for gap, where in sorted(gaps, reverse=True)[: given.worst]:
            print(f"    {gap:.2e} {where}", flush=True)


if __name__ == "__main__":
    main()
