"""Moves that tie exponents together, fix them at simple numbers, or let them free."""

import ast
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from sldagent.laws.expressions import Parameter, shape
from sldagent.laws.families.powers import exponent
from sldagent.proposing.symbolic.expansion import Expansion, join, substitute, tidy, words
from sldagent.proposing.symbolic.ingredients import POSITIVE, power_of
from sldagent.proposing.symbolic.moves.base import Made, Rng, Subject, choose
from sldagent.task import Role

_SIMPLE = {"1/3": 1 / 3, "1/2": 1 / 2, "1": 1.0, "2": 2.0}


@lru_cache(maxsize=20_000)
def _raised(factor: str) -> tuple[str, ...]:
    """Names that stand alone, or with a minus, in the place of an exponent."""
    found = []
    for node in ast.walk(ast.parse(factor, mode="eval")):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            power = node.right.operand if isinstance(node.right, ast.UnaryOp) else node.right
            if isinstance(power, ast.Name):
                found.append(power.id)
    return tuple(found)


def exponents(expansion: Expansion) -> list[str]:
    """Names of the shapes that are exponents, in order of first appearance."""
    found = (name for factor in expansion.factors for name in _raised(factor))
    return [name for name in dict.fromkeys(found) if name in expansion.shapes]


def share(subject: Subject, rng: Rng) -> Made | None:
    """Two exponents become one; also two other shapes of one name and box."""
    old = subject.expansion
    names = exponents(old)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    pairs = [pair for pair in pairs if _common(*(old.shapes[p] for p in pair)) is not None]
    if not pairs:
        return None
    kept, gone = choose(pairs, rng)
    box = _common(old.shapes[kept], old.shapes[gone])
    assert box is not None
    expansion = old.with_shapes([replace(box, name=kept)]).renamed({gone: kept})
    return subject.made(expansion, f"let {_where(old, kept)} and {_where(old, gone)} share one")


def _common(one: Parameter, other: Parameter) -> Parameter | None:
    """A box that lies in both."""
    if one.log is not other.log:
        return None
    low, high = max(one.lower, other.lower), min(one.upper, other.upper)
    if low >= high:
        return None
    return shape(one.name, low, high, log=one.log)


def unshare(subject: Subject, rng: Rng) -> Made | None:
    """A shape that stands in several factors becomes one of its own in one of them."""
    old = subject.expansion
    places = [
        (k, i, name)
        for k, term in enumerate(old.terms)
        for i, factor in enumerate(term.factors)
        for name in dict.fromkeys(words(factor))
        if name in old.shapes and sum(name in words(f) for f in old.factors) > 1
    ]
    if not places:
        return None
    k, i, name = choose(places, rng)
    expansion, own = join(old, name, [old.shapes[name]])
    term = old.terms[k]
    factor = substitute(term.factors[i], {name: own})
    factors = (*term.factors[:i], factor, *term.factors[i + 1 :])
    expansion = expansion.with_term(k, replace(term, factors=factors))
    return subject.made(expansion, f"give {term.factors[i]} a {name} of its own")


def fix(subject: Subject, rng: Rng) -> Made | None:
    """An exponent becomes a simple number."""
    old = subject.expansion
    options = [
        (name, text)
        for name in exponents(old)
        for text, value in _SIMPLE.items()
        if old.shapes[name].lower <= value <= old.shapes[name].upper
    ]
    if not options:
        return None
    name, text = choose(options, rng)
    change = f"fix {_where(old, name)} at {text}"
    return subject.made(old.renamed({name: f"({text})"}), change)


def free(subject: Subject, rng: Rng) -> Made | None:
    """A number in the place of a feature's exponent is fitted."""
    old, features = subject.expansion, subject.setting.features
    options = [
        (k, i, slot)
        for k, term in enumerate(old.terms)
        for i, factor in enumerate(term.factors)
        for slot in features.with_role(*POSITIVE)
        if _number(factor, slot.symbol)
    ]
    if not options:
        return None
    k, i, slot = choose(options, rng)
    term = old.terms[k]
    power, p = power_of(slot)
    if term.factors[i].startswith(("1 / ", f"{slot.symbol}**(-")) and slot.role is Role.COUNT:
        p = exponent(slot)
    expansion, text = join(old, power, [p])
    factors = (*term.factors[:i], text, *term.factors[i + 1 :])
    expansion = expansion.with_term(k, replace(term, factors=factors))
    return subject.made(expansion, f"free the exponent of {slot.symbol} in {term.factors[i]}")


def _number(factor: str, symbol: str) -> bool:
    """Whether a factor is the feature to a power that is a number; falling powers only."""
    falling: Iterable[str] = (f"{symbol}**(-({text}))" for text in _SIMPLE)
    return factor == f"1 / {symbol}" or factor in {tidy(text) for text in falling}


def _where(expansion: Expansion, name: str) -> str:
    factor = next(f for f in expansion.factors if name in words(f))
    return f"the exponent {name} of {factor}"
