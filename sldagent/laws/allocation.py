"""The best split of a budget: size and data for C FLOPs, with what the fit leaves open.

C = 6 N D for a dense transformer's training (Kaplan et al. 2020).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sldagent.errors import DataError
from sldagent.laws.expressions import Array, Law
from sldagent.laws.fitting import Fit
from sldagent.laws.uncertainty import Bootstrap
from sldagent.task import Role

FLOPS_PER_TOKEN_PARAMETER = 6.0
_DECADES = 6.0  # how far either side of N = sqrt(C/6) the search looks
_GRID = 241
_TWICE = 60  # golden sections: 0.618^60 of a grid step is below rounding


@dataclass(frozen=True, slots=True)
class Allocation:
    """An optimum on the budget curve.

    Attributes:
        size: N*, parameters.
        data: D*, tokens.
        loss: The law's prediction there.
        warning: Empty, or why the optimum should not be trusted.
    """

    flops: float
    size: float
    data: float
    loss: float
    warning: str = ""


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


def search_optimum(loss: Callable[[Array, Array], Array], flops: float) -> Allocation:
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
    for _ in range(_TWICE):
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
        "the loss still falls at the end of the search: the law has no optimum" if edge else "",
    )


def allocate(
    found: Fit,
    flops: float,
    *,
    group: str | None = None,
    others: dict[str, float] | None = None,
    x: Array | None = None,
) -> Allocation:
    """N* and D* by a fitted law for a budget of C FLOPs.

    Args:
        found: A fit of a law with one size and one data slot, in parameters and tokens.
        flops: The budget C.
        group: The group whose parameters are used.
        others: Values of the law's other slots, by symbol; unique data "U" defaults to D, which is
            training without repeats.
        x: The rows that were fitted (N, F); an optimum outside their range is warned of.

    Raises:
        DataError: the law has no size or data slot, or a slot without a value.
    """
    law = found.law
    size, data = _slot(law, Role.SIZE), _slot(law, Role.DATA)
    given = others or {}
    for slot in law.slots:
        free = slot.column in (size, data) or slot.role is Role.UNIQUE_DATA
        if not free and slot.symbol not in given:
            raise DataError(f"{law.name} also needs a value for {slot.symbol}")

    if law.name.startswith(("chinchilla(", "signed chinchilla(")):
        params = found.params(group)
        if min(params[name] for name in ("A", "B", "alpha", "beta")) <= 0:
            best = Allocation(flops, np.nan, np.nan, np.nan, "a term vanished: there is no optimum")
        else:
            best = chinchilla_optimum(params, flops)
    else:

        def loss(n: Array, d: Array) -> Array:
            rows = np.ones((len(n), len(found.units.scale)))
            for slot in law.slots:
                if slot.role is Role.UNIQUE_DATA:
                    rows[:, slot.column] = given.get(slot.symbol, d)
                elif slot.column not in (size, data):
                    rows[:, slot.column] = given[slot.symbol]
            rows[:, size], rows[:, data] = n, d
            return found.predict(rows, group)[:, 0]

        best = search_optimum(loss, flops)
    if x is None or best.warning:
        return best
    outside = [
        f"{symbol}* = {value:.3g} lies outside the data ({low:.3g} to {high:.3g})"
        for symbol, value, low, high in (
            ("N", best.size, x[:, size].min(), x[:, size].max()),
            ("D", best.data, x[:, data].min(), x[:, data].max()),
        )
        if not low <= value <= high
    ]
    return Allocation(flops, best.size, best.data, best.loss, "; ".join(outside))


def allocation_intervals(
    drawn: Bootstrap,
    flops: float,
    *,
    group: str | None = None,
    others: dict[str, float] | None = None,
    level: float = 0.95,
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of N*, D*, D*/N* and the loss there, every draw with its own optimum."""
    best = [allocate(f, flops, group=group, others=others) for f in drawn.fits()]
    columns = {
        "size": [b.size for b in best],
        "data": [b.data for b in best],
        "ratio": [b.data / b.size for b in best],
        "loss": [b.loss for b in best],
    }
    ends = [(1 - level) / 2, (1 + level) / 2]
    return {
        name: (float(low), float(high))
        for name, (low, high) in (
            (name, np.nanquantile(values, ends)) for name, values in columns.items()
        )
    }


def _slot(law: Law, role: Role) -> int:
    columns = [slot.column for slot in law.slots if slot.role is role]
    if len(columns) != 1:
        raise DataError(f"{law.name} does not have exactly one {role} slot")
    return columns[0]
