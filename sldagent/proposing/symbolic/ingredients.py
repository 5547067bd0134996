"""The grammar of terms: what may be added to a law, by the roles of the features at hand.

Every ingredient is one function of a table's features and a random generator; None where the
features do not have the roles that it needs. What an amplitude multiplies is positive, or the
amplitude is free.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sldagent.laws.expressions import Parameter, Slot, shape
from sldagent.laws.families.features import RESOURCES, Features
from sldagent.laws.families.powers import exponent
from sldagent.laws.families.repeats import repeated
from sldagent.task import Role

TUNED = (Role.RATE, Role.BATCH)
POSITIVE = (*RESOURCES, *TUNED)


@dataclass(frozen=True, slots=True)
class Ingredient:
    """What an amplitude multiplies.

    Attributes:
        text: A product in formula syntax.
        shapes: Its parameters.
        sign: Of the amplitude: 0 leaves it free, 1 keeps it positive for any target, None as
            floors and power laws are, not negative unless the target is signed.
    """

    text: str
    shapes: tuple[Parameter, ...]
    sign: int | None = None


Maker = Callable[[Features, np.random.Generator], Ingredient | None]


def pick(slots: Sequence[Slot], count: int, rng: np.random.Generator) -> list[Slot]:
    """So many different slots in the order of the table's slots; fewer where there are fewer."""
    chosen = rng.choice(len(slots), size=min(count, len(slots)), replace=False)
    return [slots[i] for i in sorted(chosen)]


def power_of(slot: Slot) -> tuple[str, Parameter]:
    """A power of one positive feature."""
    p = exponent(slot) if slot.role in RESOURCES else shape(f"a_{slot.symbol}", -1.0, 1.0)
    return f"{slot.symbol}**(-{p.name})", p


def _powers(slots: Sequence[Slot]) -> Ingredient:
    texts, shapes = zip(*map(power_of, slots), strict=True)
    return Ingredient("*".join(texts), shapes)


def _positive(f: Features) -> tuple[Slot, ...]:
    return f.with_role(*POSITIVE)


def _power(f: Features, rng: np.random.Generator) -> Ingredient | None:
    slots = _positive(f)
    return _powers(pick(slots, 1, rng)) if slots else None


def _product(f: Features, rng: np.random.Generator) -> Ingredient | None:
    slots = _positive(f)
    return _powers(pick(slots, int(rng.integers(2, 4)), rng)) if len(slots) > 1 else None


def _shifted(f: Features, rng: np.random.Generator) -> Ingredient | None:
    slots = f.with_role(*RESOURCES)
    if not slots:
        return None
    (slot,) = pick(slots, 1, rng)
    place = shape("d", 1e-3, 1e3, log=True)
    return Ingredient(f"({slot.symbol} + d)**(-a)", (shape("a", 0.01, 2.5), place))


def _saturating(f: Features, rng: np.random.Generator) -> Ingredient | None:
    slots = f.with_role(*RESOURCES)
    if not slots:
        return None
    (slot,) = pick(slots, 1, rng)
    shapes = (shape("a", 0.01, 2.5), shape("k", 1e-3, 1e3, log=True))
    return Ingredient(f"1/({slot.symbol}**a + k)", shapes)


def _broken(f: Features, rng: np.random.Generator) -> Ingredient | None:
    slots = f.with_role(*RESOURCES)
    if not slots:
        return None
    x = pick(slots, 1, rng)[0].symbol
    shapes = (
        shape("a", -1.0, 2.0),
        shape("c", -2.0, 2.0),
        shape("d", 1e-3, 1e3, log=True),
        shape("w", 0.05, 3.0, log=True),
    )
    return Ingredient(f"{x}**(-a)*(1 + ({x}/d)**(1/w))**(-c*w)", shapes)


def _stretched(f: Features, rng: np.random.Generator) -> Ingredient | None:
    slots = f.with_role(*RESOURCES)
    if not slots:
        return None
    x = pick(slots, 1, rng)[0].symbol
    shapes = (shape("a", 0.05, 2.0), shape("t", 1e-3, 1e3, log=True))
    return Ingredient(f"exp(-({x}/t)**a)", shapes)


def _logarithm(f: Features, rng: np.random.Generator) -> Ingredient | None:
    slots = _positive(f)
    if not slots:
        return None
    power = "**2" if rng.random() < 0.4 else ""
    return Ingredient(f"ln({pick(slots, 1, rng)[0].symbol}){power}", (), 0)


def _logarithms(f: Features, rng: np.random.Generator) -> Ingredient | None:
    slots = _positive(f)
    if len(slots) < 2:
        return None
    x, y = pick(slots, 2, rng)
    return Ingredient(f"ln({x.symbol})*ln({y.symbol})", (), 0)


