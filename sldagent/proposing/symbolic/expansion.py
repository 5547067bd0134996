"""A law as a sum that can be edited: y = common * sum_k (+-) a_k * product of factors."""

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from sldagent.laws.codegen.grammar import FUNCTIONS, read_formula, text_of
from sldagent.laws.expressions import Law, Parameter, Slot
from sldagent.laws.families.features import Features

_WORD = re.compile(r"[A-Za-z_]\w*")
_NUMBERED = re.compile(r"_\d+$")
_PROVISIONAL = re.compile(r"(?<=\w)_9\d+\b")  # ends of names that were taken, until they are chosen
_LOGARITHM = re.compile(r"(ln\(\w+\))(?:\*\*(\d+))?")
_DIVISOR = "1 / "
_LETTERS = "ABCFGHJLPQSVW"  # of amplitudes; D, K, N and U are features, E is the floor


@dataclass(frozen=True, slots=True)
class Term:
    """One amplitude and what it multiplies.

    Attributes:
        amplitude: The linear parameter.
        factors: Tidy texts; one that begins with `1 / ` divides. None makes the term a floor.
        negative: The term is subtracted.
    """

    amplitude: Parameter
    factors: tuple[str, ...]
    negative: bool = False

    @property
    def text(self) -> str:
        """What the amplitude multiplies."""
        return product(self.factors) or "1"

    @property
    def name(self) -> str:
        """The term as one reads it."""
        return product([self.amplitude.name, *self.factors])


@dataclass(frozen=True)
class Expansion:
    """Terms over a table's features.

    Attributes:
        terms: Their sum is the law, apart from `common`; amplitudes may have equal names.
        common: Factors of the whole sum.
        shapes: Nonlinear parameters by name; those that no factor uses do not count.
    """

    terms: tuple[Term, ...]
    common: tuple[str, ...]
    shapes: Mapping[str, Parameter]

    @property
    def factors(self) -> Iterator[str]:
        """All factors, those of the whole sum last."""
        for term in self.terms:
            yield from term.factors
        yield from self.common

    @property
    def used(self) -> list[str]:
        """Names of the shapes that stand in factors, in order of first appearance."""
        return used(self.factors, self.shapes)

    @property
    def size(self) -> int:
        """Parameters per group and target."""
        return len(self.terms) + len(self.used)

    def with_term(self, index: int, *terms: Term) -> "Expansion":
        """The same with others in the place of one term."""
        kept = (*self.terms[:index], *terms, *self.terms[index + 1 :])
        return replace(self, terms=kept)

    def with_shapes(self, shapes: Iterable[Parameter]) -> "Expansion":
        """The same with more shapes."""
        return replace(self, shapes={**self.shapes, **{p.name: p for p in shapes}})

    def renamed(self, names: Mapping[str, str]) -> "Expansion":
        """The same with other texts for names in factors; shapes are left as they are."""
        return replace(
            self,
            terms=tuple(
                replace(t, factors=tuple(substitute(f, names) for f in t.factors))
                for t in self.terms
            ),
            common=tuple(substitute(f, names) for f in self.common),
        )


def words(text: str) -> Iterator[str]:
    """Names that stand in a text, functions left out."""
    return (word for word in _WORD.findall(text) if word not in FUNCTIONS)


def used(factors: Iterable[str], shapes: Collection[str]) -> list[str]:
    """Those of the shapes that stand in factors, in order of first appearance."""
    return list(dict.fromkeys(w for f in factors for w in words(f) if w in shapes))


@lru_cache(maxsize=20_000)
def tidy(text: str) -> str:
    """A factor as it is always written; sums stand in brackets."""
    tree = ast.parse(text, mode="eval").body
    bare = text_of(tree)
    is_sum = isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub)
    return f"({bare})" if is_sum else bare


def substitute(text: str, names: Mapping[str, str]) -> str:
    """A factor with texts put in for names."""
    if not any(word in names for word in words(text)):
        return text
    return tidy(_WORD.sub(lambda match: names.get(match[0], match[0]), text))


def product(factors: Iterable[str]) -> str:
    """Factors as one text, divisors last; empty for none."""
    over = [f for f in factors if not f.startswith(_DIVISOR)]
    under = [f.removeprefix(_DIVISOR) for f in factors if f.startswith(_DIVISOR)]
    text = " * ".join(over) or ("1" if under else "")
    return " / ".join([text, *under])


def factors_of(text: str) -> tuple[str, ...]:
    """The factors of a product, numbers left out, for an amplitude takes them up."""
    return tuple(f for f in _factors(ast.parse(text, mode="eval").body)[1])


def _factors(node: ast.expr) -> tuple[bool, list[str]]:
    """Whether a product is negative, and its factors."""
    match node:
        case ast.Constant():
            return False, []
        case ast.UnaryOp(operand=inner):
            negative, found = _factors(inner)
            return not negative, found
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            one, other = _factors(left), _factors(right)
            return one[0] ^ other[0], one[1] + other[1]
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            negative, found = _factors(left)
            flipped, under = _factors(right)
            return negative ^ flipped, found + [_inverse(factor) for factor in under]
    return False, [tidy(ast.unparse(node))]


