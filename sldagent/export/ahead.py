"""What a run's program says of runs that nobody has made: values, doubts, budgets."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from sldagent.errors import UsageError
from sldagent.export.refit import Floats, RefitError, Refitter, bootstrap
from sldagent.export.winner import Found, fit_winner, intervals_at
from sldagent.laws.allocation import Allocation, Budget, Values
from sldagent.laws.ensemble import Interval
from sldagent.program import Program

_RIVALS = 3
_WITHIN = 1.1  # times the best one's held-out error: a rival's


def look_ahead(
    found: Found, refitter: Refitter, x: Floats, groups: Sequence[str], level: float, draws: int,
    seconds: float,
) -> Interval:  # fmt: skip
    """Predictions at points (N, F) with intervals for new runs.

    The program's refits and its residuals make the interval; it is shifted to where up to three
    other programs of the run with nearly the same held-out error see the point, and holds all of
    them. Half-widths of `model` are half the spread of these programs.
    """
    winner = fit_winner(found, refitter)
    drawn = bootstrap(refitter, found.program, found.table, draws, seconds)
    points = [(group, x[[i]]) for i, group in enumerate(groups)]
    measured = intervals_at(winner, refitter, drawn, points, level)
    value, low, high = (np.concatenate([part[k] for part in measured]) for k in range(3))
    calls = [(x[[i]], params[g], g) for i, g in enumerate(groups) for params in drawn.params]
    shape = (len(groups), len(drawn.params), value.shape[1])
    law = np.array(refitter.predict(found.program, calls)).reshape(shape)
    ends = [(1 - level) / 2, (1 + level) / 2]
    inner = np.full((2, *value.shape), np.nan)
    if drawn.params:
        inner = np.nanquantile(law, ends, axis=1)
    others = [value]
    for program in _rivals(found):
        try:
            params = refitter.fit(program, found.table)
            given = refitter.predict(program, [(a, params[g], g) for g, a in points])
        except RefitError:
            continue
        others.append(np.concatenate(given))
    spread = np.array(others)
    down, up = value - np.nanmin(spread, axis=0), np.nanmax(spread, axis=0) - value
    return Interval(value, low - down, high + up, (inner[1] - inner[0]) / 2, (down + up) / 2)


def _rivals(found: Found) -> list[Program]:
    """The next best programs of the run whose held-out error is nearly the candidate's."""
    own = found.candidate.evaluation.metrics
    if own is None:
        return []
    store, chosen = found.run.store, []
    seen = {found.candidate.program_hash}
    for row in found.run.rows(top=20 * _RIVALS):
        error = 1 - row["held_out_r2"] if row["held_out_r2"] is not None else np.inf
        if row["program_hash"] in seen or error > _WITHIN * own.nmse:
            continue
        seen.add(row["program_hash"])
        chosen.append(store.program(row["program_hash"]))
        if len(chosen) == _RIVALS:
            break
    return chosen


def spend(
    found: Found, refitter: Refitter, flops: float | None, given: Mapping[str, float],
    groups: Sequence[str], level: float, draws: int, seconds: float,
) -> list[tuple[str, str, Allocation]]:  # fmt: skip
    """The best size and data for a budget by the program, for each group and target.

    Raises:
        UsageError: The task has no size and data, or a feature without a value.
    """
    task, x = found.task, found.table.x
    fixed = {}
    for name, value in given.items():
        if name not in task.feature_names:
            raise UsageError(f"no feature '{name}'; there are: {', '.join(task.feature_names)}")
        fixed[task.feature_names.index(name)] = value
    roles = [column.role for column in task.features]
    box = np.stack([x.min(axis=0), x.max(axis=0)])
    budget = Budget.of(task.feature_names, roles, box, fixed, range(len(roles)))
    winner = fit_winner(found, refitter)
    drawn = bootstrap(refitter, found.program, found.table, draws, seconds)

    def values(params: Sequence[Floats], group: str, target: int) -> Values:
        def predict(rows: Floats) -> Floats:
            calls = [(one, own, group) for one, own in zip(rows, params, strict=True)]
            return np.array(refitter.predict(found.program, calls))[..., target]

        return predict

    solved = []
    for group, (t, target) in product(groups, enumerate(task.target_names)):
        own = values([winner.params[group]], group, t)
        refits = values([params[group] for params in drawn.params], group, t)
        best = budget.solve(flops, own, refits, len(drawn.params), level)
        solved.append((group, target, best))
    return solved
