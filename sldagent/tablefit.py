"""A law fitted to a table, with intervals, warnings and what it predicts: the search-free path."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sldagent.cuts import make_cuts
from sldagent.data.findings import design_warnings, find_repeats
from sldagent.errors import DataError
from sldagent.fitted import FittedLaw
from sldagent.laws import choosing, families
from sldagent.laws.ensemble import calibrated
from sldagent.laws.families.signs import takes_either_sign
from sldagent.laws.fitting import OBJECTIVES, Fit, fit
from sldagent.laws.uncertainty import Bootstrap
from sldagent.laws.warnings import ratio_of
from sldagent.plain import finite, rows_of
from sldagent.predicting import predict_fitted
from sldagent.scoring import possible_values
from sldagent.table import Table
from sldagent.task import Task

if TYPE_CHECKING:
    import pandas

    from sldagent.data.newtask import Draft

_MARGIN = 0.10
_FEW_RUNS = 5  # with fewer in a group, redrawing runs gives intervals that seldom hold the truth


@dataclass(frozen=True)
class TableFit:
    """One law fitted to all rows of a table.

    Attributes:
        task: Names and roles of the columns.
        table: The rows.
        law: The fit, its refits and its rivals; it predicts and decides.
        choice: How the law was chosen among families, where it was.
        uncalibrated: Why intervals of predictions were not widened by what held-out rows missed;
            empty where they were.
        draft: What was guessed of the columns and done about the rows; None where both were given.
        runs: The run of each row, where runs have several: the bootstrap redraws runs, but those of
            groups that have few.
        few_runs: Groups with so few runs that their rows are redrawn.
    """

    task: Task
    table: Table
    law: FittedLaw
    choice: choosing.Choice | None
    uncalibrated: str = ""
    draft: "Draft | None" = None
    runs: Sequence[str] | None = None
    few_runs: tuple[str, ...] = ()

    @property
    def fit(self) -> Fit:
        """The fit to all rows."""
        return self.law.fit

    @property
    def drawn(self) -> Bootstrap:
        """Bootstrap refits of the law."""
        return self.law.drawn

    @property
    def level(self) -> float:
        """Of all intervals."""
        return self.law.level

    def warnings(self) -> tuple[str, ...]:
        """What to doubt, a line each."""
        found = design_warnings(self.task, self.table, find_repeats(self.table))
        read = {slot.column for slot in self.fit.law.slots}
        unread = [c.name for j, c in enumerate(self.task.features) if j not in read]
        if unread:
            found.append(
                f"the law does not use {', '.join(unread)}: it cannot say what more of it changes"
            )
        if self.choice is not None:
            first = self.choice.trials[0].law.name
            rivals = [t.law.name for t in self.choice.within(_MARGIN) if t.law.name != first]
            if rivals:
                names = ", ".join(dict.fromkeys(rivals[:4]))
                found.append(f"as good beyond the data, within {_MARGIN:.0%}: {names}")
        open_ = [group for group in self.fit.groups if self.law.doubt(group, self.law.box)]
        if open_:
            where = f" of {', '.join(open_[:4])}" if len(self.fit.groups) > 1 else ""
            found.append(
                f"the rows{where} do not determine the law's constants: other values fit as well, "
                "and intervals of predictions are far too narrow; measure more levels, or take a "
                "law with fewer constants"
            )
        if self.few_runs:
            where = f" of {', '.join(self.few_runs[:4])}" if len(self.fit.groups) > 1 else ""
            found.append(
                f"the rows{where} come from fewer than {_FEW_RUNS} runs: intervals count every row "
                "as a run of its own, and are too narrow by what differs between runs"
            )
        if self.uncalibrated:
            found.append(
                f"intervals of predictions are not calibrated ({self.uncalibrated}): beyond the "
                "data they are too narrow"
            )
        return tuple(found)

    def predict(
        self, points: "Mapping[str, Any] | Sequence[Mapping[str, Any]] | pandas.DataFrame"
    ) -> list[dict[str, Any]]:
        """Values at points, with intervals; see `sldagent.predict`."""
        return predict_fitted(self.law, rows_of(points))

    def sympy(self, group: str | None = None, target: int = 0) -> Any:
        """The fitted formula of a group and target as a sympy expression of the law's symbols.

        These are plain, so that `.subs({"N": 7e9, "D": 1e12})` finds them.
        """
        import sympy

        expression = self.fit.sympy(group, target)
        return expression.subs({s: sympy.Symbol(s.name) for s in expression.free_symbols})

    def latex(self, group: str | None = None, target: int = 0, digits: int = 4) -> str:
        """The same as LaTeX, numbers rounded to `digits`."""
        return self.fit.latex(group, target, digits)

    def report(self) -> str:
        """The fit as text: comparison, parameters with intervals, correlations, warnings."""
        features = ", ".join(f"{c.name} ({c.role})" for c in self.task.features)
        lines = [f"{self.table.origin}: {len(self.table)} rows; features {features}", ""]
        lines += [] if self.choice is None else [self.choice.table(), ""]
        lines.append(self.fit.report())
        several = self.runs is not None and len(self.few_runs) < len(self.fit.groups)
        drawn = "runs" if several else "rows"
        lines.append(
            f"{self.level:.0%} intervals, bootstrap over {drawn}, {len(self.drawn.draws)} draws"
        )
        for group in self.fit.groups:
            for target, name in enumerate(self.task.target_names):
                values = self.fit.params(group, target)
                loose = self.fit.loose(group, target)
                for key, (low, high) in self.drawn.params(group, target, self.level).items():
                    ends = (
                        "not determined by the rows" if key in loose else f"{low:.4g} to {high:.4g}"
                    )
                    lines.append(f"  [{group}] {name}  {key} = {values[key]:.6g}  ({ends})")
                strong = self.drawn.correlations(group, target)
                if strong:
                    words = ", ".join(f"{one}–{other} {r:+.2f}" for one, other, r in strong)
                    lines.append(f"  [{group}] {name}  correlated: {words}")
        if not self.uncalibrated:
            lines.append(
                f"predictions beyond the data: half-widths times {self.law.ensemble.stretch:.2f}, "
                f"so that {self.level:.0%} of what the cuts held out lies inside; "
                f"{len(self.law.ensemble.members)} laws"
            )
        lines += [f"warning: {words}" for words in self.warnings()]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Plain data: the fit, its intervals and warnings; `fitted` is read by `predict`."""
        names = list(enumerate(self.task.target_names))
        intervals, params, correlations = {}, {}, {}
        for group in self.fit.groups:
            intervals[group] = {
                name: {
                    key: [None, None] if key in self.fit.loose(group, t) else list(pair)
                    for key, pair in self.drawn.params(group, t, self.level).items()
                }
                for t, name in names
            }
            params[group] = {name: self.fit.params(group, t) for t, name in names}
            correlations[group] = {
                name: [list(row) for row in self.drawn.correlations(group, t)] for t, name in names
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
            "correlations": correlations,
            "warnings": list(self.warnings()),
            "fitted": self.law.as_dict(),
        }

    def to_json(self) -> str:
        """The same as JSON text; numbers that are not finite become null."""
        return json.dumps(finite(self.as_dict()), indent=1, allow_nan=False)


