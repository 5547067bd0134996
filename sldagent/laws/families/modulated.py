"""Laws of resources and conditions: what a sparsity, a mixture or noise does to power laws."""

from collections.abc import Iterator

from sldagent.laws.expressions import Law, Parameter, amplitude, shape
from sldagent.laws.families.features import RESOURCES, Features
from sldagent.laws.families.powers import exponent
from sldagent.task import Role

_SOURCE = "power laws modulated by shares; cf. Frantar et al. 2023, arXiv 2309.08520"
_MIXING = "data mixing laws, Ye et al. 2024, arXiv 2403.16952"
_MIXTURE = 3  # so many shares are those of a whole, of which one follows from the others


def modulated(f: Features) -> Iterator[Law]:
    """Laws over all resources x and conditions r, which are shares and what is logged already.

    With base = sum A_x x^-a_x and worth exp(sum t_r r): `modulated` E + base worth;
    `modulated_floor` (E + base) worth; `modulated_term` has the worth in the term of one resource
    only; `shifted_base` E + base + sum C_r r; `mixed_base` E + base + C worth, a mixing law beside
    the power laws. Of a single logged condition z, too: `fading`
    E + base + C exp(-k z) and `fading_worth` (E + base) (1 + C exp(-k z)), as of noise that
    matters less and less, and `logged_valley` E + base + H (z - m - sum c_x ln x)^2, as of a
    temperature whose best value drifts with scale.
    """
    resources, shares = f.with_role(*RESOURCES), f.with_role(Role.FRACTION)
    logged = f.with_role(Role.LOGGED)
    if not resources or not (shares or logged):
        return
    free = (*(shares[1:] if len(shares) >= _MIXTURE else shares), *logged)
    worth = f"exp({' + '.join(f't_{r.symbol}*{r.symbol}' for r in free)})"
    tilts = [shape(f"t_{r.symbol}", -10.0, 10.0) for r in free]
    terms = {x: f"A_{x.symbol}*{x.symbol}**(-a_{x.symbol})" for x in resources}
    units = {x: f"{x.symbol}**a_{x.symbol}" for x in resources}
    base = [
        f.floor(),
        *(f.amplitude(f"A_{x.symbol}", units[x]) for x in resources),
        *(exponent(x) for x in resources),
    ]
    slots = (*resources, *free)
    total = " + ".join(terms.values())

    def law(family: str, formula: str, parameters: list[Parameter]) -> Law:
        return f.law(family, slots, formula, parameters, _SOURCE, centred=bool(logged))

    yield law("modulated", f"E + ({total})*{worth}", [*base, *tilts])
    yield law("modulated_floor", f"(E + {total})*{worth}", [*base, *tilts])
    if len(resources) > 1:
        for one, term in terms.items():
            rest = " + ".join(t for x, t in terms.items() if x is not one)
            # The resource comes first in the name, as the law has one for each of them.
            ordered = (one, *(s for s in slots if s is not one))
            formula = f"E + {term}*{worth} + {rest}"
            yield f.law(
                "modulated_term", ordered, formula, [*base, *tilts], _SOURCE, centred=bool(logged)
            )
    linear = " + ".join(f"C_{r.symbol}*{r.symbol}" for r in free)
    additions = [amplitude(f"C_{r.symbol}") for r in free]
    apart = [*base, amplitude("C"), *tilts]
    yield f.law(
        "mixed_base", slots, f"E + {total} + C*{worth}", apart, _MIXING, centred=bool(logged)
    )
    yield law("shifted_base", f"E + {total} + {linear}", [*base, *additions])
    if len(free) == len(logged) == 1:
        fade = [amplitude("C"), shape("k", 0.1, 10.0, log=True)]
        faded = f"C*exp(-k*{logged[0].symbol})"
        yield law("fading", f"E + {total} + {faded}", [*base, *fade])
        fade = [shape("C", 0.01, 30.0, log=True), fade[1]]
        yield law("fading_worth", f"(E + {total})*(1 + {faded})", [*base, *fade])
        drift = "".join(f" - c_{x.symbol}*ln({x.symbol})" for x in resources)
        bowl = [amplitude("H", 1), shape("m", -2.0, 2.0)]
        bowl += [shape(f"c_{x.symbol}", -2.0, 2.0) for x in resources]
        valley = f"E + {total} + H*({logged[0].symbol} - m{drift})**2"
        yield law("logged_valley", valley, [*base, *bowl])
