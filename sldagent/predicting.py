"""Predictions and budgets of fitted laws and of runs, as plain rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sldagent.data.naming import is_derived
from sldagent.data.tables import JOIN
from sldagent.data.units import multiple_of, parse_number
from sldagent.errors import UsageError
from sldagent.fitted import FittedLaw
from sldagent.scales import domain_of
from sldagent.scoring import possible_values, within_possible
from sldagent.task import Role

if TYPE_CHECKING:
    from sldagent.export.refit import Refitter
    from sldagent.export.winner import Found
    from sldagent.laws.allocation import Allocation
    from sldagent.laws.ensemble import Interval

Floats = NDArray[np.float64]
_DRAWS = 100  # refits of a run's program
_GROUP = "group"
_ROUNDED, _EXACT = 2.0, 0.2  # by which percentages may miss a hundred, rounded or not
_PARTS = ("value", "low", "high", "parameter", "model")


def predict_fitted(law: FittedLaw, points: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `api.predict` by a fitted law."""
    if not points:
        return []
    asked = [_group_of(point, law.group_column, law.groups) for point in points]
    x, groups, at = _table(points, asked, law.features, law.roles, law.groups, law.box[0])
    far = [
        (*law.far(x[[i]]), *filter(None, [law.doubt(group, x[[i]])]))
        for i, group in enumerate(groups)
    ]
    interval, level = law.predict(x, groups), law.ensemble.level
    return _rows(interval, law.targets, groups, at, far, level, law.possible)


