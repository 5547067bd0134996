"""Several laws at once: what their forms leave open, and intervals widened by what they missed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sldagent.laws.expressions import Array, Law
from sldagent.laws.fitting import Objective, Units, fit
from sldagent.laws.fitting.batch import NDArrayInt
from sldagent.laws.uncertainty import Bootstrap, bootstrap, ends

_ROUNDING = 1e-9  # relative
_LEAST = 0.8  # of an interval's width, however little the cuts missed
_FEW_DRAWS = 100  # refits where only the width of an interval is wanted


@dataclass(frozen=True, slots=True)
class Interval:
    """Predictions (N, T) with what they may miss.

    Attributes:
        value: Prediction of the first law.
        low: Lower end for a new measurement: parameters, laws and noise together.
        high: Upper end.
        parameter: Half-width from the first law's parameters alone.
        model: Half the spread of the laws' own predictions.
    """

    value: Array
    low: Array
    high: Array
    parameter: Array
    model: Array


@dataclass(frozen=True)
class Ensemble:
    """Laws that extrapolate about equally well, and how far off they were on held-out rows.

    Attributes:
        members: One bootstrap a law, the best law first.
        stretch: Factor on the half-widths, see `calibrated`.
        level: Coverage for which `stretch` was found.
    """

    members: tuple[Bootstrap, ...]
    stretch: float = 1.0
    level: float = 0.8

    def interval(
        self,
        x: Array,
        groups: Sequence[str] | None = None,
        *,
        beyond: Array | None = None,
        seed: int = 0,
    ) -> Interval:
        """Intervals of `level` for new measurements at data points (N, F).

        The stretch is what extrapolations have missed: `beyond` says how much of it each point
        takes (N,), 0 among the data and 1 as far beyond them as the cuts held out; None is all.
        """
        rng = np.random.default_rng(seed)
        table = np.atleast_2d(np.asarray(x, float))
        drawn = [m.measurements(table, groups, rng) for m in self.members]
        # Every law counts alike, however many refits it has.
        least = min(len(values) for values in drawn)
        pooled = np.concatenate([values[:least] for values in drawn])
        centres = np.stack([m.fit.predict(table, groups) for m in self.members])
        value = centres[0]
        low, high = ends(pooled, self.level)
        inner_low, inner_high = ends(self.members[0].predict(table, groups), self.level)
        share = np.ones(len(table)) if beyond is None else beyond
        stretch = (1 + (self.stretch - 1) * share)[:, None]
        return Interval(
            value,
            value - stretch * np.maximum(value - low, 0.0),
            value + stretch * np.maximum(high - value, 0.0),
            (inner_high - inner_low) / 2,
            np.ptp(centres, axis=0) / 2,
        )


def calibrated(
    laws: Sequence[tuple[Law, Objective]],
    x: Array,
    y: Array,
    groups: Sequence[str] | None,
    cuts: Sequence[tuple[NDArrayInt, NDArrayInt]],
    units: Units,
    *,
    level: float = 0.8,
    draws: int = 100,
    seed: int = 0,
    clusters: Sequence[str] | None = None,
) -> Ensemble:
    """An ensemble whose intervals would have covered `level` of the rows that the cuts held out.

    Noise and parameters alone make intervals that extrapolations leave too often, because no law is
    exactly true. On every cut the ensemble is made from the fit rows, and the factor is found that
    its half-widths need to cover `level` of the held-out rows. Rows of one cut share their error,
    so cuts, not rows, are what can be exchanged: of n factors the ceil((n + 1) level)-th smallest,
    at most the largest, stretches the intervals (split conformal prediction, Vovk et al. 2005,
    along the scale axes); as cuts are few, never to less than 0.8 of their width.

    tests/benchmarks/extrapolation.py measures what such intervals cover of hidden rows.

    Args:
        laws: Laws with their objectives, the best first; each counts alike in the intervals.
        x: Features (N, F).
        y: Targets (N,) or (N, T).
        groups: Group of each row, or None.
        cuts: For each cut the indices of its fit rows and of its held-out rows; none leaves the
            intervals as they are.
        units: Of the features, those of all rows.
        level: Wanted coverage.
        draws: Refits of the best law; the others, and all laws on cuts, have at most 100.
        seed: Seed of the draws.
        clusters: The run of each row, as for `bootstrap`.
    """
    table, targets = np.asarray(x, float), np.asarray(y, float)
    targets = targets[:, None] if targets.ndim == 1 else targets
    names = ["all"] * len(table) if groups is None else list(groups)

    def members(rows: NDArrayInt, first: int) -> Ensemble:
        own = [names[i] for i in rows]
        made = []
        for number, (law, objective) in enumerate(laws):
            count = min(draws, first if number == 0 else _FEW_DRAWS)
            found = fit(law, table[rows], targets[rows], own, objective=objective, units=units)
            made.append(
                bootstrap(
                    found, table[rows], targets[rows], own, draws=count, seed=seed,
                    clusters=None if clusters is None else [clusters[i] for i in rows],
                )
            )  # fmt: skip
        return Ensemble(tuple(made), level=level)

    factors = []
    for inside, outside in cuts:
        guess = members(inside, _FEW_DRAWS).interval(
            table[outside], [names[i] for i in outside], seed=seed
        )
        factor = _factor(targets[outside], guess, level)
        if np.isfinite(factor):  # a law that has no value there says nothing of widths
            factors.append(factor)
    stretch = 1.0
    if factors:
        rank = min(len(factors), math.ceil((len(factors) + 1) * level))
        stretch = max(_LEAST, sorted(factors)[rank - 1])
    return replace(members(np.arange(len(table)), draws), stretch=stretch)


def _factor(targets: Array, guess: Interval, level: float) -> float:
    """By what half-widths must be multiplied to hold `level` of the targets.

    No half-width counts as less than rounding, nor as less than a tenth of the whole: the value may
    lie at an end of its interval, or outside.
    """
    miss = targets - guess.value
    half = np.where(miss >= 0, guess.high - guess.value, guess.value - guess.low)
    least = np.maximum(_ROUNDING * np.abs(guess.value), (guess.high - guess.low) / 10)
    return float(np.quantile(np.abs(miss) / np.maximum(half, np.maximum(least, 1e-300)), level))
