"""The best split of a budget: size and data for C FLOPs, with what the fit leaves open.

C = 6 N D for a dense transformer's training (Kaplan et al. 2020). Where a law knows a learning rate
or a batch size, the best ones are taken at every scale.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from sldagent.errors import DataError
from sldagent.laws.expressions import Array, Law
from sldagent.laws.fitting import Fit
from sldagent.laws.tuning import BEYOND, no_optimum, on_edge, tune
from sldagent.laws.uncertainty import Bootstrap
from sldagent.task import Role

FLOPS_PER_TOKEN_PARAMETER = 6.0
_DECADES = 6.0  # how far either side of N = sqrt(C/6) the search looks
_GRID = 241
_TWICE = 60  # golden sections: 0.618^60 of a grid step is below rounding
_NO_OPTIMUM = (
    "it gets better without end along the budget: the law has no optimum, as one with a term for "
    "size and another for data has (`fit --law chinchilla`, or --candidate of a run)"
)
_TUNED = (Role.RATE, Role.BATCH)


@dataclass(frozen=True, slots=True)
class Allocation:
    """An optimum on the budget curve.

    Attributes:
        size: N*, parameters.
        data: D*, tokens.
        loss: The law's prediction there.
        warning: Empty, or why the optimum should not be trusted.
        tuned: Best rate and batch by symbol, where the law has them.
        found: Whether there is an optimum; without one the numbers mean nothing.
    """

    flops: float
    size: float
    data: float
    loss: float
    warning: str = ""
    tuned: dict[str, float] = field(default_factory=dict)
    found: bool = True


def chinchilla_optimum(values: dict[str, float], flops: float) -> Allocation:
    """Closed form for E + A/N^alpha + B/D^beta on C = 6 N D (Hoffmann et al. 2022, eq. 4).

    G = (alpha A / beta B)^(1/(alpha + beta)), N* = G (C/6)^(beta/(alpha + beta)), D* = C / (6 N*).

    Args:
        values: E, A, B, alpha, beta in parameters, tokens and the loss's unit.
        flops: The budget C.
    """
    e, a, b, alpha, beta = (values[name] for name in ("E", "A", "B", "alpha", "beta"))
    if min(a, b, alpha, beta) <= 0:
        raise DataError("an optimum needs positive A, B, alpha and beta")
    g = (alpha * a / (beta * b)) ** (1 / (alpha + beta))
    size = g * (flops / FLOPS_PER_TOKEN_PARAMETER) ** (beta / (alpha + beta))
    data = flops / (FLOPS_PER_TOKEN_PARAMETER * size)
    return Allocation(flops, size, data, e + a / size**alpha + b / data**beta)


def search_optimum(
    loss: Callable[[Array, Array], Array], flops: float, sections: int = _TWICE
) -> Allocation:
    """The least loss(N, D) on C = 6 N D: a grid in ln N, then golden sections about its best."""
    total = np.log(flops / FLOPS_PER_TOKEN_PARAMETER)
    span = _DECADES * np.log(10)
    grid = total / 2 + np.linspace(-span, span, _GRID)

    def value(log_n: Array) -> Array:
        with np.errstate(all="ignore"):
            got = loss(np.exp(log_n), np.exp(total - log_n))
        return np.where(np.isfinite(got), got, np.inf)

    known = value(grid)
    best = int(np.argmin(known))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, _GRID - 1)]
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(sections):
        inner = np.array([high - ratio * (high - low), low + ratio * (high - low)])
        left, right = value(inner)
        low, high = (low, inner[1]) if left <= right else (inner[0], high)
    at = np.array([(low + high) / 2])
    edge = best in (0, _GRID - 1)
    return Allocation(
        flops,
        float(np.exp(at[0])),
        float(np.exp(total - at[0])),
        float(value(at)[0]),
        _NO_OPTIMUM if edge else "",
        found=not edge,
    )


def allocate(
    found: Fit,
    flops: float | None,
    *,
    group: str | None = None,
    others: Mapping[str, float] | None = None,
    x: Array | None = None,
) -> Allocation:
    """N* and D* by a fitted law for a budget of C FLOPs, with the best rate and batch there.

    Args:
        found: A fit of a law with one size and one data slot, in parameters and tokens.
        flops: The budget C; None where `others` has size and data, and only rate and batch are
            asked for.
        group: The group whose parameters are used.
        others: Values of the law's other slots, by symbol; unique data "U" defaults to D, which is
            training without repeats, and rate and batch to their best values.
        x: Rows that were fitted (N, F), or two with the least and the largest of every feature: an
            optimum outside their range is warned of, and rate and batch are looked for in it, and
            up to ten times beyond it where they lie on its edge. Needed where the law has a free
            rate or batch.

    Raises:
        DataError: The law has no size or data slot, or a slot without a value.
    """
    problem = _Problem.of(found, others or {}, group, x)
    return _warned(problem, problem.solve(flops), x)


def allocation_intervals(
    drawn: Bootstrap,
    flops: float | None,
    *,
    group: str | None = None,
    others: Mapping[str, float] | None = None,
    x: Array | None = None,
    level: float = 0.95,
) -> tuple[dict[str, tuple[float, float]], float]:
    """Percentile intervals of N*, D*, D*/N*, the loss there, and of the best rate and batch.

    Every draw has its own optimum, of what is better by the fit to all rows. Other arguments as for
    `allocate`. Beside the intervals comes the share of draws that have an optimum; the others do
    not count.
    """
    columns: dict[str, list[float]] = {}
    seen = 0
    problem = _Problem.of(drawn.fit, others or {}, group, x)
    for fit in drawn.fits():
        best = replace(problem, found=fit).solve(flops, quick=True)
        if not best.found:
            continue
        seen += 1
        values = {"size": best.size, "data": best.data, "ratio": best.data / best.size}
        for name, value in {**values, "loss": best.loss, **best.tuned}.items():
            columns.setdefault(name, []).append(value)
    ends = [(1 - level) / 2, (1 + level) / 2]
    intervals = {
        name: (float(low), float(high))
        for name, (low, high) in (
            (name, np.nanquantile(values, ends)) for name, values in columns.items()
        )
    }
    return intervals, seen / max(1, len(drawn.draws))


@dataclass(frozen=True)
class _Problem:
    """A law with everything given that a budget and its tuned features do not decide."""

    found: Fit
    group: str | None
    given: Mapping[str, float]
    size: int
    data: int
    tuned: tuple[tuple[str, int], ...]  # symbol and column
    low: Array
    high: Array
    sign: float  # -1 where more of the target is better, as of an accuracy

    @classmethod
    def of(
        cls, found: Fit, given: Mapping[str, float], group: str | None, x: Array | None
    ) -> "_Problem":
        law = found.law
        size, data = _slot(law, Role.SIZE), _slot(law, Role.DATA)
        tuned = []
        for slot in law.slots:
            free = slot.column in (size, data) or slot.role is Role.UNIQUE_DATA
            if free or slot.symbol in given:
                continue
            if slot.role not in _TUNED or x is None:
                raise DataError(f"{law.name} also needs a value for {slot.symbol}")
            tuned.append((slot.symbol, slot.column))
        columns = [column for _, column in tuned]
        rows = np.ones((1, len(found.units.scale))) if x is None else x
        low, high = rows[:, columns].min(axis=0), rows[:, columns].max(axis=0)
        problem = cls(found, group, given, size, data, tuple(tuned), low, high, 1.0)
        return problem if x is None else replace(problem, sign=problem._direction(x))

    def _direction(self, x: Array) -> float:
        """-1 where the target rises from the least size and data to the largest.

        Unique data go with the data, whatever is given for them: a large model may well be worse
        than a small one where data are few.
        """
        ends = np.stack([x.min(axis=0), x.max(axis=0)])
        rows = self._rows(ends[:, self.size], ends[:, self.data])
        rows[:, [column for _, column in self.tuned]] = np.sqrt(self.low * self.high)
        for slot in self.found.law.slots:
            if slot.role is Role.UNIQUE_DATA:
                rows[:, slot.column] = ends[:, slot.column]
        first, last = self.found.predict(rows, self.group)[:, 0]
        return -1.0 if last > first else 1.0

    def solve(self, flops: float | None, quick: bool = False) -> Allocation:
        """The optimum; `quick` gives up digits that an interval has no use for."""
        fixed = [self._given(column) for column in (self.size, self.data)]
        if flops is not None and fixed != [None, None]:
            raise DataError("a budget decides size and data: give it, or both of them")
        if flops is None:
            n, d = fixed
            if n is None or d is None:
                raise DataError("without a budget both size and data must be given")
            if n <= 0 or d < 0 or (d == 0 and not self.found.units.shift[self.data]):
                raise DataError(f"size and data must be above zero: {n:g}, {d:g}")
            flops = FLOPS_PER_TOKEN_PARAMETER * n * d
            best = Allocation(flops, n, d, float(self.loss(np.array([n]), np.array([d]))[0]))
        elif self._is_plain():
            params = self.found.params(self.group)
            if min(params[name] for name in ("A", "B", "alpha", "beta")) <= 0:
                words = "a term vanished: there is no optimum"
                return Allocation(flops, np.nan, np.nan, np.nan, words, found=False)
            best = chinchilla_optimum(params, flops)
        elif quick and self.tuned:
            best = search_optimum(lambda n, d: self.loss(n, d, 8), flops, sections=12)
        else:
            best = search_optimum(self.loss, flops)
        if not self.tuned:
            return replace(best, loss=self.sign * best.loss)
        values, least = self._tune(np.array([best.size]), np.array([best.data]), 16)
        named = {symbol: float(v) for (symbol, _), v in zip(self.tuned, values[0], strict=True)}
        return replace(best, tuned=named, loss=self.sign * float(least[0]))

    def loss(self, n: Array, d: Array, rounds: int = 16) -> Array:
        """What is to be least at sizes and data (M,), the tuned features at their best."""
        if not self.tuned:
            return self.sign * self.found.predict(self._rows(n, d), self.group)[:, 0]
        return self._tune(n, d, rounds)[1]

    def _tune(self, n: Array, d: Array, rounds: int) -> tuple[Array, Array]:
        columns = [column for _, column in self.tuned]

        def loss(values: Array) -> Array:
            points = values.shape[1]
            rows = np.repeat(self._rows(n, d), points, axis=0)
            rows[:, columns] = values.reshape(-1, values.shape[2])
            return self.sign * self.found.predict(rows, self.group)[:, 0].reshape(len(n), points)

        return tune(loss, self.low, self.high, len(n), rounds)

    def _rows(self, n: Array, d: Array) -> Array:
        rows = np.ones((len(n), len(self.found.units.scale)))
        for slot in self.found.law.slots:
            if slot.role is Role.UNIQUE_DATA:
                rows[:, slot.column] = self.given.get(slot.symbol, d)
            elif slot.symbol in self.given:
                rows[:, slot.column] = self.given[slot.symbol]
        rows[:, self.size], rows[:, self.data] = n, d
        return rows

    def _is_plain(self) -> bool:
        """Whether the optimum is known in closed form."""
        shift = self.found.units.shift
        known = self.found.law.name.startswith(("chinchilla(", "signed chinchilla("))
        return known and self.sign > 0 and not (shift[self.size] or shift[self.data])

    def _given(self, column: int) -> float | None:
        symbol = next(s.symbol for s in self.found.law.slots if s.column == column)
        return self.given.get(symbol)


def _warned(problem: _Problem, best: Allocation, x: Array | None) -> Allocation:
    """With a warning where the optimum lies outside the data."""
    if x is None or best.warning:
        return best
    places = [("N", problem.size, best.size), ("D", problem.data, best.data)]
    places += [(symbol, column, best.tuned[symbol]) for symbol, column in problem.tuned]
    ends = problem.low / BEYOND, problem.high * BEYOND
    endless = [
        no_optimum(symbol, value)
        for k, (symbol, _) in enumerate(problem.tuned)
        for value in [best.tuned[symbol]]
        if on_edge(np.array([value]), ends[0][k : k + 1], ends[1][k : k + 1]).any()
    ]
    outside = [
        f"{symbol}* = {value:.3g} lies outside the data ({low:.3g} to {high:.3g})"
        for symbol, column, value in places
        for low, high in [(x[:, column].min(), x[:, column].max())]
        if not low <= value <= high
    ]
    return replace(best, warning="; ".join([*endless, *outside]))


def _slot(law: Law, role: Role) -> int:
    columns = [slot.column for slot in law.slots if slot.role is role]
    if len(columns) != 1:
        raise DataError(f"{law.name} does not have exactly one {role} slot")
    return columns[0]