def _inverse(factor: str) -> str:
    if factor.startswith(_DIVISOR):
        return tidy(factor.removeprefix(_DIVISOR))
    return tidy(f"{_DIVISOR}({factor})")


@lru_cache(maxsize=4096)
def expand(law: Law, features: Features) -> Expansion:
    """A law as an expansion over the table's own symbols."""
    own = {slot.column: slot.symbol for slot in features.slots}
    renamed = {slot.symbol: own[slot.column] for slot in law.slots}
    clashes = {p.name: f"{p.name}_90" for p in law.parameters if p.name in set(own.values())}
    names = renamed | clashes
    amplitudes = {clashes.get(p.name, p.name): p for p in law.amplitudes}
    text = _WORD.sub(lambda m: names.get(m[0], m[0]), law.formula)
    tree, common = read_formula(text), []
    while isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mult | ast.Div):
        sides = (tree.left, tree.right)
        kept = next((s for s in sides if _is_sum(s) and _has(s, amplitudes)), None)
        if kept is None:
            break
        rest = ast.Constant(1) if kept is tree.left else tree.left
        other = tree.right if kept is tree.left else ast.Constant(1)
        common += _factors(ast.BinOp(rest, tree.op, other))[1]
        tree = kept
    terms = tuple(
        Term(amplitudes[name], tuple(factors), negative)
        for negative, name, factors in _terms(tree, amplitudes)
    )
    shapes = {clashes.get(p.name, p.name): p for p in law.shapes}
    shapes = {name: replace(p, name=name) for name, p in shapes.items()}
    return Expansion(terms, tuple(common), shapes)


def _is_sum(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)


def _has(node: ast.expr, names: Collection[str]) -> bool:
    return any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(node))


