"""Power laws in the resources (size, data, unique data, counts) and in every subset of them."""

from collections.abc import Iterator
from itertools import combinations, combinations_with_replacement

from sldagent.laws.expressions import Law, Parameter, Slot, amplitude, shape
from sldagent.laws.families.features import MANY, RESOURCES, Features, logarithms
from sldagent.task import Role

_KAPLAN = "Kaplan et al. 2020, arXiv 2001.08361"
_CHINCHILLA = "Hoffmann et al. 2022, arXiv 2203.15556, approach 3"
_MEAN = "generalised mean of the terms; cf. Kaplan et al. 2020, eq. 1.5"
_LOGLINEAR = "observational scaling laws, Ruan et al. 2024, arXiv 2405.10938"
_TRANSLOG = "translog function, Christensen, Jorgenson & Lau 1973"
_RECTIFIED = "rectified law of several resources, cf. Lin et al. 2024, arXiv 2402.02314"
_RELATIVE = "relative of Hoffmann et al. 2022 with coupled terms"


def exponent(slot: Slot, prefix: str = "a") -> Parameter:
    """The exponent of a slot; a count may help or harm."""
    return shape(f"{prefix}_{slot.symbol}", -1.0 if slot.role is Role.COUNT else 0.01, 2.0)


def _term(slot: Slot) -> str:
    return f"A_{slot.symbol}*{slot.symbol}**(-a_{slot.symbol})"


def _product(slots: tuple[Slot, ...], sign: str = "-") -> str:
    return "*".join(f"{s.symbol}**({sign}a_{s.symbol})" for s in slots)


def _product_unit(slots: tuple[Slot, ...]) -> str:
    return "*".join(f"{s.symbol}**a_{s.symbol}" for s in slots)


def powers(f: Features) -> Iterator[Law]:
    """All power laws over the resources.

    `power` A prod x^-a; `product` the same over a floor E; `saturating` E + A/(1 + q prod x^a),
    level where all resources are scarce and again where they abound; `additive` E + sum A_x x^-a;
    `coupled` adds C prod x^-a with the same exponents; `split` is E + one term + a product of the
    others; `mean` is E + A (x^-a + R y^-b)^k, which is `additive` at k = 1 and picks the worse at
    k -> 0; `kaplan` is A (N^(-a/b) + R/D)^b, that is [(N_c/N)^(a/b) + D_c/D]^b; `farseer` lets the
    exponent of D drift with N; `translog` is a full quadratic in logarithms, whose coefficients
    take either sign, and `loglinear`, of signed targets, its linear part.
    """
    for slots in f.subsets(RESOURCES):
        exponents = [exponent(s) for s in slots]
        unit = _product_unit(slots)
        amplitudes = [f.amplitude(f"A_{s.symbol}", f"{s.symbol}**a_{s.symbol}") for s in slots]
        product = [f.amplitude("A", unit), *exponents]
        yield f.law("power", slots, f"A*{_product(slots)}", product, _KAPLAN)
        yield f.law("product", slots, f"E + A*{_product(slots)}", [f.floor(), *product], _KAPLAN)
        if f.signed:
            yield _loglinear(f, slots)
        if len(slots) <= MANY:
            yield _translog(f, slots)
        if len(slots) == 1:
            continue
        yield f.law(
            "saturating",
            slots,
            f"E + A/(1 + q*{_product(slots, sign='')})",
            [
                f.floor(),
                f.amplitude("A"),
                *exponents,
                shape("q", 1e-3, 1e3, log=True, unit=_product(slots)),
            ],
            _RECTIFIED,
        )
        total = " + ".join(["E", *map(_term, slots)])
        whole = [f.floor(), *amplitudes, *exponents]
        if {s.role for s in slots} != {Role.SIZE, Role.DATA}:
            yield f.law("additive", slots, total, whole, _RELATIVE)
        coupled = [*whole, f.amplitude("C", unit)]
        yield f.law("coupled", slots, f"{total} + C*{_product(slots)}", coupled, _RELATIVE)
        if len(slots) == 2:
            yield from _means(f, slots)
        elif len(slots) <= MANY:
            yield from _splits(f, slots)
    yield from _named(f)


