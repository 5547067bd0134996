"""A fitted law that predicts and decides, with all it needs to do so again from a file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sldagent.errors import DataError, UsageError
from sldagent.laws.allocation import Allocation, Budget, values_of
from sldagent.laws.ensemble import Ensemble, Interval
from sldagent.laws.families import find
from sldagent.laws.fitting import Fit
from sldagent.laws.uncertainty import Bootstrap
from sldagent.laws.warnings import (
    extrapolation_distance,
    extrapolation_warnings,
    ratio_warning,
)
from sldagent.task import Role

SCHEMA = 1
_WHOLE_STRETCH = 0.25  # of the data's log range, beyond which cuts hold rows out, about
_UNCHANGED = 1e-6  # relatively, by which a prediction does not depend on a constant
_TUNING_DRAWS = 100  # of intervals where every draw has a search over rate and batch
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FittedLaw:
    """A law with its bootstrap refits, the laws that are as good, and the range of the rows.

    Attributes:
        features: Names of the feature columns.
        roles: Their roles.
        targets: Names of the targets.
        ensemble: The law and those as good beyond the data, each with its refits.
        box: Least and largest training value of each feature (2, F).
        level: Of intervals for parameters and decisions; `ensemble.level` is that of predictions.
        group_column: Names a row's group; parts joined by `+` where several do.
        units: Of the features, as `millions of parameters`; empty where nothing is known.
        possible: Least and largest value that each target can have.
        ratio: Least and largest number of data for a unit of size among the rows, where a law has
            both; see `laws.warnings.ratio_of`.
    """

    features: tuple[str, ...]
    roles: tuple[Role | None, ...]
    targets: tuple[str, ...]
    ensemble: Ensemble
    box: Floats
    level: float
    group_column: str | None = None
    units: tuple[str, ...] = ()
    possible: tuple[tuple[float, float], ...] = ()
    ratio: tuple[float, float] | None = None

    @property
    def drawn(self) -> Bootstrap:
        """Refits of the law."""
        return self.ensemble.members[0]

    @property
    def fit(self) -> Fit:
        """The law as it was fitted to all rows."""
        return self.drawn.fit

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups that have constants."""
        return self.fit.groups

    def predict(self, x: Floats, groups: Sequence[str]) -> Interval:
        """Predictions at data points (N, F), with what each part of the doubt adds."""
        shift = np.array(self.fit.units.shift)
        distance = extrapolation_distance(self.box - shift, np.asarray(x) - shift, self.roles)
        beyond = np.minimum(1.0, distance / _WHOLE_STRETCH)
        return self.ensemble.interval(x, list(groups), beyond=beyond)

    def doubt(self, group: str, x: Floats | None = None) -> str:
        """A line where the rows of a group leave the law open, so that intervals say little.

        Of points (N, F) only where a constant that is open makes a difference there.
        """
        why = self.fit.undetermined(group)
        if not why or (x is not None and not self._depends_on_open(group, x)):
            return ""
        return f"intervals are far too narrow: {why}"

    def _depends_on_open(self, group: str, x: Floats) -> bool:
        """Whether halving or doubling a constant that the rows leave open changes a prediction."""
        g, law = self.fit.index(group), self.fit.law
        for target in range(len(self.targets)):
            own = self.fit.values[g, target]
            sets = [own]
            for k in (law.names.index(name) for name in self.fit.loose(group, target)):
                ends = law.parameters[k].lower, law.parameters[k].upper
                for factor in (0.5, 2.0):
                    sets.append(own.copy())
                    sets[-1][k] = np.clip(factor * own[k], *ends)
            rows = np.repeat(x[None], len(sets), axis=0)
            values = values_of(self.fit, np.array(sets))(rows)
            if (np.abs(values - values[0]) > _UNCHANGED * np.abs(values[0])).any():
                return True
        return False

    def far(self, x: Floats) -> tuple[str, ...]:
        """A line where points lie further beyond the data than these reach, or off their ratio."""
        shift = np.array(self.fit.units.shift)  # with it, data of which there was none is positive
        words = extrapolation_warnings(self.box - shift, x - shift, self.roles)
        off = ratio_warning(self.ratio, x, self.features, self.roles) if self.ratio else ""
        return (*words, off) if off else words

    def allocate(
        self, flops: float | None, group: str, given: Mapping[str, float], target: int = 0
    ) -> Allocation:
        """The best size and data for a budget of 6ND FLOPs, with intervals of `level`.

        `given` has values of features, by column name or by the law's symbol for it.

        Raises:
            UsageError: The law has no size and data, or a feature without a value.
        """
        columns = {self._column(name): value for name, value in given.items()}
        budget = Budget.of(self.features, self.roles, self.box, columns, self.fit.law.columns)
        g = self.fit.index(group)
        draws = self.drawn.draws[: _TUNING_DRAWS if budget.tuned else None, g, target]
        own, drawn = (values_of(self.fit, c) for c in (self.fit.values[[g], target], draws))
        best = budget.solve(flops, own, drawn, len(draws), self.level)
        at = np.ones((1, len(self.features)))
        at[0, [budget.size, budget.data]] = best.size, best.data
        off = ratio_warning(self.ratio, at, self.features, self.roles) if self.ratio else ""
        words = [best.warning, off if best.found else "", self.doubt(group)]
        return replace(best, warning="; ".join(filter(None, words)))

    def _column(self, name: str) -> int:
        slots = self.fit.law.slots
        for slot in slots:
            if name in (slot.symbol, self.features[slot.column]):
                return slot.column
        known = ", ".join(f"{self.features[s.column]} ({s.symbol})" for s in slots)
        raise UsageError(f"{self.fit.law.name} has no feature '{name}'; it has: {known}")

    def as_dict(self) -> dict[str, Any]:
        """Plain data from which `from_dict` makes the same law again."""
        return {
            "schema": SCHEMA,
            "features": list(self.features),
            "roles": [None if role is None else str(role) for role in self.roles],
            "targets": list(self.targets),
            "box": self.box.tolist(),
            "level": self.level,
            "group_column": self.group_column,
            "units": list(self.units),
            "possible": [
                [end if np.isfinite(end) else None for end in ends] for ends in self.possible
            ],
            "ratio": None if self.ratio is None else list(self.ratio),
            "stretch": self.ensemble.stretch,
            "prediction_level": self.ensemble.level,
            "members": [
                {
                    "fit": member.fit.as_dict(),
                    "draws": member.draws.tolist(),
                    "noise": [[column.tolist() for column in row] for row in member.noise],
                }
                for member in self.ensemble.members
            ],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "FittedLaw":
        """The law of `as_dict`; formulas are found by name, never read.

        Raises:
            DataError: The data are of another version, or of a law that is no longer the same.
        """
        if data.get("schema") != SCHEMA:
            raise DataError(f"this fit has schema {data.get('schema')}, not {SCHEMA}: fit again")
        roles = tuple(None if role is None else Role(role) for role in data["roles"])
        members = tuple(
            Bootstrap(
                Fit.from_dict(member["fit"], find(member["fit"]["law"], roles)),
                np.array(member["draws"], dtype=float),
                tuple(tuple(np.array(c, dtype=float) for c in row) for row in member["noise"]),
            )
            for member in data["members"]
        )
        return cls(
            tuple(data["features"]),
            roles,
            tuple(data["targets"]),
            Ensemble(members, float(data["stretch"]), float(data["prediction_level"])),
            np.array(data["box"], dtype=float),
            float(data["level"]),
            data.get("group_column"),
            tuple(data.get("units", ())),
            tuple(
                (-np.inf if low is None else float(low), np.inf if high is None else float(high))
                for low, high in data.get("possible", ())
            ),
            tuple(data["ratio"]) if data.get("ratio") else None,
        )


def read_fitted(file: Path) -> FittedLaw:
    """The law in what `sldagent fit --json` printed.

    Raises:
        DataError: The file cannot be read, or is no such output.
    """
    try:
        data = json.loads(file.read_text("utf-8"))
        return FittedLaw.from_dict(data["fitted"])
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: {error}") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{file} is no JSON: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{file} is not what `sldagent fit … --json` prints: {error!r}") from None
