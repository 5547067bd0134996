"""How sure: bootstrap intervals of parameters, predictions and decisions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sldagent.errors import DataError
from sldagent.laws.expressions import Array
from sldagent.laws.fitting import Fit
from sldagent.laws.fitting.batch import Batch, NDArrayInt
from sldagent.laws.fitting.minimise import gauss_newton, minimise
from sldagent.laws.fitting.result import evaluate
from sldagent.laws.fitting.solve import make_batch

_CHUNK = 4_000_000  # numbers in one Jacobian: 32 MB


@dataclass(frozen=True)
class Bootstrap:
    """Refits of one law to redrawn rows.

    Attributes:
        fit: The fit to the rows as they are.
        draws: Parameters (draws, groups, targets, p), in the fit's units.
        noise: Residuals that belong to each group and target, `noise[g][t]`, scaled up for the
            parameters spent; relative ones for a logarithmic objective.
    """

    fit: Fit
    draws: Array
    noise: tuple[tuple[Array, ...], ...]

    def fits(self) -> Iterator[Fit]:
        """Every draw as a fit, for decisions that depend on the whole law."""
        for draw in self.draws:
            outcomes = tuple(
                tuple(
                    replace(o, values=tuple(v.tolist())) for o, v in zip(row, values, strict=True)
                )
                for row, values in zip(self.fit.outcomes, draw, strict=True)
            )
            yield replace(self.fit, outcomes=outcomes)

    def params(
        self, group: str | None = None, target: int = 0, level: float = 0.95
    ) -> dict[str, tuple[float, float]]:
        """Percentile intervals of the parameters, in the units of `Fit.params`."""
        drawn = [f.params(group, target) for f in self.fits()]
        names = self.fit.law.names
        low, high = ends(np.array([[d[n] for n in names] for d in drawn]), level)
        return {n: (float(a), float(b)) for n, a, b in zip(names, low, high, strict=True)}

    def correlations(
        self, group: str | None = None, target: int = 0, least: float = 0.9
    ) -> list[tuple[str, str, float]]:
        """Pairs of parameters whose draws are correlated by `least` or more, strongest first."""
        drawn = self.draws[:, self.fit.index(group), target]
        with np.errstate(all="ignore"):
            matrix = np.atleast_2d(np.corrcoef(drawn, rowvar=False))
        names = self.fit.law.names
        pairs = [
            (names[i], names[j], float(matrix[i, j]))
            for i in range(len(names))
            for j in range(i + 1, len(names))
            if abs(matrix[i, j]) >= least
        ]
        return sorted(pairs, key=lambda pair: -abs(pair[2]))

    def predict(self, x: Array, groups: Sequence[str] | None = None) -> Array:
        """Predictions (draws, N, T) of the law itself, without the noise of a new measurement."""
        u = self.fit.units.apply(np.asarray(x, float))
        index = self._index(groups, len(u))
        return np.stack(
            [evaluate(self.fit.law, u, draw[index].transpose(1, 2, 0)) for draw in self.draws]
        )

    def measurements(
        self, x: Array, groups: Sequence[str] | None, rng: np.random.Generator
    ) -> Array:
        """What new runs at data points (N, F) may measure (draws, N, T): prediction plus noise."""
        values = self.predict(x, groups)
        index = self._index(groups, len(values[0]))
        for g, noise in enumerate(self.noise):
            rows = np.flatnonzero(index == g)
            for t, residuals in enumerate(noise):
                # One for all points: no point's interval shall depend on what else is asked.
                drawn = rng.choice(residuals, size=(len(values), 1))
                here = values[:, rows, t]
                log = self.fit.objective.log
                values[:, rows, t] = here * np.exp(drawn) if log else here + drawn
        return values

    def _index(self, groups: Sequence[str] | None, count: int) -> NDArrayInt:
        if groups is None:
            if len(self.fit.groups) > 1:
                raise DataError("the fit has several groups: name one for each row")
            return np.zeros(count, dtype=np.intp)
        try:
            return np.array([self.fit.groups.index(g) for g in groups], dtype=np.intp)
        except ValueError as error:
            raise DataError(f"a group was not fitted: {error}") from None


def bootstrap(
    found: Fit,
    x: Array,
    y: Array,
    groups: Sequence[str] | None = None,
    *,
    draws: int = 500,
    clusters: Sequence[str] | None = None,
    seed: int = 0,
) -> Bootstrap:
    """Refits `found`'s law to rows redrawn in each group, started from `found`'s parameters.

    Args:
        found: A fit to these rows.
        x: Features (N, F).
        y: Targets (N,) or (N, T).
        groups: Group of each row.
        draws: Number of refits; 1,000 and more for 95 % intervals that do not move.
        clusters: The run of each row, where checkpoints of one run are correlated; rows of one run
            are then redrawn together.
        seed: Seed of the draws.
    """
    table, targets = np.asarray(x, float), np.asarray(y, float)
    targets = targets[:, None] if targets.ndim == 1 else targets
    names = np.array(["all"] * len(table) if groups is None else list(groups))
    members = [np.flatnonzero(names == g) for g in found.groups]
    runs = (
        np.arange(len(table)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    )
    u = found.units.apply(table)
    index = np.array([found.groups.index(g) for g in names])
    fitted = evaluate(found.law, u, found.values[index].transpose(1, 2, 0))
    residual = targets - fitted
    if found.objective.log:
        residual = np.log(targets / np.maximum(fitted, 1e-300))
    size = len(found.law.parameters)
    noise = tuple(
        tuple(
            residual[rows, t] * np.sqrt(len(rows) / max(1, len(rows) - size))
            for t in range(targets.shape[1])
        )
        for rows in members
    )
    rng = np.random.default_rng(seed)
    drawn = []
    per = max(1, _CHUNK // (len(table) * targets.shape[1] * size))
    for first in range(0, draws, per):
        count = min(per, draws - first)
        batches = []
        for _ in range(count):
            weight = _multiplicities(members, runs, rng)
            batches.append(make_batch(found.law, found.objective, u, targets, weight, members))
        drawn.append(_refit(found, [b for b, _ in batches], np.stack([s for _, s in batches])))
    return Bootstrap(found, np.concatenate(drawn), noise)


def _multiplicities(
    members: Sequence[NDArrayInt], runs: NDArrayInt, rng: np.random.Generator
) -> Array:
    """How often each row is drawn (N,), runs with replacement within their group."""
    weight = np.zeros(len(runs))
    for rows in members:
        unique, inverse = np.unique(runs[rows], return_inverse=True)
        counts = np.bincount(rng.integers(len(unique), size=len(unique)), minlength=len(unique))
        weight[rows] = counts[inverse]
    return weight


def _refit(found: Fit, batches: Sequence[Batch], scales: Array) -> Array:
    """Parameters (draws, groups, targets, p) of batches that differ in rows' weights."""
    first = batches[0]
    whole = replace(
        first,
        x=tuple(np.concatenate([b.x[k] for b in batches]) for k in range(len(first.x))),
        y=np.concatenate([b.y for b in batches]),
        w=np.concatenate([b.w for b in batches]),
        delta=np.concatenate([b.delta for b in batches]),
    )
    values = found.values.reshape(-1, found.values.shape[2])
    start = np.tile(values, (len(batches), 1, 1))
    start[:, :, : first.count] /= scales[:, :, None]
    q, _ = minimise(
        whole, whole.coordinates(start.reshape(-1, values.shape[1])), gauss_newton, 60, 1e-8
    )
    refitted = whole.values(q).reshape(start.shape)
    refitted[:, :, : first.count] *= scales[:, :, None]
    return np.asarray(refitted.reshape(len(batches), *found.values.shape))


def ends(values: Array, level: float) -> tuple[Array, Array]:
    """Both ends of the central `level` of draws, along the first axis."""
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high
