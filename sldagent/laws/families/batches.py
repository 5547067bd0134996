"""Laws of batch sizes: data in batches beyond a critical size count for less."""

from collections.abc import Iterator

from sldagent.laws.expressions import Law, shape
from sldagent.laws.families.features import RESOURCES, Features
from sldagent.laws.families.powers import exponent
from sldagent.task import Role

_KAPLAN = "critical batch size, Kaplan et al. 2020, arXiv 2001.08361; McCandlish et al. 2018"
_ZHANG = "critical batch size that grows with the data, Zhang et al. 2024, arXiv 2410.21676"


def batches(f: Features) -> Iterator[Law]:
    """Power laws of the resources in which data are worth the less the larger the batch is.

    With base = E + sum A_x x^-a_x over the other resources: `critical_batch` is base +
    A_D (D / (1 + b/q))^-a_D, where q is the critical batch size; in `growing_critical_batch` it is
    q D^c. `critical_steps` is base + A_D (D / (1 + q/b))^-a_D, for data that are counted in steps:
    these are worth less the smaller the batch is. Where a rate is tuned as well, its valley counts.
    """
    d, b = f.single(Role.DATA), f.single(Role.BATCH)
    if d is None or b is None or f.with_role(Role.RATE):
        return
    others = tuple(slot for slot in f.with_role(*RESOURCES) if slot is not d)
    base = " + ".join(["E", *(f"A_{s.symbol}*{s.symbol}**(-a_{s.symbol})" for s in others)])
    slots = (*others, d, b)
    plain = [
        f.floor(),
        *(f.amplitude(f"A_{s.symbol}", f"{s.symbol}**a_{s.symbol}") for s in (*others, d)),
        *(exponent(s) for s in (*others, d)),
    ]
    critical = [*plain, shape("q", 1e-3, 1e3, log=True, unit="b")]
    growing = [*plain, shape("q", 1e-3, 1e3, log=True, unit="b/D**c"), shape("c", 0.0, 1.0)]
    for family, worth, parameters, source in (
        ("critical_batch", "1 + b/q", critical, _KAPLAN),
        ("growing_critical_batch", "1 + b/(q*D**c)", growing, _ZHANG),
        ("critical_steps", "1 + q/b", critical, _KAPLAN),
    ):
        yield f.law(family, slots, f"{base} + A_D*(D/({worth}))**(-a_D)", parameters, source)
