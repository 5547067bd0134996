"""The best split of a budget: size and data for C FLOPs, with what the constants leave open.

C = 6 N D for a dense transformer's training (Kaplan et al. 2020). Where a law knows a learning rate
or a batch size, the best ones are taken at every scale. A law is asked for values only, so that a
family's fit and a program of a search spend budgets in the same way.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sldagent.errors import UsageError
from sldagent.laws.expressions import Array
from sldagent.laws.fitting import Fit
from sldagent.laws.fitting.result import evaluate
from sldagent.laws.tuning import BEYOND, no_optimum, on_edge, tune
from sldagent.task import Role

FLOPS_PER_TOKEN_PARAMETER = 6.0
Values = Callable[[Array], Array]
"""Rows (K, M, F), those of k for the k-th set of constants, to values (K, M)."""

_DECADES = 6.0  # how far either side of N = sqrt(C/6) the search looks
_GRID = 241
_ZOOM = 21  # points of each narrower grid, which is as wide as two steps of the one before
_ZOOMS = 8  # to 1e-8 of N, what rounding leaves of a minimum's place
_ZOOMS_DRAWN = 3  # to a thousandth: an interval has no use for more
_AROUND = float(np.log(100.0))  # where refits that are tuned, too, are looked for about the best
_ROUNDS, _ROUNDS_DRAWN = 16, 8  # grids of rate and batch
_TUNED = (Role.RATE, Role.BATCH)
_NO_OPTIMUM = (
    "it gets better without end along the budget: the law has no optimum, as one with a term for "
    "size and another for data has (`fit --law chinchilla`, or --candidate of a run)"
)


@dataclass(frozen=True, slots=True)
class Allocation:
    """An optimum on the budget curve.

    Attributes:
        size: N*, parameters.
        data: D*, tokens.
        loss: The law's prediction there.
        tuned: Best rate and batch by feature, where the law has them.
        intervals: Percentile intervals of size, data, ratio (D*/N*), loss and what is tuned, over
            the refits that have an optimum; empty where there are none.
        warning: Empty, or why the optimum should not be trusted.
        found: Whether there is an optimum; without one the numbers mean nothing.
    """

    flops: float
    size: float
    data: float
    loss: float
    tuned: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    warning: str = ""
    found: bool = True


@dataclass(frozen=True, slots=True)
class _Optima:
    """One optimum for each of K sets of constants; what is least is `sign` times the target."""

    size: Array
    data: Array
    least: Array
    tuned: Array  # (K, tuned features)
    found: NDArray[np.bool_]


@dataclass(frozen=True)
class Budget:
    """A law's features on a budget curve: two that it ties, some tuned, the rest given.

    Attributes:
        names: Of the columns.
        box: Least and largest value of each among the rows (2, F). An optimum outside is warned of;
            rate and batch are looked for inside, and up to ten times beyond where they lie on its
            edge.
        given: Values by column.
        size: The column of N.
        data: The column of D.
        unique: Columns of unique data; where not given they are D, training without repeats.
        tuned: Columns of rates and batches that are not given.
    """

    names: tuple[str, ...]
    box: Array
    given: Mapping[int, float]
    size: int
    data: int
    unique: list[int]
    tuned: list[int]

    @classmethod
    def of(
        cls, names: Sequence[str], roles: Sequence[Role | None], box: Array,
        given: Mapping[int, float], read: Collection[int],
    ) -> "Budget":  # fmt: skip
        """The problem of a law that reads the columns `read`.

        Raises:
            UsageError: It does not have one size and one data, or has a feature without a value.
        """
        size, data = (_column(roles, role, read) for role in (Role.SIZE, Role.DATA))
        unique = [j for j in read if roles[j] is Role.UNIQUE_DATA]
        tuned = [j for j in read if roles[j] in _TUNED and j not in given]
        for j in set(read) - {size, data, *unique, *tuned, *given}:
            raise UsageError(f"a budget also needs a value for {names[j]}")
        return cls(tuple(names), box, given, size, data, unique, tuned)

    def solve(
        self, flops: float | None, own: Values, drawn: Values, draws: int, level: float
    ) -> Allocation:
        """N* and D* for C FLOPs, with the best rate and batch there.

        Args:
            flops: The budget C; None where size and data are given, and only rate and batch are
                asked for.
            own: The law (K = 1).
            drawn: Its refits, each of which has an optimum of its own, of what is better by the
                law.
            draws: Number of the refits (K); without any there are no intervals.
            level: Of the intervals.

        Raises:
            UsageError: Size and data are neither given nor to be found, or both.
        """
        sign = self._sign(own)
        if flops is None:
            place = self._place()
            flops = FLOPS_PER_TOKEN_PARAMETER * place[0] * place[1]
            best = self._at(own, 1, sign, place, _ROUNDS)
        elif {self.size, self.data} & self.given.keys():
            raise UsageError("a budget decides size and data: give it, or both of them")
        else:
            middle = np.log(flops / FLOPS_PER_TOKEN_PARAMETER) / 2
            wide = np.log(10) * _DECADES
            grids = [_GRID] + [_ZOOM] * _ZOOMS
            best = self._along(own, np.array([middle]), sign, flops, wide, grids, _ROUNDS)
        size, data, least = float(best.size[0]), float(best.data[0]), float(best.least[0])
        if not best.found[0]:
            return Allocation(flops, np.nan, np.nan, np.nan, warning=_NO_OPTIMUM, found=False)
        words = self._warnings(size, data, best.tuned[0])
        intervals: dict[str, tuple[float, float]] = {}
        if draws:
            if {self.size, self.data} <= self.given.keys():
                spread = self._at(drawn, draws, sign, (size, data), _ROUNDS_DRAWN)
            elif self.tuned:
                start, grids = np.full(draws, np.log(size)), [_ZOOM, _ZOOM]
                spread = self._along(drawn, start, sign, flops, _AROUND, grids, _ROUNDS_DRAWN)
            else:
                start, grids = np.full(draws, middle), [_GRID] + [_ZOOM] * _ZOOMS_DRAWN
                spread = self._along(drawn, start, sign, flops, wide, grids, _ROUNDS_DRAWN)
            intervals = self._intervals(spread, sign, level)
            if not spread.found.all():
                gone = 1 - spread.found.mean()
                words.append(f"{gone:.0%} of the refits have no optimum and do not count")
        if set(self.unique) - self.given.keys():
            words.append("all data are taken to be unique, none repeated")
        tuned = zip([self.names[j] for j in self.tuned], best.tuned[0].tolist(), strict=True)
        return Allocation(flops, size, data, sign * least, dict(tuned), intervals, "; ".join(words))

    def _place(self) -> tuple[float, float]:
        """Size and data as they are given."""
        if not {self.size, self.data} <= self.given.keys():
            raise UsageError("without a budget (--flops) give both size and data")
        n, d = self.given[self.size], self.given[self.data]
        if n <= 0 or d < 0 or (d == 0 and self.box[0, self.data] > 0):
            raise UsageError(f"size and data must be above zero: {n:g}, {d:g}")
        return n, d

    def _at(
        self, values: Values, sets: int, sign: float, place: tuple[float, float], rounds: int
    ) -> _Optima:
        """The best rate and batch of each set of constants, size and data being given."""
        n, d = (np.full((sets, 1), value) for value in place)
        least, tuned = self._least(values, n, d, sign, rounds)
        found = np.isfinite(least[:, 0])
        return _Optima(n[:, 0], d[:, 0], least[:, 0], tuned[:, 0], found)

    def _along(
        self, values: Values, centre: Array, sign: float, flops: float, half: float,
        grids: Sequence[int], rounds: int,
    ) -> _Optima:  # fmt: skip
        """The best of each set of constants on the budget, by ever narrower grids in ln N.

        `centre` (K,) and `half` say where the first one lies; who ends on its edge has no optimum.
        """
        total = np.log(flops / FLOPS_PER_TOKEN_PARAMETER)
        chosen, inside = np.arange(len(centre)), np.ones(len(centre), dtype=np.bool_)
        for number, points in enumerate(grids):
            log_n = centre[:, None] + np.linspace(-half, half, points)
            least, tuned = self._least(values, np.exp(log_n), np.exp(total - log_n), sign, rounds)
            best = least.argmin(axis=1)
            if number == 0:
                inside = (best > 0) & (best < points - 1)
            centre, half = log_n[chosen, best], 2 * half / (points - 1)
        inside &= np.isfinite(least[chosen, best])
        return _Optima(
            np.exp(centre), np.exp(total - centre), least[chosen, best], tuned[chosen, best], inside
        )

    def _least(
        self, values: Values, n: Array, d: Array, sign: float, rounds: int
    ) -> tuple[Array, Array]:
        """What is to be least at sizes and data (K, M), and the best of what is tuned (K, M, .)."""
        if not self.tuned:
            got = sign * values(self._rows(n, d, np.empty((*n.shape, 0))))
            return np.where(np.isfinite(got), got, np.inf), np.empty((*n.shape, 0))

        def loss(at: Array) -> Array:
            shape = (len(n), n.shape[1] * at.shape[1])
            wide_n, wide_d = (np.repeat(each, at.shape[1], axis=1) for each in (n, d))
            rows = self._rows(wide_n, wide_d, at.reshape(*shape, len(self.tuned)))
            return sign * values(rows).reshape(at.shape[:2])

        ends = self.box[:, self.tuned]
        best, least = tune(loss, ends[0], ends[1], n.size, rounds)
        return least.reshape(n.shape), best.reshape(*n.shape, len(self.tuned))

    def _rows(self, n: Array, d: Array, tuned: Array) -> Array:
        """Rows (K, M, F); columns that the law does not read are one."""
        rows = np.ones((*n.shape, len(self.names)))
        rows[..., self.unique] = d[..., None]
        rows[..., self.tuned] = tuned
        for column, value in self.given.items():
            rows[..., column] = value
        rows[..., self.size], rows[..., self.data] = n, d
        return rows

    def _sign(self, own: Values) -> float:
        """-1 where the target rises from the least size and data to the largest, as accuracies.

        Unique data go with the data, whatever is given for them: a large model may well be worse
        than a small one where data are few.
        """
        middle = np.sqrt(np.prod(self.box[:, self.tuned], axis=0))
        ends = self.box[:, [self.size, self.data]]
        rows = self._rows(ends[None, :, 0], ends[None, :, 1], np.tile(middle, (1, 2, 1)))
        rows[0][:, self.unique] = self.box[:, self.unique]
        first, last = own(rows)[0]
        return -1.0 if last > first else 1.0

    def _intervals(
        self, spread: _Optima, sign: float, level: float
    ) -> dict[str, tuple[float, float]]:
        if not spread.found.any():
            return {}
        tuned = zip([self.names[j] for j in self.tuned], spread.tuned.T, strict=True)
        columns = {
            "size": spread.size, "data": spread.data, "ratio": spread.data / spread.size,
            "loss": sign * spread.least, **dict(tuned),
        }  # fmt: skip
        ends = [(1 - level) / 2, (1 + level) / 2]
        pairs = {name: np.quantile(each[spread.found], ends) for name, each in columns.items()}
        return {name: (float(low), float(high)) for name, (low, high) in pairs.items()}

    def _warnings(self, size: float, data: float, tuned: Array) -> list[str]:
        """Where the optimum lies outside the data, or rate and batch have none."""
        edge = on_edge(tuned, self.box[0, self.tuned] / BEYOND, self.box[1, self.tuned] * BEYOND)
        words = [
            no_optimum(self.names[j], value)
            for j, value, end in zip(self.tuned, tuned, edge, strict=True)
            if end
        ]
        places = [(self.size, size), (self.data, data), *zip(self.tuned, tuned, strict=True)]
        for column, value in places:
            low, high = self.box[:, column]
            if not low <= value <= high:
                where = f"{self.names[column]} = {value:.3g} lies outside the data"
                words.append(f"{where} ({low:.3g} to {high:.3g})")
        return words


def values_of(found: Fit, constants: Array) -> Values:
    """A fitted law as a function of rows, with sets of constants (K, p) in the fit's units."""

    def values(rows: Array) -> Array:
        u = found.units.apply(rows.reshape(-1, rows.shape[2]))
        columns = np.repeat(constants, rows.shape[1], axis=0).T[None]
        return evaluate(found.law, u, columns).reshape(rows.shape[:2])

    return values


def _column(roles: Sequence[Role | None], role: Role, read: Collection[int]) -> int:
    columns = [j for j in read if roles[j] is role]
    if len(columns) != 1:
        raise UsageError(f"a budget needs a law with exactly one feature of role {role}")
    return columns[0]