def _terms(node: ast.expr, amplitudes: Collection[str]) -> list[tuple[bool, str, list[str]]]:
    """Sign, amplitude and factors of every term of a sum that is linear in its amplitudes."""
    match node:
        case ast.Name(id=name):
            return [(False, name, [])]
        case ast.UnaryOp(operand=operand):
            return [(not sign, name, rest) for sign, name, rest in _terms(operand, amplitudes)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _terms(left, amplitudes) + _terms(right, amplitudes)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            minus = [(not sign, name, rest) for sign, name, rest in _terms(right, amplitudes)]
            return _terms(left, amplitudes) + minus
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            negative, others = _factors(ast.BinOp(ast.Constant(1), ast.Div(), right))
            inner = _terms(left, amplitudes)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            first = _has(left, amplitudes)
            inner = _terms(left if first else right, amplitudes)
            negative, others = _factors(right if first else left)
        case _:
            raise ValueError("a law is linear in its amplitudes")
    return [(sign ^ negative, name, rest + others) for sign, name, rest in inner]


def pattern(text: str, names: Iterable[str]) -> str:
    """A formula without the names of its parameters: equal for laws of one structure."""
    known = set(names)
    order: dict[str, str] = {}
    return _WORD.sub(
        lambda m: order.setdefault(m[0], f"#{len(order)}") if m[0] in known else m[0], text
    )


# -- back to a law -------------------------------------------------------------------------------


def collapse(expansion: Expansion, features: Features, source: str) -> Law | None:
    """The law of an expansion, terms in order, parameters named by what they do.

    None where nothing of a feature is left, or a term comes twice with shapes of its own.
    """
    ordered = _ordered(expansion, features)
    if ordered is None:
        return None
    amplitudes, total = _named_amplitudes(ordered)
    names = _shape_names(ordered, features, {p.name for p in amplitudes})
    text = _WORD.sub(lambda m: names.get(m[0], m[0]), total)
    text = _put_in(text, amplitudes)
    shapes = [replace(ordered.shapes[old], name=new, unit="1") for old, new in names.items()]
    present = set(words(text))
    slots = tuple(slot for slot in features.slots if slot.symbol in present)
    name = f"evolved({','.join(slot.symbol for slot in slots)})"
    return Law(name, text, slots, (*amplitudes, *shapes), source, centred=True)


def _ordered(expansion: Expansion, features: Features) -> Expansion | None:
    """Factors and terms sorted; equal terms merged; None where the result is no law of its own."""
    order = _Order(features, expansion.shapes)
    common = order.reduced(expansion.common)
    terms = [replace(term, factors=order.reduced(term.factors)) for term in expansion.terms]
    if len(terms) == 1:
        both = order.reduced((*terms[0].factors, *common))
        terms, common = [replace(terms[0], factors=both)], ()
    merged: dict[tuple[str, ...], Term] = {}
    for term in terms:
        merged.setdefault(term.factors, term)
    kept = sorted(
        merged.values(), key=lambda t: (bool(t.factors), [order.rank(f) for f in t.factors])
    )
    bares = [order.bare(t.text) for t in kept]
    centred = ("tanh(", "exp(-((")  # curves with a centre, which may be several
    if any(b == a and not any(c in b for c in centred) for a, b in pairwise(bares)):
        return None
    ordered = Expansion(tuple(kept), common, expansion.shapes)
    return ordered if any(ordered.factors) else None


class _Order:
    """Sorts factors by the table's features and by their text without names of shapes."""

    def __init__(self, features: Features, shapes: Collection[str]) -> None:
        self._place = {slot.symbol: i for i, slot in enumerate(features.slots)}
        self._shapes = shapes

    def bare(self, text: str) -> str:
        return _WORD.sub(lambda m: "#" if m[0] in self._shapes else m[0], text)

    def rank(self, factor: str) -> tuple[int, str]:
        places = (self._place[w] for w in words(factor) if w in self._place)
        return min(places, default=99), self.bare(factor)

    def reduced(self, factors: Iterable[str]) -> tuple[str, ...]:
        """Sorted, without those that hold no feature; of two free powers of a feature, one.

        Logarithms are multiplied into one power; of other factors that come twice, one is kept.
        """
        found: dict[str, str] = {}
        for factor in sorted(dict.fromkeys(_multiplied(factors)), key=self.rank):
            if not any(w in self._place for w in words(factor)):
                continue
            base, _, power = factor.partition("**")
            free = base in self._place and any(w in self._shapes for w in words(power))
            found.setdefault(f"{base}**" if free else factor, factor)
        return tuple(found.values())


def _multiplied(factors: Iterable[str]) -> Iterator[str]:
    """Factors with the powers of every logarithm added up."""
    powers: Counter[str] = Counter()
    for factor in factors:
        found = _LOGARITHM.fullmatch(factor)
        if found is None:
            yield factor
        else:
            powers[found[1]] += int(found[2] or 1)
    for base, power in powers.items():
        yield base if power == 1 else f"{base}**{power}"


def _named_amplitudes(ordered: Expansion) -> tuple[list[Parameter], str]:
    """Amplitudes as the law will have them; the formula with a mark where each one stands."""
    letters = iter(_LETTERS)
    amplitudes, total = [], ""
    for k, term in enumerate(ordered.terms):
        name = "E" if not term.factors else next(letters, f"A_{k}")
        amplitudes.append(replace(term.amplitude, name=name, unit="1"))
        sign = (" - " if term.negative else " + ") if k else ("-" if term.negative else "")
        over = [f for f in term.factors if not f.startswith(_DIVISOR)]
        under = [f for f in term.factors if f.startswith(_DIVISOR)]
        total += sign + product([f"@{k}@", *over, *under])
    if ordered.common:
        total = product([f"({total})", *ordered.common])
    return amplitudes, total


def _put_in(text: str, amplitudes: list[Parameter]) -> str:
    return re.sub(r"@(\d+)@", lambda m: amplitudes[int(m[1])].name, text)


def _shape_names(ordered: Expansion, features: Features, taken: set[str]) -> dict[str, str]:
    """New names of the shapes: exponents by their feature, others without their numbers."""
    taken = taken | {slot.symbol for slot in features.slots}
    symbols = "|".join(slot.symbol for slot in features.slots)
    exponent = re.compile(rf"(?<!\w)({symbols})\*\*(?:\(-)?(\w+)")
    raised: dict[str, str] = {}
    for factor in ordered.factors:
        for symbol, name in exponent.findall(factor):
            raised.setdefault(name, f"a_{symbol}")
    found: dict[str, str] = {}
    for name in ordered.used:
        stem = raised.get(name) or _NUMBERED.sub("", name)
        new, number = stem, 1
        while new in taken:
            number += 1
            new = f"{stem}_{number}"
        taken.add(new)
        found[name] = new
    return found


# -- parameters of new parts ---------------------------------------------------------------------


def join(expansion: Expansion, text: str, shapes: Iterable[Parameter]) -> tuple[Expansion, str]:
    """Takes in the shapes of a new part; gives its text under names that are free."""
    names: dict[str, str] = {}
    added = []
    for p in shapes:
        new, number = p.name, 90
        while new in expansion.shapes or new in names.values():
            number += 1
            new = f"{p.name}_{number}"
        names[p.name] = new
        added.append(replace(p, name=new))
    return expansion.with_shapes(added), substitute(tidy(text), names)


def plainly(text: str) -> str:
    """A text without the numbers that names of new parts have for a while."""
    return _PROVISIONAL.sub("", text)


def slots_in(text: str, features: Features) -> list[Slot]:
    """The features that stand in a text, in the order of the table's slots."""
    present = set(words(text))
    return [slot for slot in features.slots if slot.symbol in present]