def _ratio(f: Features, rng: np.random.Generator) -> Ingredient | None:
    slots = f.with_role(*RESOURCES)
    if len(slots) < 2:
        return None
    x, y = pick(slots, 2, rng)
    if rng.random() < 0.5:
        return Ingredient(f"({y.symbol}/{x.symbol})**d", (shape("d", -1.0, 1.0),))
    valley = f"(ln({y.symbol}/{x.symbol}) - m)**2"
    return Ingredient(valley, (shape("m", -4.0, 4.0),), 1)


def _overfit(f: Features, rng: np.random.Generator) -> Ingredient | None:
    seen = repeated(f)
    if seen is None or f.single(Role.UNIQUE_DATA) is None:
        return None
    ratio = f"{seen.epochs}**d"
    if f.single(Role.SIZE) is None or rng.random() < 0.3:
        return Ingredient(ratio, (shape("d", 0.05, 2.0),))
    return Ingredient(f"N**c*{ratio}", (shape("c", 0.0, 2.0), shape("d", 0.05, 2.0)))


def effective_data(f: Features, rng: np.random.Generator) -> tuple[str, Parameter] | None:
    """What data are worth that repeat, see `laws.families.repeats`; None where none are unique."""
    seen = repeated(f)
    if seen is None or f.single(Role.UNIQUE_DATA) is None:
        return None
    again = seen.again
    worth = f"(1 - exp(-{again}/R_D))" if rng.random() < 0.5 else f"{again}/({again} + R_D)"
    return f"({seen.once} + {seen.unique}*R_D*{worth})", shape("R_D", 0.1, 300.0, log=True)


def _effective(f: Features, rng: np.random.Generator) -> Ingredient | None:
    made = effective_data(f, rng)
    if made is None:
        return None
    text, half = made
    return Ingredient(f"{text}**(-b)", (shape("b", 0.01, 2.0), half))


def _valley(f: Features, rng: np.random.Generator) -> Ingredient | None:
    tuned = f.with_role(*TUNED, Role.COUNT)
    if not tuned:
        return None
    (t,) = pick(tuned, 1, rng)
    scales = f.with_role(Role.SIZE, Role.DATA)
    drifting = pick(scales, int(rng.integers(0, len(scales) + 1)), rng) if scales else []
    drift = "".join(f" - c_{t.symbol}_{s.symbol}*ln({s.symbol})" for s in drifting)
    distance = f"(ln({t.symbol}) - m_{t.symbol}{drift})"
    shapes = [shape(f"m_{t.symbol}", -4.0, 6.0 if t.role is Role.COUNT else 4.0)]
    shapes += [shape(f"c_{t.symbol}_{s.symbol}", -2.0, 2.0) for s in drifting]
    if rng.random() < 0.3:
        s = f"s_{t.symbol}"
        skewed = f"(exp({s}*{distance}) - {s}*{distance} - 1)/{s}**2"
        return Ingredient(skewed, (*shapes, shape(s, 0.05, 3.0)), 1)
    return Ingredient(f"{distance}**2", tuple(shapes), 1)


def _count(f: Features, rng: np.random.Generator) -> Ingredient | None:
    counts = f.with_role(Role.COUNT)
    if not counts:
        return None
    k = pick(counts, 1, rng)[0].symbol
    kept = f"({k} - 1 + q)"
    shapes = [shape("b", -1.0, 2.0), shape("q", 0.1, 100.0, log=True)]
    if rng.random() < 0.4:
        kept = f"(1/(1/{kept} + 1/M))"
        shapes.append(shape("M", 1.0, 1e5, log=True))
    text = f"{kept}**(-b)"
    others = f.with_role(Role.SIZE, Role.DATA)
    if others and rng.random() < 0.5:
        (other,) = pick(others, 1, rng)
        power, p = power_of(other)
        return Ingredient(f"{power}*{text}", (p, *shapes))
    return Ingredient(text, tuple(shapes))


def _streams(f: Features, rng: np.random.Generator) -> Ingredient | None:
    counts, others = f.with_role(Role.COUNT), f.with_role(Role.SIZE, Role.DATA)
    if not counts or not others:
        return None
    k, x = pick(counts, 1, rng)[0].symbol, pick(others, 1, rng)[0].symbol
    shapes = (shape("a", 0.01, 2.0), shape("k", 1e-3, 30.0, log=True))
    return Ingredient(f"({x}*(k*ln({k}) + 1))**(-a)", shapes)


