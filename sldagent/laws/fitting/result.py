"""What a fit gives back."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np

from sldagent.errors import DataError
from sldagent.laws.expressions import Array, Law, Slot, compiled, parse, symbols
from sldagent.laws.fitting.objectives import OBJECTIVES, Objective
from sldagent.laws.fitting.units import Units
from sldagent.task import Role


class FitStatus(StrEnum):
    """How far a fit can be trusted; the gravest that applies."""

    CONVERGED = "converged"
    BOUND_HIT = "bound_hit"  # a parameter ends on its bound
    START_DEPENDENT = "start_dependent"  # less than a quarter of the starts end within 1 %
    ILL_CONDITIONED = "ill_conditioned"  # other parameters fit the rows as well
    NO_DEGREES_OF_FREEDOM = "no_degrees_of_freedom"  # no more rows than parameters


@dataclass(frozen=True, slots=True)
class Outcome:
    """The fit of one group and target.

    Attributes:
        values: Parameters in O(1) units of the features and the target's own unit.
        objective: Sum of w * rho(r), for plain residuals in squared target units.
        condition: Condition number of the Jacobian with columns of unit length.
        share: Share of the starts that ended within 1 % of the best objective.
        loose: Names of the parameters that the rows do not determine.
    """

    values: tuple[float, ...]
    objective: float
    rows: int
    status: FitStatus
    message: str
    condition: float
    share: float
    loose: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def _unit_functions(law: Law) -> Any:
    import sympy

    table = symbols(law)
    names = [*(s.symbol for s in law.slots), *law.names]
    factors = [parse(p.unit, law) for p in law.parameters]
    return sympy.lambdify([table[name] for name in names], factors, "numpy")


@dataclass(frozen=True)
class Fit:
    """A law with its fitted parameters, one set per group and target.

    Attributes:
        outcomes: `outcomes[g][t]` belongs to group g and target t.
        r2: 1 - MSE/variance on the fitted rows, pooled over groups, mean over targets.
    """

    law: Law
    objective: Objective
    units: Units
    groups: tuple[str, ...]
    outcomes: tuple[tuple[Outcome, ...], ...]
    r2: float

    @property
    def values(self) -> Array:
        """Parameters (groups, targets, p), in O(1) units of the features."""
        return np.array([[o.values for o in row] for row in self.outcomes])

    @property
    def total(self) -> float:
        """The objective summed over groups and targets."""
        return float(sum(o.objective for row in self.outcomes for o in row))

    @property
    def status(self) -> FitStatus:
        """The gravest status of all groups and targets."""
        order = list(FitStatus)
        return max((o.status for row in self.outcomes for o in row), key=order.index)

    def undetermined(self, group: str | None = None) -> str:
        """Why the rows of a group do not determine the law, in words; empty where they do."""
        return next((o.message for o in self.outcomes[self.index(group)] if o.loose), "")

    def loose(self, group: str | None = None, target: int = 0) -> tuple[str, ...]:
        """Parameters that the rows of a group do not determine."""
        return self.outcomes[self.index(group)][target].loose

    def params(self, group: str | None = None, target: int = 0) -> dict[str, float]:
        """Parameters by name in the table's units (in centred units where `law.centred`)."""
        if not 0 <= target < len(self.outcomes[0]):
            raise DataError(f"no target {target}; the fit has {len(self.outcomes[0])}, from 0 on")
        outcome = self.outcomes[self.index(group)][target]
        if self.law.centred:
            return dict(zip(self.law.names, outcome.values, strict=True))
        centres = [self.units.scale[c] for c in self.law.columns]
        factors = _unit_functions(self.law)(*centres, *outcome.values)
        pairs = zip(self.law.names, outcome.values, factors, strict=True)
        return {name: float(value * factor) for name, value, factor in pairs}

    def predict(self, x: Array, groups: Sequence[str] | str | None = None) -> Array:
        """Predictions (N, T) at data points (N, F).

        Args:
            x: Features in the table's units.
            groups: Group of each row, or one for all; may be left out where there is one group.

        Raises:
            DataError: a group that was not fitted.
        """
        u = self.units.apply(np.atleast_2d(np.asarray(x, float)))
        if groups is None or isinstance(groups, str):
            index = np.full(len(u), self.index(groups))
        else:
            index = np.array([self.index(g) for g in groups])
        columns = self.values[index].transpose(1, 2, 0)
        return evaluate(self.law, u, columns)

    def index(self, group: str | None) -> int:
        """The number of a group; None where there is one only. Raises DataError for an unknown."""
        if group is None and len(self.groups) == 1:
            return 0
        if group not in self.groups:
            raise DataError(f"no group {group!r}; the fit has {', '.join(self.groups[:8])}")
        return self.groups.index(group)

    def sympy(self, group: str | None = None, target: int = 0) -> Any:
        """The fitted formula in the table's units, as a sympy expression of the features."""
        table = symbols(self.law)
        values = self.params(group, target)
        expression = self.law.expression().subs({table[n]: v for n, v in values.items()})
        scaled = {}
        for slot in self.law.slots:
            symbol, c = table[slot.symbol], slot.column
            if self.law.centred:
                scaled[symbol] = (symbol - self.units.shift[c]) / self.units.scale[c]
            elif self.units.shift[c]:
                scaled[symbol] = symbol - self.units.shift[c]
        return expression.subs(scaled, simultaneous=True) if scaled else expression

    def latex(self, group: str | None = None, target: int = 0, digits: int = 4) -> str:
        """The fitted formula as LaTeX, numbers rounded to `digits`."""
        import sympy

        return str(sympy.latex(self.sympy(group, target).evalf(digits)))

    def report(self) -> str:
        """A text with statistics, parameters and what to doubt, a block per group and target."""
        centres = ", ".join(self._meaning(slot) for slot in self.law.slots)
        rows = sum(row[0].rows for row in self.outcomes)
        lines = [
            f"{self.law.name}: y = {self.law.formula}",
            f"  {centres}; source {self.law.source}",
            f"  {rows} rows, {len(self.groups)} groups, {len(self.law.parameters)} parameters each,"
            f" R2 {self.r2:.6f} on the fitted rows, {self.objective.name} {self.total:.6g}",
        ]
        for group, row in zip(self.groups, self.outcomes, strict=True):
            for target, o in enumerate(row):
                lines.append(f"[{group}] target {target + 1}: {o.status}, {o.rows} rows")
                if o.message:
                    lines.append(f"  {o.message}")
                named = self.params(group, target).items()
                lines.append("  " + "  ".join(f"{name} {value:.6g}" for name, value in named))
                lines.append(f"  condition {o.condition:.1e}, {o.share:.0%} of starts agree")
        return "\n".join(lines)

    def _meaning(self, slot: Slot) -> str:
        """What a symbol of the law is of the table."""
        shift, scale = self.units.shift[slot.column], self.units.scale[slot.column]
        words = f"feature {slot.column + 1}"
        if shift and not self.law.centred:
            words += f" {-shift:+.4g}"
        return f"{slot.symbol} = {words}" + (f" / {scale:.4g}" if self.law.centred else "")

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it."""
        return {
            "law": self.law.name,
            "slots": [[s.symbol, str(s.role), s.column] for s in self.law.slots],
            "objective": self.objective.name,
            "units": asdict(self.units),
            "groups": list(self.groups),
            "r2": _finite(self.r2),
            "outcomes": [
                [asdict(o) | {"condition": _finite(o.condition)} for o in row]
                for row in self.outcomes
            ],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any], law: Law | None = None) -> "Fit":
        """A fit from plain data.

        The formula is never read from the data: it is the family's, found by name, or `law`.

        Raises:
            DataError: no family has that name, or `law` has another.
        """
        from sldagent.laws.families import find

        if law is None:
            slots = {int(column): Role(role) for _, role, column in data["slots"]}
            width = len(data["units"]["scale"])
            law = find(data["law"], [slots.get(c) for c in range(width)])
        if law.name != data["law"] or any(
            len(o["values"]) != len(law.parameters) for row in data["outcomes"] for o in row
        ):
            raise DataError(f"this is a fit of {data['law']}, not of {law.name} as it is now")
        outcomes = tuple(
            tuple(
                Outcome(
                    values=tuple(o["values"]),
                    objective=o["objective"],
                    rows=o["rows"],
                    status=FitStatus(o["status"]),
                    message=o["message"],
                    condition=np.inf if o["condition"] is None else o["condition"],
                    share=o["share"],
                    loose=tuple(o.get("loose", ())),  # fits of an earlier version have none
                )
                for o in row
            )
            for row in data["outcomes"]
        )
        units = Units(tuple(data["units"]["shift"]), tuple(data["units"]["scale"]))
        r2 = np.nan if data["r2"] is None else data["r2"]
        objective = OBJECTIVES[data["objective"]]
        return cls(law, objective, units, tuple(data["groups"]), outcomes, r2)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def evaluate(law: Law, u: Array, columns: Array) -> Array:
    """Predictions (N, T) at points (N, F) in the parameters' units, for values (T, p, N)."""
    functions, count = compiled(law), len(law.amplitudes)
    features = [u[:, c] for c in law.columns]
    with np.errstate(all="ignore"):
        phi = functions.basis(*features, *columns[:, count:].transpose(1, 0, 2))
        total = sum(columns[:, k] * f for k, f in enumerate(phi))
    return np.broadcast_to(np.asarray(total, float), (len(columns), len(u))).T.copy()
