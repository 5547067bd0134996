"""Curves in one resource: shifts, saturation, breaks."""

from collections.abc import Iterator

from sldagent.laws.expressions import Law, Slot, shape
from sldagent.laws.families.features import RESOURCES, Features

_RECTIFIED = "rectified law, Lin et al. 2024, arXiv 2402.02314"
_SHIFTED = "Alabdulmohsin et al. 2022, arXiv 2209.06640, M3"
_BNSL = "Caballero et al. 2022, arXiv 2210.14891"
_GAO = "reward over-optimisation, Gao et al. 2022, arXiv 2210.10760"
_WEIBULL = "Weibull learning curve, Viering & Loog 2021, arXiv 2103.10948"


def curves(f: Features) -> Iterator[Law]:
    """Laws of one resource x.

    `hill` E + A/(x^a + k); `plateau` the same without E; `shifted` E + A (x + d)^-a; `onset`
    A (1 + (x/d)^(1/w))^(-a w), flat below d, a power law above; `weibull` E + A exp(-(x/t)^a);
    `logarithmic` E - A ln x; `broken` E + A x^-a (1 + (x/d)^(1/w))^(-c w), a break at d of width w.
    Of targets that may rise, `overoptimised` x^a (A - B ln x), as of a reward over the distance to
    the first policy; with another resource y the logarithm of y moves A and B.
    """
    for slot in f.with_role(*RESOURCES):
        x = slot.symbol
        floor, a = f.floor(), shape("a", 0.01, 2.5)
        half = f.amplitude("A", f"{x}**a")
        kappa = shape("k", 1e-4, 1e4, log=True, unit=f"{x}**a")
        place = shape("d", 1e-4, 1e3, log=True, unit=x)
        width = shape("w", 0.05, 3.0, log=True)
        level = f.amplitude("A")
        one = (slot,)
        yield f.law("hill", one, f"E + A/({x}**a + k)", [floor, half, a, kappa], _RECTIFIED)
        yield f.law("plateau", one, f"A/({x}**a + k)", [half, a, kappa], _RECTIFIED)
        yield f.law("shifted", one, f"E + A*({x} + d)**(-a)", [floor, half, a, place], _SHIFTED)
        yield f.law(
            "onset", one, f"A*(1 + ({x}/d)**(1/w))**(-a*w)", [level, a, place, width], _BNSL
        )
        yield f.law(
            "weibull",
            one,
            f"E + A*exp(-({x}/t)**a)",
            [floor, level, a, shape("t", 1e-4, 1e4, log=True, unit=x)],
            _WEIBULL,
        )
        fall = f.amplitude("B")
        yield f.law("logarithmic", one, f"A - B*ln({x})", [level, fall], _WEIBULL, centred=True)
        yield f.law(
            "broken",
            one,
            f"E + A*{x}**(-a)*(1 + ({x}/d)**(1/w))**(-c*w)",
            [floor, half, shape("a", -1.0, 2.0), shape("c", -2.0, 2.0), place, width],
            _BNSL,
        )
        if f.signed:
            yield from _overoptimised(f, slot)


def _overoptimised(f: Features, slot: Slot) -> Iterator[Law]:
    x = slot.symbol
    gain, fall, more, steeper = (f.amplitude(name) for name in "ABGH")
    power = shape("a", 0.2, 1.5)
    base = f"A*{x}**a + B*{x}**a*ln({x})"
    yield f.law("overoptimised", (slot,), base, [gain, fall, power], _GAO, centred=True)
    for other in f.with_role(*RESOURCES):
        if other != slot:
            y = other.symbol
            formula = f"{base} + G*{x}**a*ln({y}) + H*{x}**a*ln({x})*ln({y})"
            yield f.law(
                "overoptimised",
                (slot, other),
                formula,
                [gain, fall, more, steeper, power],
                _GAO,
                centred=True,
            )