def fit_table(
    task: Task, table: Table, law: str = "auto", draws: int = 500, level: float = 0.95,
    runs: Sequence[str] | None = None, objective: str = "squared",
) -> TableFit:  # fmt: skip
    """Fits a law, by name or the one that extrapolates best, and its bootstrap.

    Where `runs` names the run of each row, whose errors are then taken to be shared, the bootstrap
    redraws runs. The `objective` is one of `laws.fitting.OBJECTIVES`.

    Raises:
        DataError: No family fits the columns' roles, or too few rows to cut.
    """
    if objective not in OBJECTIVES:
        raise DataError(f"no objective '{objective}'; there are {', '.join(OBJECTIVES)}")
    least = OBJECTIVES[objective]
    roles = tuple(column.role for column in task.features)
    signed = takes_either_sign(table.x, table.y, table.group_codes, roles)
    choice, cuts, why = None, [], ""
    try:
        cuts = [(cut.fit, cut.held_out) for cut in make_cuts(task, table)]
    except DataError:
        if law == "auto":
            raise
        why = "no rows can be held out"
    if law == "auto":
        limit = None
        if task.parameter_limit is not None:
            limit = task.parameter_limit // len(task.targets)
        laws = families.applicable(roles, signed=signed, limit=limit)
        if not laws:
            most = "" if limit is None else f" with at most {limit} parameters a target"
            named = ", ".join(map(str, roles))
            raise DataError(f"no law family fits features of roles {named}{most}")
        choice = choosing.choose(
            laws, table.x, table.y, table.groups, cuts, falls=[c.falls for c in task.features],
            objectives=[least],
        )  # fmt: skip
        best, members = choice.fit, choice.members()
    else:
        if least.log and (table.y <= 0).any():
            raise DataError(f"objective {objective} needs targets above zero")
        wanted = families.find(law, roles)
        best = fit(wanted, table.x, table.y, table.groups, objective=least)
        _require_terms(best, task.target_names)
        members = [(best.law, best.objective)]
    redrawn, few_runs = _redrawn_together(table, runs)
    ensemble = calibrated(
        members, table.x, table.y, table.groups, cuts, best.units, level=level, draws=draws,
        clusters=redrawn,
    )  # fmt: skip
    box = np.stack([table.x.min(axis=0), table.x.max(axis=0)])
    fitted = FittedLaw(
        task.feature_names, roles, task.target_names, ensemble, box, level, task.group_column,
        tuple(column.unit for column in task.features), possible_values(table.y, task.target_names),
        ratio_of(table.x, [r if j in best.law.columns else None for j, r in enumerate(roles)]),
    )  # fmt: skip
    return TableFit(task, table, fitted, choice, why, runs=runs, few_runs=few_runs)


def _redrawn_together(
    table: Table, runs: Sequence[str] | None
) -> tuple[Sequence[str] | None, tuple[str, ...]]:
    """Which rows a bootstrap redraws together, and the groups with too few runs to redraw these."""
    if runs is None:
        return None, ()
    own: dict[str, set[str]] = {group: set() for group in table.group_names}
    for group, run in zip(table.groups, runs, strict=True):
        own[group].add(run)
    few = tuple(group for group, names in own.items() if len(names) < _FEW_RUNS)
    labels = [
        f"row {i}" if group in few else f"run {run}"
        for i, (group, run) in enumerate(zip(table.groups, runs, strict=True))
    ]
    return labels, few


def _require_terms(found: Fit, targets: Sequence[str]) -> None:
    """Raises DataError where a law that only falls to a floor has no term left in any group."""
    law = found.law
    linear = [k for k, p in enumerate(law.parameters) if p.linear and p.name != "E"]
    gone = linear and (found.values[..., linear] == 0).all(axis=(0, 2))
    if law.name.startswith("signed ") or not np.any(gone):
        return
    names = ", ".join(name for name, none in zip(targets, np.atleast_1d(gone), strict=True) if none)
    raise DataError(
        f"no term of {law.name} is left: {names} is negative, or gets larger where the law falls; "
        f"take --law 'signed {law.name}'"
    )
