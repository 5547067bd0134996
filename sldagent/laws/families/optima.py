"""Laws with an optimum in rate and batch: valleys in logarithms whose centre drifts with scale."""

from collections.abc import Iterator
from itertools import combinations_with_replacement, product

from sldagent.laws.expressions import Law, Parameter, Slot, amplitude, shape
from sldagent.laws.families.features import RESOURCES, Features, logarithms
from sldagent.laws.families.powers import exponent
from sldagent.task import Role

_STEP = "optimum lr = c N^a D^b, batch = d D^e: Step Law, Li et al. 2025, arXiv 2503.04715"
_PLAIN = ("valley", "steady_valley", "tied_valley", "surface")
_SURFACE = "quadratic response surface in logarithms, Box & Wilson 1951"


def optima(f: Features) -> Iterator[Law]:
    """Valleys over what scales in what is tuned (rate, batch).

    The scales are all resources, or size and data alone; of `valley`, `steady_valley`,
    `tied_valley` and `surface` also all but one of the counts, which may be of no account, or one
    tuned setting alone, as few runs allow few constants. With base = E + sum A_x x^-a_x over the
    scales, and for each tuned t the distance v_t = ln t - m_t - sum c_tx ln x from its drifting
    optimum:

    `valley` base + sum H_t v_t^2; in `steady_valley` the optima stay where they are; `tied_valley`
    measures the rate's distance also against the batch; `drifting_valley` lets the curvatures
    H_t prod x^h_tx drift; `relative_valley` base (1 + sum h_t v_t^2); `skewed_valley` prices too
    high and too low differently, by H_t (exp(s v) - s v - 1)/s^2.

    Surfaces are polynomials in all logarithms, linear in every coefficient: `surface` is quadratic,
    `cubic_surface` adds the third powers of what is tuned, which make one side of the valley
    steeper, `drifting_surface` also lets the curvatures drift with the scales. `coupled_surface`
    puts power laws of two scales, E + sum A_x x^-a_x + C prod x^-a_x, in the place of the
    polynomial in the scales, and `drifting_coupled_surface` does both.
    """
    tuned = f.with_role(Role.RATE, Role.BATCH)
    if not tuned:
        return
    resources, main = f.with_role(*RESOURCES), f.with_role(Role.SIZE, Role.DATA)
    for scales in dict.fromkeys((resources, main)):
        yield from _valleys(f, scales, tuned)
        yield from _surfaces(f, scales, tuned)
    for count in f.with_role(Role.COUNT):
        fewer = tuple(slot for slot in resources if slot is not count)
        if fewer != main:
            yield from _plain(f, fewer, tuned)
    for one in tuned if len(tuned) > 1 else ():
        for scales in dict.fromkeys((resources, main)):
            yield from _plain(f, scales, (one,))


def _plain(f: Features, scales: tuple[Slot, ...], tuned: tuple[Slot, ...]) -> Iterator[Law]:
    for law in (*_valleys(f, scales, tuned), *_surfaces(f, scales, tuned)):
        if law.name.removeprefix("signed ").partition("(")[0] in _PLAIN:
            yield law


