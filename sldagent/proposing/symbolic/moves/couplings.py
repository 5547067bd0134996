"""Moves that multiply, join and mix terms."""

import ast
import re
from dataclasses import replace

from sldagent.laws.expressions import Parameter, Slot, shape
from sldagent.laws.families.features import Features
from sldagent.proposing.symbolic.expansion import Expansion, join, substitute, used, words
from sldagent.proposing.symbolic.ingredients import POSITIVE, power_of
from sldagent.proposing.symbolic.moves.base import Made, Rng, Subject, choose
from sldagent.proposing.symbolic.moves.exponents import exponents
from sldagent.task import Role

_SCALE_DRIFT, _EXPONENT_DRIFT = 0.8, 0.3  # share of a link's box


def link(slot: Slot) -> tuple[str, Parameter]:
    """A positive factor by which a feature scales something, up or down, and its shape."""
    x = slot.symbol
    if slot.role is Role.FRACTION:
        return f"exp(t_{x}*{x})", shape(f"t_{x}", -30.0, 30.0)
    if slot.role is Role.LOGGED:
        return f"exp(t*{x})", shape("t", -5.0, 5.0)
    return f"{x}**h", shape("h", -1.0, 1.0)


def couple(subject: Subject, rng: Rng) -> Made | None:
    """A term is multiplied by a power of a feature that it does not have."""
    old, features = subject.expansion, subject.setting.features
    options = [
        (k, slot)
        for k, term in enumerate(old.terms)
        for slot in features.slots
        if term.factors and slot.symbol not in words(term.text)
    ]
    if not options:
        return None
    k, slot = choose(options, rng)
    falling = slot.role in POSITIVE and rng.random() < 0.6
    text, p = power_of(slot) if falling else link(slot)
    expansion, factor = join(old, text, [p])
    term = old.terms[k]
    expansion = expansion.with_term(k, replace(term, factors=(*term.factors, factor)))
    return subject.made(expansion, f"multiply the term {term.name} by {factor}")


def join_terms(subject: Subject, rng: Rng) -> Made | None:
    """Two terms become their product."""
    old = subject.expansion
    terms = [i for i, term in enumerate(old.terms) if term.factors]
    if len(terms) < 2:
        return None
    i, j = sorted(int(k) for k in rng.choice(terms, size=2, replace=False))
    one, other = old.terms[i], old.terms[j]
    both = replace(one, factors=(*one.factors, *other.factors))
    free = other.amplitude.lower < 0 or other.amplitude.upper <= 0
    both = replace(both, amplitude=other.amplitude) if free else both
    expansion = old.with_term(j).with_term(i, both)
    return subject.made(expansion, f"join the terms {one.name} and {other.name}")


def split(subject: Subject, rng: Rng) -> Made | None:
    """A product becomes a sum of two terms."""
    old = subject.expansion
    options = [k for k, term in enumerate(old.terms) if len(term.factors) > 1]
    if not options:
        return None
    k = choose(options, rng)
    term = old.terms[k]
    cut = int(rng.integers(1, len(term.factors)))
    parts = (replace(term, factors=term.factors[:cut]), replace(term, factors=term.factors[cut:]))
    return subject.made(old.with_term(k, *parts), f"split the product {term.name} into two terms")


def mean(subject: Subject, rng: Rng) -> Made | None:
    """Two positive terms become a generalised mean A*(P + R*Q)**k, their sum at k = 1."""
    old, setting = subject.expansion, subject.setting
    terms = [
        k
        for k, term in enumerate(old.terms)
        if term.factors and all(is_positive(f, old, setting.features) for f in term.factors)
    ]
    if len(terms) < 2:
        return None
    i, j = (int(k) for k in rng.choice(terms, size=2, replace=False))
    one, other = old.terms[i], old.terms[j]
    if one.negative != other.negative:
        return None
    shapes = [shape("R", 1e-3, 1e3, log=True), shape("k", 0.05, 4.0, log=True)]
    joined, text = join(old, "(first + R*second)**k", shapes)
    text = substitute(text, {"first": f"({one.text})", "second": f"({other.text})"})
    both = replace(one, factors=(text,))
    expansion = joined.with_term(max(i, j)).with_term(min(i, j), both)
    change = f"mix the terms {one.name} and {other.name} in a generalised mean"
    return subject.made(expansion, change)


