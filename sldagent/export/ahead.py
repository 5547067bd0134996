"""What a run's program says of runs that nobody has made: values, doubts, budgets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sldagent.errors import UsageError
from sldagent.export.refit import Draws, Floats, Params, RefitError, Refitter, bootstrap
from sldagent.export.winner import Found, fit_winner, intervals_at
from sldagent.laws.allocation import FLOPS_PER_TOKEN_PARAMETER, search_optimum
from sldagent.laws.ensemble import Interval
from sldagent.laws.tuning import tune
from sldagent.program import Program
from sldagent.task import Role

_RIVALS = 3
_WITHIN = 1.1  # times the best one's held-out error: a rival's
_SECTIONS = 10  # golden sections: each calls the program once
_ROUNDS = 8
_AROUND, _STEPS = np.log(30.0), 61  # where and how finely a draw's own optimum is looked for
_BEYOND = 10.0
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

    Rate and batch are at their best for all rows' constants; refits move size and data only.

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
        if len(task.targets) > 1:
            raise UsageError("a budget is spent for one target; this task has several")
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
        self.low = found.table.x[:, self.tuned].min(axis=0) / _BEYOND
        self.high = found.table.x[:, self.tuned].max(axis=0) * _BEYOND

    def _column(self, role: Role) -> int:
        columns = [j for j, c in enumerate(self.found.task.features) if c.role is role]
        if len(columns) != 1:
            raise UsageError(f"a budget needs exactly one feature of role {role}")
        return columns[0]

    def solve(
        self, flops: float | None, params: Params, drawn: Draws, group: str, level: float
    ) -> dict[str, Any]:
        """One row of `api.allocate`."""
        own = params[group]
        if flops is None:
            if not {self.size, self.data} <= self.fixed.keys():
                raise UsageError("without --flops give both size and data")
            n, d = self.fixed[self.size], self.fixed[self.data]
            flops = FLOPS_PER_TOKEN_PARAMETER * n * d
        else:
            best = search_optimum(
                lambda n, d: self._loss(n, d, own, group), flops, sections=_SECTIONS
            )
            if not best.found:
                row = {"group": group, "flops": flops, "level": level}
                return {**row, "warning": best.warning}
            n, d = best.size, best.data
        size, data = np.array([n]), np.array([d])
        tuned = self._tune(size, data, own, group)[0] if self.tuned else np.zeros((1, 0))
        rows = self._rows(size, data, tuned)
        values = self._values(rows, [own, *[p[group] for p in drawn.params]], group)
        columns = {"size": [n], "data": [d], "ratio": [d / n], "loss": values[1:, 0].tolist()}
        if not {self.size, self.data} <= self.fixed.keys():
            columns |= self._draws(flops, n, tuned, drawn, group)
        ends = [(1 - level) / 2, (1 + level) / 2]
        intervals = {
            name: [float(end) for end in np.nanquantile(drawn_values, ends)]
            for name, drawn_values in columns.items()
            if len(drawn_values)
        }
        return {
            "group": group, "flops": flops, "size": float(n), "data": float(d),
            "ratio": float(d / n), "loss": float(values[0, 0]),
            "tuned": {self.names[j]: float(v) for j, v in zip(self.tuned, tuned[0], strict=True)},
            "intervals": intervals, "level": level,
            "warning": self._outside(rows[0]),
        }  # fmt: skip

    def _draws(
        self, flops: float, size: float, tuned: Floats, drawn: Draws, group: str
    ) -> dict[str, list[float]]:
        """Every refit's own optimum about the best one."""
        if not drawn.params:
            return {}
        n = size * np.exp(np.linspace(-_AROUND, _AROUND, _STEPS))
        d = flops / FLOPS_PER_TOKEN_PARAMETER / n
        rows = self._rows(n, d, np.repeat(tuned, _STEPS, axis=0))
        values = self._values(rows, [p[group] for p in drawn.params], group)
        values = np.where(np.isfinite(values), values, np.inf)
        at = values.argmin(axis=1)
        sizes = n[at]
        return {
            "size": sizes.tolist(),
            "data": d[at].tolist(),
            "ratio": (d[at] / sizes).tolist(),
            "loss": values.min(axis=1).tolist(),
        }

    def _values(self, rows: Floats, params: Sequence[Floats], group: str) -> Floats:
        """Predictions (parameter sets, rows)."""
        calls = [(rows, values, group) for values in params]
        return np.asarray(np.array(self.refitter.predict(self.found.program, calls))[..., 0])

    def _loss(self, n: Floats, d: Floats, params: Floats, group: str) -> Floats:
        if not self.tuned:
            rows = self._rows(n, d, np.zeros((len(n), 0)))
            return np.asarray(self._values(rows, [params], group)[0])
        return self._tune(n, d, params, group)[1]

    def _tune(self, n: Floats, d: Floats, params: Floats, group: str) -> tuple[Floats, Floats]:
        def loss(values: Floats) -> Floats:
            points = values.shape[1]
            flat = values.reshape(-1, values.shape[2])
            rows = self._rows(np.repeat(n, points), np.repeat(d, points), flat)
            return np.asarray(self._values(rows, [params], group)[0].reshape(len(n), points))

        return tune(loss, self.low, self.high, len(n), _ROUNDS)

    def _rows(self, n: Floats, d: Floats, tuned: Floats) -> Floats:
        rows = np.empty((len(n), len(self.names)))
        for j, value in self.fixed.items():
            rows[:, j] = value
        rows[:, self.unique] = d[:, None]
        rows[:, self.tuned] = tuned
        rows[:, self.size], rows[:, self.data] = n, d
        return rows

    def _outside(self, row: Floats) -> str:
        x = self.found.table.x
        return "; ".join(
            f"{self.names[j]} = {row[j]:.3g} lies outside the data "
            f"({x[:, j].min():.3g} to {x[:, j].max():.3g})"
            for j in (self.size, self.data, *self.tuned)
            if not x[:, j].min() <= row[j] <= x[:, j].max()
        )