def _valleys(f: Features, scales: tuple[Slot, ...], tuned: tuple[Slot, ...]) -> Iterator[Law]:
    slots = (*scales, *tuned)
    base = " + ".join(["E", *(f"A_{s.symbol}*{s.symbol}**(-a_{s.symbol})" for s in scales)])
    fixed = [
        f.floor(),
        *(f.amplitude(f"A_{s.symbol}") for s in scales),
        *(exponent(s) for s in scales),
    ]
    centres = [p for t in tuned for p in _centre(t, scales)]
    away = {t.symbol: _distance(t, scales) for t in tuned}
    curved = [amplitude(f"H_{t}", 1) for t in away]
    plain = " + ".join(f"H_{t}*{v}**2" for t, v in away.items())

    def law(family: str, formula: str, parameters: list[Parameter]) -> Law:
        return f.law(family, slots, formula, parameters, _STEP, centred=True)

    valley = [*fixed, *curved, *centres]
    yield law("valley", f"{base} + {plain}", valley)
    if scales:
        still = " + ".join(f"H_{t.symbol}*{_distance(t, ())}**2" for t in tuned)
        middles = [p for t in tuned for p in _centre(t, ())]
        yield law("steady_valley", f"{base} + {still}", [*fixed, *curved, *middles])
    if f.single(Role.RATE) in tuned and f.single(Role.BATCH) in tuned:
        tied = plain.replace(away["eta"], f"({away['eta']} - c_eta_b*ln(b))")
        yield law("tied_valley", f"{base} + {tied}", [*valley, shape("c_eta_b", -2.0, 2.0)])
    drift = " + ".join(
        f"H_{t}*{v}**2" + "".join(f"*{s.symbol}**h_{t}_{s.symbol}" for s in scales)
        for t, v in away.items()
    )
    drifts = [shape(f"h_{t}_{s.symbol}", -1.0, 1.0) for t in away for s in scales]
    if scales:
        yield law("drifting_valley", f"{base} + {drift}", [*valley, *drifts])
    relative = " + ".join(f"h_{t}*{v}**2" for t, v in away.items())
    widths = [shape(f"h_{t}", 1e-5, 1.0, log=True) for t in away]
    yield law("relative_valley", f"({base})*(1 + {relative})", [*fixed, *widths, *centres])
    skewed = " + ".join(f"H_{t}*(exp(s_{t}*{v}) - s_{t}*{v} - 1)/s_{t}**2" for t, v in away.items())
    skews = [shape(f"s_{t}", 0.05, 3.0) for t in away]
    yield law("skewed_valley", f"{base} + {skewed}", [*valley, *skews])


def _surfaces(f: Features, scales: tuple[Slot, ...], tuned: tuple[Slot, ...]) -> Iterator[Law]:
    slots = (*scales, *tuned)
    quadratic = [(), *_monomials(slots, 1), *_monomials(slots, 2)]
    cubic = [*quadratic, *_monomials(tuned, 3)]
    drift = [(s, *t) for s, t in product(scales, _monomials(tuned, 2))]
    for family, monomials in (
        ("surface", quadratic),
        ("cubic_surface", cubic),
        ("drifting_surface", [*cubic, *drift]),
    ):
        if family != "drifting_surface" or scales:
            yield _surface(f, family, slots, [], "", monomials)
    if len(scales) == 2:
        base = [f.floor(), *(f.amplitude(f"A_{s.symbol}") for s in scales), f.amplitude("C")]
        base += [exponent(s) for s in scales]
        powers = [f"{s.symbol}**(-a_{s.symbol})" for s in scales]
        terms = [f"A_{s.symbol}*{power}" for s, power in zip(scales, powers, strict=True)]
        formula = " + ".join(["E", *terms, f"C*{'*'.join(powers)}"])
        valley = [m for m in cubic if any(slot in tuned for slot in m)]
        yield _surface(f, "coupled_surface", slots, base, formula, valley)
        drifting = [*valley, *drift]
        yield _surface(f, "drifting_coupled_surface", slots, base, formula, drifting)


def _monomials(slots: tuple[Slot, ...], degree: int) -> list[tuple[Slot, ...]]:
    return list(combinations_with_replacement(slots, degree))


def _surface(
    f: Features,
    family: str,
    slots: tuple[Slot, ...],
    base: list[Parameter],
    formula: str,
    monomials: list[tuple[Slot, ...]],
) -> Law:
    """A base and a polynomial in logarithms with one coefficient for every monomial."""
    names = ["_".join(["c", *(s.symbol for s in m)]) if m else "c0" for m in monomials]
    terms = ["*".join([name, *logarithms(m)]) for name, m in zip(names, monomials, strict=True)]
    free = [amplitude(name) for name in names]
    whole = " + ".join([formula, *terms] if formula else terms)
    return f.law(family, slots, whole, [*base, *free], _SURFACE, centred=True)


def _centre(tuned: Slot, scales: tuple[Slot, ...]) -> list[Parameter]:
    t = tuned.symbol
    return [
        shape(f"m_{t}", -4.0, 4.0),
        *(shape(f"c_{t}_{s.symbol}", -2.0, 2.0) for s in scales),
    ]


def _distance(tuned: Slot, scales: tuple[Slot, ...]) -> str:
    t = tuned.symbol
    drift = "".join(f" - c_{t}_{s.symbol}*ln({s.symbol})" for s in scales)
    return f"(ln({t}) - m_{t}{drift})"
