"""Laws of size, data and unique data: what a repeated token is still worth."""

from collections.abc import Iterator
from typing import NamedTuple

from sldagent.laws.expressions import Law, Slot, shape
from sldagent.laws.families.features import Features
from sldagent.task import Role

_MUENNIGHOFF = "Muennighoff et al. 2023, arXiv 2305.16264"
_RELATIVE = "relative of Muennighoff et al. 2023"


class Repeated(NamedTuple):
    """Data that are seen again: texts over the slots' symbols."""

    slots: tuple[Slot, ...]
    total: str  # tokens or rows seen in all
    once: str  # those seen for the first time
    unique: str
    epochs: str
    again: str  # times that they are seen after the first, R


def repeated(f: Features) -> Repeated | None:
    """How the features say that data repeat; None where they do not.

    Data beside unique data, or one of both beside a count, which is then taken for the epochs.
    """
    d, u, k = (f.single(r) for r in (Role.DATA, Role.UNIQUE_DATA, Role.COUNT))
    if d is not None and u is not None:
        # Written without a unit: `fitting.units` divides D and U by the same centre.
        return Repeated((d, u), "D", "lesser(D, U)", "U", "(D/U)", "(greater(D/U, 1) - 1)")
    data = d or u
    if data is None or k is None:
        return None
    x = data.symbol
    return Repeated((data, k), f"({x}*K)", x, x, "K", "(greater(K, 1) - 1)")


def repeats(f: Features) -> Iterator[Law]:
    """Data-constrained laws.

    With epochs R = max(D/U - 1, 0), unique tokens used min(D, U) and a half-life R_D of repeats:

    `effective_data` E + A/N^alpha + B/D'^beta, D' = min(D, U) + U R_D (1 - exp(-R/R_D));
    `saturating_data` the same with D' = min(D, U) + U R_D R/(R + R_D);
    `drifting_repeats` and `drifting_tanh` let the half-life shrink with size, R_D N^-g, as larger
    models learn a repeated token by heart sooner, with an exponential and a hyperbolic tangent of
    R; `shared_repeats` is the first with beta = alpha;
    `effective_both` also caps the size that U can feed at n U^m, as the paper's
    U_N = min(N, N_opt(U)) does, and discounts what exceeds it with R_N;
    `overfit` adds C N^c (D/U)^d, the price of repeating, to Chinchilla's law.

    Where a count K tells how often data are seen, D is U K and R is K - 1; without a size the
    terms of N are left out.
    """
    n, seen = f.single(Role.SIZE), repeated(f)
    if seen is None:
        return
    once, unique, again = seen.once, seen.unique, seen.again
    x = seen.slots[0].symbol
    half = shape("R_D", 0.1, 300.0, log=True)
    decayed = f"({once} + {unique}*R_D*(1 - exp(-{again}/R_D)))"
    hyperbolic = f"({once} + {unique}*R_D*{again}/({again} + R_D))"
    if n is None:
        alone = [f.floor(), f.amplitude("B", f"{x}**beta"), shape("beta", 0.01, 2.0), half]
        law = "E + B*{}**(-beta)"
        yield f.law("effective_data", seen.slots, law.format(decayed), alone, _RELATIVE)
        yield f.law("saturating_data", seen.slots, law.format(hyperbolic), alone, _RELATIVE)
        return
    slots = (n, *seen.slots)
    base = [
        f.floor(),
        f.amplitude("A", "N**alpha"),
        f.amplitude("B", f"{x}**beta"),
        shape("alpha", 0.01, 2.0),
        shape("beta", 0.01, 2.0),
    ]
    law = "E + A*N**(-alpha) + B*{}**(-beta)"
    yield f.law("effective_data", slots, law.format(decayed), [*base, half], _MUENNIGHOFF)
    yield f.law("saturating_data", slots, law.format(hyperbolic), [*base, half], _RELATIVE)
    shrunk, drift = "(R_D*N**(-g))", shape("g", 0.0, 0.8)
    half_at_size = shape("R_D", 0.1, 300.0, log=True, unit="N**g")
    forgotten = f"({once} + {unique}*{shrunk}*(1 - exp(-{again}/{shrunk})))"
    bent = f"({once} + {unique}*{shrunk}*tanh({again}/{shrunk}))"
    drifting = [*base, half_at_size, drift]
    yield f.law("drifting_repeats", slots, law.format(forgotten), drifting, _RELATIVE)
    yield f.law("drifting_tanh", slots, law.format(bent), drifting, _RELATIVE)
    yield f.law(
        "shared_repeats",
        slots,
        f"E + A*N**(-alpha) + B*{forgotten}**(-alpha)",
        [
            f.floor(),
            f.amplitude("A", "N**alpha"),
            f.amplitude("B", f"{x}**alpha"),
            shape("alpha", 0.01, 2.0),
            half_at_size,
            drift,
        ],
        _RELATIVE,
    )
    fed = f"lesser(N, n*{unique}**m)"
    size = f"({fed} + {fed}*R_N*(1 - exp(-(N/{fed} - 1)/R_N)))"
    yield f.law(
        "effective_both",
        slots,
        f"E + A*{size}**(-alpha) + B*{decayed}**(-beta)",
        [
            *base,
            half,
            shape("n", 1e-3, 1e3, log=True, unit=f"N*{unique}**(-m)"),
            shape("m", 0.2, 2.0),
            shape("R_N", 0.1, 300.0, log=True),
        ],
        _MUENNIGHOFF,
    )
    yield f.law(
        "overfit",
        slots,
        f"E + A*N**(-alpha) + B*{seen.total}**(-beta) + C*N**c*{seen.epochs}**d",
        [
            *base,
            f.amplitude("C", f"N**(-c)*{seen.epochs}**(-d)"),
            shape("c", 0.0, 2.0),
            shape("d", 0.05, 2.0),
        ],
        _RELATIVE,
    )