def _place(f: Features, rng: np.random.Generator) -> str | None:
    """A quantity on a logarithmic axis: a logged input, or the logarithm of a resource."""
    slots = f.with_role(Role.LOGGED) or f.with_role(*RESOURCES)
    if not slots:
        return None
    (slot,) = pick(slots, 1, rng)
    return slot.symbol if slot.role is Role.LOGGED else f"ln({slot.symbol})"


def _sigmoid(f: Features, rng: np.random.Generator) -> Ingredient | None:
    v = _place(f, rng)
    if v is None:
        return None
    shapes = (shape("k", 0.1, 10.0, log=True), shape("m", -3.0, 3.0))
    return Ingredient(f"(1 + tanh(k*({v} - m)))", shapes, 0)


def _bump(f: Features, rng: np.random.Generator) -> Ingredient | None:
    v = _place(f, rng)
    if v is None:
        return None
    shapes = (shape("m", -3.0, 3.0), shape("w", 0.1, 5.0, log=True))
    swing = f"({v} - m)*" if rng.random() < 0.3 else ""
    return Ingredient(f"{swing}exp(-(({v} - m)/w)**2)", shapes, 0)


def _logged(f: Features, rng: np.random.Generator) -> Ingredient | None:
    slots = f.with_role(Role.LOGGED)
    if not slots:
        return None
    z = pick(slots, 1, rng)[0].symbol
    if rng.random() < 0.4:
        return Ingredient(f"exp(-k*{z})", (shape("k", 0.1, 10.0, log=True),), 0)
    others = [z, f"{z}**2", f"{z}**3", f"ln(1 + exp(k*({z} - m)))"]
    text = others[rng.integers(len(others))]
    shapes = (shape("k", 0.1, 10.0, log=True), shape("m", -3.0, 3.0)) if "k" in text else ()
    return Ingredient(text, shapes, 0)


def _shares(f: Features, rng: np.random.Generator) -> list[Slot]:
    """Some shares of a mixture but never all: they add up to one."""
    slots = f.with_role(Role.FRACTION)
    most = max(1, len(slots) - 1)
    return pick(slots, int(rng.integers(1, most + 1)), rng) if slots else []


def _share(f: Features, rng: np.random.Generator) -> Ingredient | None:
    slots = f.with_role(Role.FRACTION)
    if not slots:
        return None
    r = pick(slots, 1, rng)[0].symbol
    least = shape("e", 1e-3, 1.0, log=True)
    kind = rng.integers(5)
    if kind == 0:
        return Ingredient(r, (), 0)
    if kind == 1:
        both = [s.symbol for s in pick(slots, 2, rng)]
        return Ingredient("*".join(both) if len(both) > 1 else f"{r}**2", (), 0)
    if kind == 2:
        return Ingredient(f"ln(1 + {r}/e)", (least,), 0)
    if kind == 3:
        return Ingredient(f"exp(-k*{r})", (shape("k", 0.1, 100.0, log=True),), 0)
    return Ingredient(f"({r} + e)**(-a)", (least, shape("a", 0.02, 3.0)), 0)


def _mixing(f: Features, rng: np.random.Generator) -> Ingredient | None:
    slots = _shares(f, rng)
    if not slots:
        return None
    tilt = " + ".join(f"t_{s.symbol}*{s.symbol}" for s in slots)
    return Ingredient(f"exp({tilt})", tuple(shape(f"t_{s.symbol}", -30.0, 30.0) for s in slots))


def _worth(f: Features, rng: np.random.Generator) -> Ingredient | None:
    slots = _shares(f, rng)
    if not slots:
        return None
    worth = " + ".join(f"w_{s.symbol}*{s.symbol}" for s in slots)
    shapes = [shape(f"w_{s.symbol}", 1e-3, 1e3, log=True) for s in slots]
    return Ingredient(f"(1 + {worth})**(-a)", (*shapes, shape("a", 0.02, 3.0)))


INGREDIENTS: tuple[Maker, ...] = (
    _power,
    _product,
    _shifted,
    _saturating,
    _broken,
    _stretched,
    _logarithm,
    _logarithms,
    _ratio,
    _overfit,
    _effective,
    _valley,
    _count,
    _streams,
    _sigmoid,
    _bump,
    _logged,
    _share,
    _mixing,
    _worth,
)


def draw(f: Features, rng: np.random.Generator, most: int) -> Ingredient | None:
    """A random ingredient with at most so many shapes."""
    for i in rng.permutation(len(INGREDIENTS)):
        made = INGREDIENTS[int(i)](f, rng)
        if made is not None and len(made.shapes) <= most:
            return made
    return None
