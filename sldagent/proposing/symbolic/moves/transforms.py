"""Moves that change the variables of a law, or the law as a whole."""

import re
from dataclasses import replace

from sldagent.laws.expressions import Parameter, Slot, amplitude, shape
from sldagent.laws.families.features import RESOURCES, Features
from sldagent.proposing.symbolic.expansion import (
    Expansion,
    Term,
    factors_of,
    join,
    slots_in,
    substitute,
    words,
)
from sldagent.proposing.symbolic.ingredients import POSITIVE, effective_data
from sldagent.proposing.symbolic.moves.base import Made, Rng, Subject, choose
from sldagent.proposing.symbolic.moves.couplings import is_positive, link
from sldagent.task import Role

_FALLING = re.compile(r"(\w+)\*\*\(-(\w+)\)")


def transform(subject: Subject, rng: Rng) -> Made | None:
    """A feature inside one factor becomes a function of it: shifted, saturating, effective."""
    old, features = subject.expansion, subject.setting.features
    options = [
        (k, i, slot)
        for k, term in enumerate(old.terms)
        for i, factor in enumerate(term.factors)
        for slot in slots_in(factor, features)
        if slot.role in (*RESOURCES, Role.FRACTION, Role.BATCH)
        # What is left of a count less one need not be positive once it is bent.
        and f"{slot.symbol} - 1" not in factor
    ]
    if not options:
        return None
    k, i, slot = choose(options, rng)
    text, shapes = choose(_variables(slot, features, rng), rng)
    expansion, text = join(old, text, shapes)
    term = old.terms[k]
    factor = substitute(term.factors[i], {slot.symbol: f"({text})"})
    factors = (*term.factors[:i], factor, *term.factors[i + 1 :])
    expansion = expansion.with_term(k, replace(term, factors=factors))
    return subject.made(
        expansion, f"let {text} take the place of {slot.symbol} in {term.factors[i]}"
    )


def _variables(slot: Slot, features: Features, rng: Rng) -> list[tuple[str, list[Parameter]]]:
    """What may stand for a feature; positive wherever the feature is."""
    x = slot.symbol
    limit = shape("s", 0.1, 1e4, log=True)
    saturating = (f"{x}/(1 + {x}/s)", [limit])
    if slot.role is Role.FRACTION:
        return [(f"{x}/({x} + e)", [shape("e", 1e-3, 10.0, log=True)])]
    found = [(f"{x} + d", [shape("d", 1e-3, 1e3, log=True)]), saturating]
    if slot.role is Role.COUNT:
        q = shape("q", 0.1, 100.0, log=True)
        found = [
            (f"{x} - 1 + q", [q]),
            (f"1/(1/({x} - 1 + q) + 1/M)", [q, shape("M", 1.0, 1e5, log=True)]),
            (f"k*ln({x}) + 1", [shape("k", 1e-3, 30.0, log=True)]),
            saturating,
        ]
    data = features.single(Role.DATA) or features.single(Role.UNIQUE_DATA)
    worth = effective_data(features, rng) if slot is data else None
    if worth is not None:
        text, half = worth
        found += [(text, [half])] * 2
    return found


def to_logarithm(subject: Subject, rng: Rng) -> Made | None:
    """A power of a feature, which is a term of its own, becomes the feature's logarithm."""
    old = subject.expansion
    options = [
        (k, slot)
        for k, term in enumerate(old.terms)
        for slot in subject.setting.features.with_role(*POSITIVE)
        if len(term.factors) == 1 and term.factors[0].startswith(f"{slot.symbol}**")
    ]
    if not options:
        return None
    k, slot = choose(options, rng)
    term = Term(amplitude("A"), (f"ln({slot.symbol})",))
    change = f"replace {old.terms[k].text} by ln({slot.symbol})"
    return subject.made(old.with_term(k, term), change)


def saturate(subject: Subject, rng: Rng) -> Made | None:
    """A positive term P becomes P/(P + k), which levels off where P is large."""
    old, features = subject.expansion, subject.setting.features
    options = [
        k
        for k, term in enumerate(old.terms)
        if term.factors and all(is_positive(f, old, features) for f in term.factors)
    ]
    if not options:
        return None
    k = choose(options, rng)
    term = old.terms[k]
    expansion, half = join(old, "k", [shape("k", 1e-3, 1e3, log=True)])
    power = _FALLING.fullmatch(term.text)
    rising = f"{power[1]}**{power[2]}" if power else ""
    text = f"1/({rising} + {half})" if power else f"({term.text})/({term.text} + {half})"
    expansion = expansion.with_term(k, replace(term, factors=factors_of(text)))
    return subject.made(expansion, f"let {term.text} saturate")


def drift(subject: Subject, rng: Rng) -> Made | None:
    """The whole law scales with a power of a feature."""
    old = subject.expansion
    taken = {word for factor in old.common for word in words(factor)}
    options = [s for s in subject.setting.features.slots if s.symbol not in taken]
    if not options or len(old.terms) < 2:
        return None
    text, p = link(choose(options, rng))
    expansion, factor = join(old, text, [replace(p, lower=p.lower / 2, upper=p.upper / 2)])
    expansion = replace(expansion, common=(*old.common, factor))
    return subject.made(expansion, f"multiply the whole law by {factor}")


def exponentiate(subject: Subject, rng: Rng) -> Made | None:
    """The law becomes A*exp(its terms), so that terms act on the logarithm of the target."""
    old = subject.expansion
    terms = [term for term in old.terms if term.factors]
    if any("exp(" in factor for factor in old.factors):
        return None
    shapes = [_strength(term, i) for i, term in enumerate(terms)]
    parts = enumerate(zip(terms, shapes, strict=True))
    inner = "".join(f" {'-' if t.negative else '+'} {p.name}*term_{i}" for i, (t, p) in parts)
    inner = inner.removeprefix(" + ").strip()
    expansion, text = join(old, f"exp({inner})", shapes)
    text = substitute(text, {f"term_{i}": f"({term.text})" for i, term in enumerate(terms)})
    whole = Expansion((Term(subject.setting.sign(None), (text,)),), old.common, expansion.shapes)
    return subject.made(whole, "put the terms into an exponential")


def _strength(term: Term, index: int) -> Parameter:
    """The shape that an amplitude becomes; targets' logarithms are of order one."""
    low, high = term.amplitude.lower, term.amplitude.upper
    return shape(f"p_{index + 1}", 0.0 if low == 0 else -5.0, 0.0 if high == 0 else 5.0)
