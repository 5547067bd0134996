"""Laws of what it takes to reach a goal, such as the steps until a loss that is aimed at."""

from collections.abc import Iterator

from sldagent.laws.expressions import Law, shape
from sldagent.laws.families.features import Features
from sldagent.task import Role

_INVERTED = "a power law with a floor, solved for the data; Hestness et al. 2017, arXiv 1712.00409"
_CRITICAL = "steps and examples until a loss, McCandlish et al. 2018, arXiv 1812.06162"


def goals(f: Features) -> Iterator[Law]:
    """Laws of a goal z, a quantity that is taken as it is, alone or beside a count K.

    What L = m + (A/x)^(1/a) takes until L = z is `goal` A (z - m)^-a, without end as z comes near
    the floor m. With K, as a batch, `critical_goal` A (z - m)^-a + C (z - m)^-c / K are steps, of
    which large batches save no more, and `goal_examples` A (z - m)^-a K + C (z - m)^-c examples, of
    which small batches save no more.
    """
    z, k = f.single(Role.LOGGED), f.single(Role.COUNT)
    if z is None:
        return
    near, first = f"({z.symbol} - m)", f.amplitude("A")
    floor, power = shape("m", -8.0, -0.5), shape("a", 0.01, 6.0)
    yield f.law("goal", (z,), f"A*{near}**(-a)", (first, floor, power), _INVERTED, centred=True)
    if k is None:
        return
    whole = (first, f.amplitude("C"), floor, power, shape("c", 0.01, 6.0))
    steps = f"A*{near}**(-a) + C*{near}**(-c)/{k.symbol}"
    yield f.law("critical_goal", (z, k), steps, whole, _CRITICAL, centred=True)
    examples = f"A*{near}**(-a)*{k.symbol} + C*{near}**(-c)"
    yield f.law("goal_examples", (z, k), examples, whole, _CRITICAL, centred=True)
