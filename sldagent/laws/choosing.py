"""Which law to trust beyond the data: families compared by how well they extrapolate.

A law is fitted to a cut's fit rows and judged on its held-out rows, which lie beyond them. Random
cross-validation selects no better than the training error; an extrapolation hold-out does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from sldagent.errors import DataError
from sldagent.laws.expressions import Array, Law
from sldagent.laws.fitting import (
    SQUARED,
    Effort,
    Fit,
    Objective,
    Units,
    fit,
    pooled_r2,
    roles_for,
    units_of,
)
from sldagent.scoring import selection_score
from sldagent.table import Table
from sldagent.task import Role
from sldagent.trends import Trend, ladder, spread_within, steady_trends, turns

Cut = tuple[NDArray[np.intp], NDArray[np.intp]]  # indices of the fit rows and the held-out rows

TIE = 1e-4  # scores that differ by less are equal
_KEPT = 12  # trials that are brought to their end whatever they score, more than are ever shown
_LADDERS = 4  # rows of a group from which points go on
_EFFORT = Effort(starts=8, polished=1, rounds=1)


@dataclass(frozen=True, slots=True)
class Trial:
    """One law and objective on all cuts.

    Attributes:
        r2: R2 on each cut's held-out rows: 1 - mean over targets of MSE / variance, all groups
            together; minus infinity where a prediction is not finite.
        relative_error: Mean |relative error| on the held-out rows, mean over cuts.
        score: `scoring.selection_score`, as of a search's candidates but for the prices of what a
            law predicts beyond the data, of which only that for turning round is looked at here.
    """

    law: Law
    objective: Objective
    r2: tuple[float, ...]
    relative_error: float
    score: float

    @property
    def parameters(self) -> int:
        """Parameters per group and target."""
        return len(self.law.parameters)


@dataclass(frozen=True, slots=True)
class Choice:
    """The comparison, best first, and the best law fitted to all rows.

    Attributes:
        given_up: How many trials were not brought to their end, as no score on the cuts that were
            left could have made them one of the best.
    """

    trials: tuple[Trial, ...]
    fit: Fit
    given_up: int = 0

    def within(self, margin: float = 0.1) -> tuple[Trial, ...]:
        """The trials whose held-out MSE is within `margin` of the best one's, relatively."""
        misfit = 1 - self._mean(self.trials[0])
        return tuple(t for t in self.trials if 1 - self._mean(t) <= (1 + margin) * misfit)

    def members(self, count: int = 4) -> list[tuple[Law, Objective]]:
        """The best laws whose spread says what the form leaves open, best first.

        The best two, and up to `count` whose held-out MSE is at most three times the best one's:
        cuts tell laws apart only so far, and one that won on them is not sure to win beyond.
        """
        near = self.within(2.0)[:count]
        return [(trial.law, trial.objective) for trial in max(near, self.trials[:2], key=len)]

    @staticmethod
    def _mean(trial: Trial) -> float:
        return float(np.mean(np.clip(trial.r2, -1, 1)))

    def table(self, rows: int = 10) -> str:
        """The best trials as a Markdown table."""
        lines = [
            "| law | objective | parameters | held-out R2 | each cut | relative error | score |",
            "|---" * 7 + "|",
        ]
        for t in self.trials[:rows]:
            cuts = " ".join(f"{r2:.4f}" for r2 in t.r2)
            lines.append(
                f"| {t.law.name} | {t.objective.name} | {t.parameters} | {self._mean(t):.4f}"
                f" | {cuts} | {t.relative_error:.2%} | {t.score:.4f} |"
            )
        if self.given_up:
            lines.append(f"{self.given_up} more fell behind on their first cuts")
        return "\n".join(lines)


