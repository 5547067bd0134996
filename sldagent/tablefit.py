"""A law fitted to a table, with intervals, warnings and what it predicts: the search-free path."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sldagent.cuts import make_cuts
from sldagent.errors import DataError, UsageError
from sldagent.laws import choosing, families
from sldagent.laws.allocation import Allocation, allocate, allocation_intervals
from sldagent.laws.fitting import Fit, fit
from sldagent.laws.uncertainty import Bootstrap, bootstrap
from sldagent.laws.warnings import extrapolation_warnings, noise_floor, table_warnings
from sldagent.table import Table
from sldagent.task import Column, CutKind, CutRule, Role, Task

_SHARES = (0.2, 0.35)
_MARGIN = 0.10


@dataclass(frozen=True)
class TableFit:
    """One law fitted to all rows of a table.

    Attributes:
        task: Names and roles of the columns.
        table: The rows.
        drawn: Bootstrap refits; `drawn.fit` is the fit itself.
        choice: How the law was chosen among families, where it was.
        level: Of all intervals.
    """

    task: Task
    table: Table
    drawn: Bootstrap
    choice: choosing.Choice | None
    level: float

    @property
    def fit(self) -> Fit:
        """The fit to all rows."""
        return self.drawn.fit

    def warnings(self) -> tuple[str, ...]:
        """What to doubt, a line each."""
        roles = [column.role for column in self.task.features]
        found = list(table_warnings(self.table.x, roles, self.task.feature_names))
        floor = noise_floor(self.table.x, self.table.y, self.table.groups)
        if floor is not None:
            words = ", ".join(f"{value:.3g}" for value in floor)
            found.append(f"repeated runs differ by {words}: rank no laws by less than that")
        if self.choice is not None:
            first = self.choice.trials[0].law.name
            rivals = [t.law.name for t in self.choice.within(_MARGIN) if t.law.name != first]
            if rivals:
                names = ", ".join(dict.fromkeys(rivals[:4]))
                found.append(f"as good beyond the data, within {_MARGIN:.0%}: {names}")
        return tuple(found)

    def report(self) -> str:
        """The fit as text: comparison, parameters with intervals, warnings."""
        lines = [] if self.choice is None else [self.choice.table(), ""]
        lines.append(self.fit.report())
        lines.append(
            f"{self.level:.0%} intervals, bootstrap over rows, {len(self.drawn.draws)} draws"
        )
        for group in self.fit.groups:
            for target, name in enumerate(self.task.target_names):
                values = self.fit.params(group, target)
                for key, (low, high) in self.drawn.params(group, target, self.level).items():
                    where = f"  [{group}] {name}  {key}"
                    lines.append(f"{where} = {values[key]:.6g}  ({low:.4g} to {high:.4g})")
        lines += [f"warning: {words}" for words in self.warnings()]
        return "\n".join(lines)

    def predict(
        self, x: NDArray[np.float64], groups: Sequence[str]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Predictions (N, T) at points (N, F), and both ends of what a new run may measure."""
        rng = np.random.default_rng(0)
        values = self.drawn.measurements(x, groups, rng)
        ends = [(1 - self.level) / 2, (1 + self.level) / 2]
        low, high = np.quantile(values, ends, axis=0)
        return self.fit.predict(x, groups), low, high

    def far(self, x: NDArray[np.float64]) -> tuple[str, ...]:
        """A line where points lie further beyond the data than these reach."""
        return extrapolation_warnings(
            self.table.x, x, [column.role for column in self.task.features]
        )

    def allocate(
        self, flops: float, group: str | None, others: Mapping[str, float]
    ) -> tuple[Allocation, dict[str, tuple[float, float]]]:
        """N*, D* and the loss there for a budget of 6ND FLOPs, and their intervals."""
        given = dict(others)
        best = allocate(self.fit, flops, group=group, others=given, x=self.table.x)
        ends = allocation_intervals(self.drawn, flops, group=group, others=given, level=self.level)
        return best, ends

    def as_dict(self) -> dict[str, Any]:
        """Plain data: the fit, its intervals and warnings."""
        intervals = {
            group: {
                name: {k: list(v) for k, v in self.drawn.params(group, t, self.level).items()}
                for t, name in enumerate(self.task.target_names)
            }
            for group in self.fit.groups
        }
        params = {
            group: {
                name: self.fit.params(group, t) for t, name in enumerate(self.task.target_names)
            }
            for group in self.fit.groups
        }
        return {
            **self.fit.as_dict(),
            "formula": self.fit.law.formula,
            "source": self.fit.law.source,
            "features": list(self.task.feature_names),
            "targets": list(self.task.target_names),
            "rows": len(self.table),
            "origin": self.table.origin,
            "sha256": self.table.sha256,
            "params": params,
            "level": self.level,
            "intervals": intervals,
            "warnings": list(self.warnings()),
        }

    def to_json(self) -> str:
        """The same as JSON text; numbers that are not finite become null."""
        return json.dumps(_plain(self.as_dict()), indent=1, allow_nan=False)


def fit_table(
    task: Task, table: Table, law: str = "auto", draws: int = 500, level: float = 0.95
) -> TableFit:
    """Fits a law, by name or the one that extrapolates best, and its bootstrap.

    Raises:
        DataError: No family fits the columns' roles, or too few rows to cut.
    """
    roles = [column.role for column in task.features]
    signed = bool((table.y <= 0).any())
    choice = None
    if law == "auto":
        limit = None
        if task.parameter_limit is not None:
            limit = task.parameter_limit // len(task.targets)
        laws = families.applicable(roles, signed=signed, limit=limit)
        if not laws:
            raise DataError(f"no law family fits features of roles {', '.join(map(str, roles))}")
        cuts = [(cut.fit, cut.held_out) for cut in make_cuts(task, table)]
        choice = choosing.choose(laws, table.x, table.y, table.groups, cuts)
        best = choice.fit
    else:
        best = fit(families.find(law, roles), table.x, table.y, table.groups)
    drawn = bootstrap(best, table.x, table.y, table.groups, draws=draws)
    return TableFit(task, table, drawn, choice, level)


def describe_columns(features: Sequence[str], targets: Sequence[str], group: str | None) -> Task:
    """A task from `name=role` features, target names and a group column.

    Cuts are the top of every feature that is neither a share nor a rate.

    Raises:
        UsageError: A feature has no role or one that does not exist.
    """
    columns = []
    for text in features:
        name, equals, role = text.rpartition("=")
        known = ", ".join(role.value for role in Role)
        if not equals or role not in [r.value for r in Role]:
            raise UsageError(f"--feature '{text}' must be NAME=ROLE with a role of: {known}")
        columns.append(Column(name, Role(role)))
    if not columns or not targets:
        raise UsageError("name at least one --feature NAME=ROLE and one --target, or a --task")
    scales = [c.name for c in columns if c.role not in (Role.FRACTION, Role.RATE, Role.BATCH)]
    rules = [CutRule(CutKind.AXIS, tuple(scales), _SHARES)] if scales else []
    shares = tuple(c.name for c in columns if c.role is Role.FRACTION)
    if shares:
        rules.append(CutRule(CutKind.FAR, shares, _SHARES))
    return Task(
        name="table",
        title="",
        description="",
        features=tuple(columns),
        targets=tuple(Column(name) for name in targets),
        cut_rules=tuple(rules),
        group_column=group,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
