"""What a run's program says of runs that nobody has made: values, doubts, budgets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sldagent.errors import UsageError
from sldagent.export.refit import Draws, Floats, Params, RefitError, Refitter, bootstrap
from sldagent.export.winner import Found, fit_winner, intervals_at
from sldagent.laws.allocation import FLOPS_PER_TOKEN_PARAMETER, search_optimum
from sldagent.laws.ensemble import Interval
from sldagent.laws.tuning import BEYOND, no_optimum, on_edge, tune
from sldagent.program import Program
from sldagent.task import Role

_RIVALS = 3
_WITHIN = 1.1  # times the best one's held-out error: a rival's
_SECTIONS = 10  # golden sections: each calls the program once
_ROUNDS = 8
_AROUND, _STEPS = float(np.log(30.0)), 21  # where a draw's own optimum is looked for, twice
_TUNED = (Role.RATE, Role.BATCH)


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
) -> list[dict[str, Any]]:  # fmt: skip
    """The best size and data for a budget by the program, group by group, with intervals.

    Every refit has an optimum of its own, rate and batch included.

    Raises:
        UsageError: The task has no size and data, several targets, or a feature without a value.
    """
    problem = _Budget(found, refitter, given)
    winner = fit_winner(found, refitter)
    drawn = bootstrap(refitter, found.program, found.table, draws, seconds)
    return [problem.solve(flops, winner.params, drawn, group, level) for group in groups]


class _Budget:
    """A task's features on a budget curve: two that it ties, some tuned, the rest given."""

    def __init__(self, found: Found, refitter: Refitter, given: Mapping[str, float]) -> None:
        task = found.task
        self.found, self.refitter, self.names = found, refitter, task.feature_names
        self.size, self.data = self._column(Role.SIZE), self._column(Role.DATA)
        self.fixed: dict[int, float] = {}
        for name, value in given.items():
            if name not in self.names:
                raise UsageError(f"no feature '{name}'; there are: {', '.join(self.names)}")
            self.fixed[self.names.index(name)] = value
        self.unique: list[int] = []
        self.tuned: list[int] = []
        for j, column in enumerate(task.features):
            if j in (self.size, self.data) or j in self.fixed:
                continue
            if column.role is Role.UNIQUE_DATA:
                self.unique.append(j)
            elif column.role in _TUNED:
                self.tuned.append(j)
            else:
                raise UsageError(f"a budget also needs a value for {column.name}")
        self.low = found.table.x[:, self.tuned].min(axis=0)
        self.high = found.table.x[:, self.tuned].max(axis=0)
        self.sign = 1.0

    def _column(self, role: Role) -> int:
        columns = [j for j, c in enumerate(self.found.task.features) if c.role is role]
        if len(columns) != 1:
            raise UsageError(f"a budget needs exactly one feature of role {role}")
        return columns[0]

    def solve(
        self, flops: float | None, params: Params, drawn: Draws, group: str, level: float
    ) -> dict[str, Any]:
        """One row of `api.allocate`."""
        own, draws = [params[group]], [p[group] for p in drawn.params]
        self.sign = self._direction(own, group)
        budget = flops is not None
        if budget and {self.size, self.data} & self.fixed.keys():
            raise UsageError("a budget decides size and data: give it, or both of them")
        if flops is None:
            if not {self.size, self.data} <= self.fixed.keys():
                raise UsageError("without --flops give both size and data")
            n, d = self.fixed[self.size], self.fixed[self.data]
            if min(n, d) <= 0:
                raise UsageError(f"size and data must be above zero: {n:g}, {d:g}")
            flops = FLOPS_PER_TOKEN_PARAMETER * n * d
        else:
            best = search_optimum(
                lambda n, d: self._least(n[None], d[None], own, group)[0][0],
                flops, sections=_SECTIONS,
            )  # fmt: skip
            if not best.found:
                row = {"group": group, "flops": flops, "level": level}
                return {**row, "warning": best.warning}
            n, d = best.size, best.data
        loss, tuned = self._least(np.array([[n]]), np.array([[d]]), own, group)
        best_tuned = dict(
            zip((self.names[j] for j in self.tuned), tuned[0, 0].tolist(), strict=True)
        )
        columns = self._optima(n, d, draws, group, budget) if draws else {}
        ends = [(1 - level) / 2, (1 + level) / 2]
        return {
            "group": group, "flops": flops, "size": float(n), "data": float(d),
            "ratio": float(d / n), "loss": self.sign * float(loss[0, 0]),
            "tuned": best_tuned,
            "intervals": {
                name: [float(end) for end in np.nanquantile(values, ends)]
                for name, values in columns.items()
            },
            "level": level,
            "warning": self._outside(self._rows(np.array([n]), np.array([d]), tuned[0])[0]),
        }  # fmt: skip

    def _optima(
        self, size: float, data: float, draws: Sequence[Floats], group: str, budget: bool
    ) -> dict[str, Floats]:
        """Every refit's own optimum about the best one, by grids along the budget."""
        steps = _STEPS if budget else 1
        centre, half = np.zeros(len(draws)), _AROUND if budget else 0.0
        chosen = np.arange(len(draws))
        for _ in range(2 if budget else 1):
            shift = centre[:, None] + np.linspace(-half, half, steps)
            loss, tuned = self._least(size * np.exp(shift), data * np.exp(-shift), draws, group)
            at = np.where(np.isfinite(loss), loss, np.inf).argmin(axis=1)
            centre, half = shift[chosen, at], 2 * half / max(1, steps - 1)
        n, d = size * np.exp(centre), data * np.exp(-centre)
        best = {self.names[j]: tuned[chosen, at, k] for k, j in enumerate(self.tuned)}
        return {"size": n, "data": d, "ratio": d / n, "loss": self.sign * loss[chosen, at], **best}

    def _least(
        self, n: Floats, d: Floats, params: Sequence[Floats], group: str
    ) -> tuple[Floats, Floats]:
        """What is to be least (K, M) of K parameter sets, at sizes and data (K, M).

        Rate and batch are at their best: second come these (K, M, tuned features).
        """

        def loss(values: Floats) -> Floats:
            points = values.shape[1]
            flat = values.reshape(n.size * points, len(self.tuned))
            rows = self._rows(np.repeat(n, points), np.repeat(d, points), flat)
            parts = np.split(rows, len(params))
            calls = [(x, given, group) for x, given in zip(parts, params, strict=True)]
            got = np.concatenate(self.refitter.predict(self.found.program, calls))
            return self.sign * np.asarray(got[:, 0].reshape(n.size, points))

        if self.tuned:
            best, least = tune(loss, self.low, self.high, n.size, _ROUNDS)
        else:
            best = np.empty((n.size, 0))
            least = loss(best[:, None])[:, 0]
        return least.reshape(n.shape), best.reshape(*n.shape, len(self.tuned))

    def _direction(self, own: Sequence[Floats], group: str) -> float:
        """-1 where the target rises from the least size and data to the largest, as accuracies.

        Unique data go with the data, whatever is given for them.
        """
        x = self.found.table.x
        ends = np.stack([x.min(axis=0), x.max(axis=0)])
        middle = np.tile(np.sqrt(self.low * self.high), (2, 1))
        rows = self._rows(ends[:, self.size], ends[:, self.data], middle)
        unique = [j for j, c in enumerate(self.found.task.features) if c.role is Role.UNIQUE_DATA]
        rows[:, unique] = ends[:, unique]
        (got,) = self.refitter.predict(self.found.program, [(rows, own[0], group)])
        return -1.0 if got[1, 0] > got[0, 0] else 1.0

    def _rows(self, n: Floats, d: Floats, tuned: Floats) -> Floats:
        rows = np.empty((len(n), len(self.names)))
        for j, value in self.fixed.items():
            rows[:, j] = value
        rows[:, self.unique] = d[:, None]
        rows[:, self.tuned] = tuned
        rows[:, self.size], rows[:, self.data] = n, d
        return rows

    def _outside(self, row: Floats) -> str:
        x, tuned = self.found.table.x, row[self.tuned]
        edge = on_edge(tuned, self.low / BEYOND, self.high * BEYOND)
        endless = [
            no_optimum(self.names[j], row[j])
            for j, end in zip(self.tuned, edge, strict=True)
            if end
        ]
        outside = [
            f"{self.names[j]} = {row[j]:.3g} lies outside the data "
            f"({x[:, j].min():.3g} to {x[:, j].max():.3g})"
            for j in (self.size, self.data, *self.tuned)
            if not x[:, j].min() <= row[j] <= x[:, j].max()
        ]
        return "; ".join([*endless, *outside])
