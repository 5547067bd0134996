"""Laws of size, data and unique data: what a repeated token is still worth."""

from collections.abc import Iterator

from sldagent.laws.expressions import Law, shape
from sldagent.laws.families.features import Features
from sldagent.task import Role

_MUENNIGHOFF = "Muennighoff et al. 2023, arXiv 2305.16264"
_RELATIVE = "relative of Muennighoff et al. 2023"


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
    """
    n, d, u = (f.single(r) for r in (Role.SIZE, Role.DATA, Role.UNIQUE_DATA))
    if n is None or d is None or u is None:
        return
    slots = (n, d, u)
    base = [
        f.floor(),
        f.amplitude("A", "N**alpha"),
        f.amplitude("B", "D**beta"),
        shape("alpha", 0.01, 2.0),
        shape("beta", 0.01, 2.0),
    ]
    # Written without a unit: `fitting.units` divides D and U by the same centre.
    epochs = "(greater(D/U, 1) - 1)"
    once = "lesser(D, U)"
    half = shape("R_D", 0.1, 300.0, log=True)
    decayed = f"({once} + U*R_D*(1 - exp(-{epochs}/R_D)))"
    hyperbolic = f"({once} + U*R_D*{epochs}/({epochs} + R_D))"
    law = "E + A*N**(-alpha) + B*{}**(-beta)"
    yield f.law("effective_data", slots, law.format(decayed), [*base, half], _MUENNIGHOFF)
    yield f.law("saturating_data", slots, law.format(hyperbolic), [*base, half], _RELATIVE)
    shrunk, drift = "(R_D*N**(-g))", shape("g", 0.0, 0.8)
    half_at_size = shape("R_D", 0.1, 300.0, log=True, unit="N**g")
    forgotten = f"({once} + U*{shrunk}*(1 - exp(-{epochs}/{shrunk})))"
    bent = f"({once} + U*{shrunk}*tanh({epochs}/{shrunk}))"
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
            f.amplitude("B", "D**alpha"),
            shape("alpha", 0.01, 2.0),
            half_at_size,
            drift,
        ],
        _RELATIVE,
    )
    fed = "lesser(N, n*U**m)"
    size = f"({fed} + {fed}*R_N*(1 - exp(-(N/{fed} - 1)/R_N)))"
    yield f.law(
        "effective_both",
        slots,
        f"E + A*{size}**(-alpha) + B*{decayed}**(-beta)",
        [
            *base,
            half,
            shape("n", 1e-3, 1e3, log=True, unit="N*U**(-m)"),
            shape("m", 0.2, 2.0),
            shape("R_N", 0.1, 300.0, log=True),
        ],
        _MUENNIGHOFF,
    )
    yield f.law(
        "overfit",
        slots,
        "E + A*N**(-alpha) + B*D**(-beta) + C*N**c*(D/U)**d",
        [
            *base,
            f.amplitude("C", "N**(-c)*(U/D)**d"),
            shape("c", 0.0, 2.0),
            shape("d", 0.05, 2.0),
        ],
        _RELATIVE,
    )