def choose(
    laws: Iterable[Law],
    x: Array,
    y: Array,
    groups: Sequence[str] | None,
    cuts: Sequence[Cut],
    *,
    falls: Sequence[bool] = (),
    objectives: Sequence[Objective] = (SQUARED,),
) -> Choice:
    """Compares laws on extrapolation hold-outs and fits the best one to all rows.

    Scores closer than `TIE` are equal: then fewer parameters win, then the shorter formula.

    Args:
        laws: The candidates, for example `families.applicable(roles)`.
        x: Features (N, F).
        y: Targets (N,) or (N, T).
        groups: Group of each row, or None.
        cuts: For each cut the indices of its fit rows and of its held-out rows.
        falls: For each feature whether better runs have less of it; none does where none is given.
        objectives: Each law is tried with each; logarithmic ones only if all targets are positive.

    Raises:
        DataError: no law, no cut, or rows that do not fit together.
    """
    laws = tuple(laws)
    if not laws or not cuts:
        raise DataError("choosing a law needs at least one law and one cut")
    table, targets = np.asarray(x, float), np.asarray(y, float)
    targets = targets[:, None] if targets.ndim == 1 else targets
    names = ["all"] * len(table) if groups is None else list(groups)
    # Units come from the features of all rows, so that boxes mean the same in every cut.
    units = units_of(table, roles_for(laws, table.shape[1]))
    fair = [o for o in objectives if not o.log or np.all(targets > 0)]
    if not fair:
        raise DataError("logarithmic objectives need positive targets")
    roles = roles_for(laws, table.shape[1])
    beyond = _Beyond(roles, falls or [False] * len(roles), Table(table, targets, tuple(names)))
    trials: list[Trial] = []
    for law, objective in product(laws, fair):
        scores = sorted((t.score for t in trials), reverse=True)
        least = scores[_KEPT - 1] if len(scores) >= _KEPT else -np.inf
        trial = _try(law, objective, table, targets, names, cuts, units, least, beyond)
        trials += [] if trial is None else [trial]
    best = max(t.score for t in trials)
    ranked = sorted(
        trials,
        key=lambda t: (
            (0, t.parameters, len(t.law.formula), -t.score)
            if t.score >= best - TIE
            else (1, -t.score, t.parameters, len(t.law.formula))
        ),
    )
    first = ranked[0]
    chosen = fit(first.law, table, targets, names, objective=first.objective, units=units)
    return Choice(tuple(ranked), chosen, len(laws) * len(fair) - len(trials))


class _Beyond:
    """Points that go on from the largest rows, along axes on which all series of runs agree."""

    def __init__(self, roles: Sequence[Role | None], falls: Sequence[bool], table: Table) -> None:
        self._spread = spread_within(table)
        self._points: list[tuple[Trend, Array, list[str]]] = []
        for trend in steady_trends(roles, falls, table):
            x, groups = [], []
            for code, name in enumerate(table.group_names):
                points = ladder(trend, table.x[table.group_codes == code], _LADDERS)
                x.append(points)
                groups += [name] * len(points)
            self._points.append((trend, np.concatenate(x), groups))

    def is_steady(self, found: Fit) -> bool:
        """Whether a fit goes on there as the runs do."""
        return not any(
            turns(trend, found.predict(x, groups), self._spread)
            for trend, x, groups in self._points
        )


def _try(
    law: Law,
    objective: Objective,
    x: Array,
    y: Array,
    groups: Sequence[str],
    cuts: Sequence[Cut],
    units: Units,
    least: float,
    beyond: _Beyond,
) -> Trial | None:
    """The trial; None once its score cannot reach `least` any more."""
    scores: list[float] = []
    errors: list[float] = []
    widest, steady = max(len(inside) for inside, _ in cuts), True
    for inside, outside in cuts:
        known = [groups[i] for i in inside]
        found = fit(
            law, x[inside], y[inside], known, objective=objective, units=units, effort=_EFFORT
        )
        predicted = found.predict(x[outside], [groups[i] for i in outside])
        finite = bool(np.isfinite(predicted).all())
        scores.append(pooled_r2(y[outside], predicted) if finite else -np.inf)
        size = np.maximum(np.abs(y[outside]), 1e-12)
        errors.append(float(np.mean(np.abs(predicted - y[outside]) / size)) if finite else np.inf)
        if len(inside) == widest:
            steady = beyond.is_steady(found)
        at_best = [*scores, *[1.0] * (len(cuts) - len(scores))]
        if selection_score(at_best, len(law.parameters), True) < least:
            return None
    score = selection_score(scores, len(law.parameters), True, steady_beyond=steady)
    return Trial(law, objective, tuple(scores), float(np.mean(errors)), score)