def _loglinear(f: Features, slots: tuple[Slot, ...]) -> Law:
    formula = " + ".join(["c0", *(f"c_{s.symbol}*ln({s.symbol})" for s in slots)])
    free = [amplitude("c0"), *(amplitude(f"c_{s.symbol}") for s in slots)]
    return f.law("loglinear", slots, formula, free, _LOGLINEAR, centred=True)


def _translog(f: Features, slots: tuple[Slot, ...]) -> Law:
    terms = ["c0", *(f"c_{s.symbol}*ln({s.symbol})" for s in slots)]
    terms += [
        "*".join([f"c_{s.symbol}_{t.symbol}", *logarithms((s, t))])
        for s, t in combinations_with_replacement(slots, 2)
    ]
    free = [amplitude(term.partition("*")[0]) for term in terms]
    return f.law("translog", slots, " + ".join(terms), free, _TRANSLOG, centred=True)


def _splits(f: Features, slots: tuple[Slot, ...]) -> Iterator[Law]:
    for pair in combinations(slots, 2):
        rest = tuple(s for s in slots if s not in pair)
        formula = f"E + B*{_product(pair)} + " + " + ".join(map(_term, rest))
        parameters = [
            f.floor(),
            f.amplitude("B", _product_unit(pair)),
            *(f.amplitude(f"A_{s.symbol}", f"{s.symbol}**a_{s.symbol}") for s in rest),
            *(exponent(s) for s in slots),
        ]
        yield f.law("split", (*rest, *pair), formula, parameters, _RELATIVE)


def _means(f: Features, slots: tuple[Slot, ...]) -> Iterator[Law]:
    x, y = slots
    a, b = f"a_{x.symbol}", f"a_{y.symbol}"
    parameters = [
        f.floor(),
        f.amplitude("A", f"{x.symbol}**({a}*k)"),
        shape("R", 1e-3, 1e3, log=True, unit=f"{y.symbol}**{b}*{x.symbol}**(-{a})"),
        shape("k", 0.05, 4.0, log=True),
        exponent(x),
        exponent(y),
    ]
    formula = f"E + A*({x.symbol}**(-{a}) + R*{y.symbol}**(-{b}))**k"
    yield f.law("mean", slots, formula, parameters, _MEAN)


def _named(f: Features) -> Iterator[Law]:
    n, d = f.single(Role.SIZE), f.single(Role.DATA)
    if n is None or d is None:
        return
    yield f.law(
        "chinchilla",
        (n, d),
        "E + A*N**(-alpha) + B*D**(-beta)",
        [
            f.floor(),
            f.amplitude("A", "N**alpha"),
            f.amplitude("B", "D**beta"),
            shape("alpha", 0.01, 2.0),
            shape("beta", 0.01, 2.0),
        ],
        _CHINCHILLA,
    )
    yield f.law(
        "kaplan",
        (n, d),
        "A*(N**(-a_N/a_D) + R/D)**a_D",
        [
            f.amplitude("A", "N**a_N"),
            shape("R", 1e-4, 1e4, log=True, unit="D*N**(-a_N/a_D)"),
            shape("a_N", 0.01, 1.5),
            shape("a_D", 0.02, 1.5),
        ],
        _KAPLAN + ", eq. 1.5",
    )
    yield f.law(
        "farseer",
        (n, d),
        # The paper's s N^q + S is written as s (N^q - 1)/q, likewise its other two exponents: for
        # the small q, g and p that occur, s N^q and S hardly differ, and neither can be found.
        "A*exp(s*(N**q - 1)/q) + C*exp(B*(N**g - 1)/g)*(D/T)**(-h*exp(a*(N**p - 1)/p))",
        [
            f.amplitude("A"),
            f.amplitude("C"),
            shape("s", -1.0, 0.0),
            shape("q", 0.02, 1.0),
            shape("B", -3.0, 0.5),
            shape("g", -1.0, -0.02),
            shape("h", 0.02, 1.5, log=True),
            shape("a", -0.5, 0.5),
            shape("p", 0.02, 0.5),
            # With an exponent that drifts, the unit of D matters: the paper's is one token.
            shape("T", 1e-13, 1.0, log=True, unit="D"),
        ],
        "Farseer, arXiv 2506.10972",
        centred=True,
    )