def predict_run(
    found: "Found", refitter: "Refitter", points: Sequence[Mapping[str, Any]], level: float,
    seconds: float,
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows of `api.predict` by a run's program; the model's part is the spread of its rivals."""
    from sldagent.export.ahead import look_ahead
    from sldagent.laws.warnings import extrapolation_warnings, ratio_of, ratio_warning

    task = found.task
    roles = [column.role for column in task.features]
    known = found.table
    least = known.x.min(axis=0)
    asked = [_group_of(point, task.group_column, known.group_names) for point in points]
    x, groups, at = _table(points, asked, task.feature_names, roles, known.group_names, least)
    far = [extrapolation_warnings(known.x, x[[i]], roles) for i in range(len(x))]
    if ratio := ratio_of(known.x, roles):
        off = [ratio_warning(ratio, x[[i]], task.feature_names, roles) for i in range(len(x))]
        far = [(*words, *filter(None, [more])) for words, more in zip(far, off, strict=True)]
    interval = look_ahead(found, refitter, x, groups, level, _DRAWS, seconds)
    return _rows(
        interval,
        task.target_names,
        groups,
        at,
        far,
        level,
        possible_values(known.y, task.target_names),
    )


def allocate_fitted(
    law: FittedLaw, flops: float | None, given: Mapping[str, float], group: str | None
) -> list[dict[str, Any]]:
    """Rows of `api.allocate` by a fitted law."""
    scale = _Scale.of(law.features, law.roles, law.units)
    return [
        scale.row(name, target, law.level, law.allocate(scale.inner(flops), name, given, t))
        for name in _chosen(group, law.groups)
        for t, target in enumerate(law.targets)
    ]


def allocate_run(
    found: "Found", refitter: "Refitter", flops: float | None, given: Mapping[str, float],
    group: str | None, level: float, seconds: float,
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows of `api.allocate` by a run's program."""
    from sldagent.export.ahead import spend

    task = found.task
    roles, columns = [c.role for c in task.features], [c.unit for c in task.features]
    scale = _Scale.of(task.feature_names, roles, columns)
    names = _chosen(group, found.table.group_names)
    solved = spend(found, refitter, scale.inner(flops), given, names, level, _DRAWS, seconds)
    return [scale.row(name, target, level, best) for name, target, best in solved]


@dataclass(frozen=True, slots=True)
class _Scale:
    """How many FLOPs and how much data for a parameter a unit of a table's own is.

    Attributes:
        units: Those of the table, by `size` and `data`.
    """

    flops: float
    ratio: float
    units: dict[str, str]

    @classmethod
    def of(
        cls, features: Sequence[str], roles: Sequence[Role | None], units: Sequence[str]
    ) -> "_Scale":
        """The scale of a table; raises UsageError where there are no data to spend on."""
        of = {role: j for j, role in enumerate(roles) if role in (Role.SIZE, Role.DATA)}
        for name, role in zip(features, roles, strict=True):
            if role in of and is_derived(name):
                raise UsageError(
                    f"{name} is no amount of data that 6ND could be spent on: it is what size and "
                    "data make up; a table for `allocate` has tokens, or what else is trained on"
                )
        known = {role: units[j] if j < len(units) else "" for role, j in of.items()}
        size, data = (multiple_of(known.get(role, "")) for role in (Role.SIZE, Role.DATA))
        return cls(size * data, data / size, {str(role): unit for role, unit in known.items()})

    def inner(self, flops: float | None) -> float | None:
        """A budget in the table's own units."""
        return None if flops is None else flops / self.flops

    def row(self, group: str, target: str, level: float, best: "Allocation") -> dict[str, Any]:
        """A row of `api.allocate`: in the table's units, FLOPs and tokens for a parameter true."""
        row: dict[str, Any] = {
            "group": group, "flops": best.flops * self.flops, "level": level,
            "warning": best.warning, "target": target, "units": self.units,
            "size": None, "data": None, "ratio": None, "loss": None, "tuned": {}, "intervals": {},
        }  # fmt: skip
        if not best.found:
            return row
        ends = {name: list(pair) for name, pair in best.intervals.items()}
        if "ratio" in ends:
            ends["ratio"] = [end * self.ratio for end in ends["ratio"]]
        ratio = best.data / best.size * self.ratio
        found = {"size": best.size, "data": best.data, "ratio": ratio, "loss": best.loss}
        return {**row, **found, "tuned": dict(best.tuned), "intervals": ends}


def _chosen(group: str | None, known: Sequence[str]) -> list[str]:
    if group is None:
        return list(known)
    if group not in known:
        raise UsageError(f"no group '{group}'; there are: {', '.join(known)}")
    return [group]


def point_names(features: Sequence[str], group_column: str | None) -> list[str]:
    """What a point may have: features, `group`, the group column or its parts."""
    columns = [] if group_column is None else [group_column, *group_column.split(JOIN)]
    return list(dict.fromkeys([*features, _GROUP, *columns]))


def _group_of(point: Mapping[str, Any], column: str | None, known: Sequence[str]) -> str | None:
    """The group that a point names: by `group`, by the group column or by all parts of it."""
    if _GROUP in point:
        column = _GROUP
    if column is None:
        return None
    parts = [column] if column in point else column.split(JOIN)
    given = [part for part in parts if part in point]
    if given and len(given) < len(parts):
        missing = ", ".join(part for part in parts if part not in point)
        raise UsageError(f"a point that names a group by {given[0]} needs {missing} too")
    if not given:
        return None
    names = [JOIN.join(write(point[part]) for part in parts) for write in (str, _label)]
    return names[0] if names[0] in known else names[1]


def _label(value: Any) -> str:
    """A label as tables write it: without blanks about it, and 1.0 of a column with gaps is 1."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value).strip()


def _table(
    points: Sequence[Mapping[str, Any]],
    asked: Sequence[str | None],
    features: Sequence[str],
    roles: Sequence[Role | None],
    groups: Sequence[str],
    least: Floats,
) -> tuple[Floats, list[str], list[dict[str, float]]]:
    """Points as (N, F) with a group each; a point that asks for none stands for all groups.

    A feature can be zero where the `least` value that its law was fitted to is.

    What a point has beside the features, as rows of a table do, is not looked at.
    """
    x, named, at = [], [], []
    for point, wanted in zip(points, asked, strict=True):
        given = {name: value for name, value in point.items() if name in features}
        if len(given) < len(features):
            wrong = [name for name in point if name not in features and name != _GROUP]
            what = f"no feature '{wrong[0]}'" if wrong and not wanted else "a value is missing"
            raise UsageError(f"{what}: a point has a number for each of {', '.join(features)}")
        for group in _chosen(wanted, groups):
            numbers = [parse_number(given[name]) for name in features]
            row = [number for number in numbers if number is not None]
            if len(row) < len(features):
                raise UsageError(f"a point's values must be numbers: {dict(point)}")
            row = _as_shares(row, roles)
            for name, role, value, low in zip(features, roles, row, least, strict=True):
                start, end, words = domain_of(role, low)
                if not np.isfinite(value):
                    raise UsageError(f"{name} cannot be {value:g}: it must be a finite number")
                if not start <= value <= end:
                    raise UsageError(f"{name} cannot be {value:g}: it must be {words}")
            x.append(row)
            named.append(group)
            at.append(dict(zip(features, row, strict=True)))
    return np.array(x, dtype=float).reshape(len(x), len(features)), named, at


def _as_shares(row: list[float], roles: Sequence[Role | None]) -> list[float]:
    """A mixture in per cent as shares, which is what tables in per cent are read as, too.

    What is one at most may be a part of the mixture or a share of something else, as dropout is: it
    is a part where the others do not add up to a hundred without it.
    """
    shares = [j for j, role in enumerate(roles) if role is Role.FRACTION]
    large = [j for j in shares if row[j] > 1]
    for parts in (large, shares):
        missed = abs(sum(row[j] for j in parts) - 100)
        if len(parts) > 1 and missed <= (_ROUNDED if parts is shares else _EXACT):
            return [value / 100 if j in parts else value for j, value in enumerate(row)]
    return row


def _rows(
    interval: "Interval", targets: Sequence[str], groups: Sequence[str],
    at: Sequence[dict[str, float]], far: Sequence[tuple[str, ...]], level: float,
    possible: Sequence[tuple[float, float]],
) -> list[dict[str, Any]]:  # fmt: skip
    rows = []
    # Fits of an earlier version do not say what is possible.
    known = possible or ((-np.inf, np.inf),) * len(targets)
    ends = within_possible(interval.value, np.stack([interval.low, interval.high]), known)
    interval = replace(interval, low=ends[0], high=ends[1])
    for i, (group, place, words) in enumerate(zip(groups, at, far, strict=True)):
        values, warnings = {}, list(words)
        for t, (target, (least, most)) in enumerate(zip(targets, known, strict=True)):
            parts = {part: float(getattr(interval, part)[i, t]) for part in _PARTS}
            if parts["value"] < least or parts["value"] > most:
                warnings.append(f"{target} cannot be {parts['value']:.4g}: the law fails there")
            values[target] = {part: _finite(value) for part, value in parts.items()}
        row = {"group": group, "at": place, "values": values, "level": level}
        rows.append({**row, "warnings": warnings})
    return rows


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