def interact(subject: Subject, rng: Rng) -> Made | None:
    """Exponents of a term drift: exp(-c ln x ln y) makes that of x depend on y."""
    old, features = subject.expansion, subject.setting.features
    positive = features.with_role(*POSITIVE)
    terms = [k for k, term in enumerate(old.terms) if term.factors]
    options = [
        (k, x, y)
        for k in terms
        for i, x in enumerate(positive)
        for y in positive[i + 1 :]
        if x.symbol in words(old.terms[k].text) or y.symbol in words(old.terms[k].text)
    ]
    if not options:
        return None
    k, x, y = choose(options, rng)
    text = f"exp(-c*ln({x.symbol})*ln({y.symbol}))"
    expansion, factor = join(old, text, [shape("c", -0.5, 0.5)])
    term = old.terms[k]
    expansion = expansion.with_term(k, replace(term, factors=(*term.factors, factor)))
    change = f"let {x.symbol} and {y.symbol} interact in the term {term.name}"
    return subject.made(expansion, change)


def follow(subject: Subject, rng: Rng) -> Made | None:
    """A shape depends on a feature: a positive one by a power of it, a centre by its logarithm.

    So half-lives, thresholds and exponents may be others for larger models. No exponent depends on
    what it is the exponent of: D**(a*D**h) leaves every law behind as soon as D grows.
    """
    old, features = subject.expansion, subject.setting.features
    options = [
        (name, slot)
        for name in old.used
        for slot in features.slots
        if any(name in words(f) and not _follows(f, name, slot) for f in old.factors)
        and not any(_raises(f, name, slot) or _is_centre(f, name, slot) for f in old.factors)
    ]
    if not options:
        return None
    name, slot = choose(options, rng)
    factor, p = link(slot)
    power = old.shapes[name].lower >= 0
    reach = (_EXPONENT_DRIFT if name in exponents(old) else _SCALE_DRIFT) if power else 1.0
    p = replace(p, lower=reach * p.lower, upper=reach * p.upper)
    if power:
        text = f"{name}*{factor}"
    else:
        inner = slot.symbol if slot.role in (Role.LOGGED, Role.FRACTION) else f"ln({slot.symbol})"
        text = f"{name} + {p.name}*{inner}"
    expansion, text = join(old, text, [p])
    expansion = expansion.renamed({name: f"({text})"})
    return subject.made(expansion, f"let {name} depend on {slot.symbol}: {text}")


def _follows(factor: str, name: str, slot: Slot) -> bool:
    """Whether the shape is multiplied or shifted by the feature already."""
    return (
        re.search(rf"\b{name} [*+] [^()]*(ln\(|exp\()?[^()]*\b{slot.symbol}\b", factor) is not None
    )


def _is_centre(factor: str, name: str, slot: Slot) -> bool:
    """Whether the shape is where the feature counts from: following it would only rescale it."""
    return re.search(rf"\b{slot.symbol}\)? - \(*{name}\b", factor) is not None


def _raises(factor: str, name: str, slot: Slot) -> bool:
    """Whether the shape is an exponent of the feature, or of what it is a part of."""
    base = rf"(?:\b{slot.symbol}|\([^()]*\b{slot.symbol}\b[^()]*\))"
    return re.search(rf"{base}\*\*\(*-?\(*{name}\b", factor) is not None


def is_positive(factor: str, expansion: Expansion, features: Features) -> bool:
    """Whether a factor is plainly above zero for all features and shapes in their boxes."""
    names = {slot.symbol for slot in features.with_role(*POSITIVE)}
    names |= {p for p in used([factor], expansion.shapes) if expansion.shapes[p].lower > 0}
    counts = {slot.symbol for slot in features.with_role(Role.COUNT)}
    return _positive(ast.parse(factor, mode="eval").body, names, counts)


def _positive(node: ast.expr, names: set[str], counts: set[str]) -> bool:
    def both(*parts: ast.expr) -> bool:
        return all(_positive(part, names, counts) for part in parts)

    match node:
        case ast.Constant(value=int() | float() as value):
            return value > 0
        case ast.Name(id=name):
            return name in names
        case ast.Call(func=ast.Name(id="exp")):
            return True
        case ast.Call(func=ast.Name(id="greater"), args=args):
            return any(_positive(arg, names, counts) for arg in args)
        case ast.Call(func=ast.Name(id="lesser" | "sqrt"), args=args):
            return both(*args)
        case ast.BinOp(left=left, op=ast.Pow()):
            return both(left)
        case ast.BinOp(
            left=ast.BinOp(left=ast.Name(id=count), op=ast.Sub(), right=ast.Constant(value=1)),
            op=ast.Add(),
            right=right,
        ) if count in counts:  # a count is one at least
            return both(right)
        case ast.BinOp(left=left, op=ast.Add() | ast.Mult() | ast.Div(), right=right):
            return both(left, right)
    return False
