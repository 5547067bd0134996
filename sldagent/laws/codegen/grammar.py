"""Formulas as syntax trees: what may stand in one, and the code that computes it.

A formula is text in Python's syntax over the symbols of a law: `+ - * / **`, numbers and the
functions `ln exp tanh sqrt lesser greater Abs`. Text is only parsed, never run.
"""

import ast
import math
from collections import Counter
from collections.abc import Iterator, Mapping

from sldagent.errors import SldagentError
from sldagent.laws.expressions import Law
from sldagent.task import Role

FUNCTIONS = {
    "ln": "log",
    "exp": "exp",
    "tanh": "tanh",
    "sqrt": "sqrt",
    "lesser": "minimum",
    "greater": "maximum",
    "Abs": "abs",
}  # a formula's function -> numpy's
_FORMULAS = {numpy: name for name, numpy in FUNCTIONS.items()}
OVERFLOW = 100  # exponents above it are clipped: e^100 is beyond every loss
_ALIASES = {"log": "ln", "abs": "Abs"}
_PAIRS = ("lesser", "greater")
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
_MOST_NODES = 600
_MOST_DEPTH = 40
_MOST_POWER = 20  # numbers in exponents: sympy computes exact powers of exact numbers


class GrammarError(SldagentError):
    """A formula has a part that programs are not written with."""


def read_formula(text: str) -> ast.expr:
    """The syntax tree of a formula.

    Raises:
        GrammarError: The text has another part than those named above, or is too large.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise GrammarError(f"formula {text[:60]!r} is not written as Python writes one") from None
    return normal(tree)


def normal(tree: ast.expr) -> ast.expr:
    """The tree with functions by their names in formulas; raises GrammarError as above."""
    if sum(1 for _ in ast.walk(tree)) > 4 * _MOST_NODES:
        raise GrammarError(f"the formula has more than {_MOST_NODES} parts")
    return _normal(tree, 0)


def _normal(node: ast.expr, depth: int) -> ast.expr:
    if depth > _MOST_DEPTH:
        raise GrammarError(f"the formula is nested more than {_MOST_DEPTH} levels deep")
    match node:
        case ast.Name(id=name):
            return ast.Name(name, ast.Load())
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            if not abs(value) < 1e100 or math.isnan(value):
                raise GrammarError("the formula has a number beyond 1e100")
            return ast.Constant(value)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return ast.UnaryOp(ast.USub(), _normal(inner, depth + 1))
        case ast.BinOp(left=left, op=operator, right=right) if isinstance(operator, _OPERATORS):
            # A long sum is one level, as it is when it is read.
            same = isinstance(left, ast.BinOp) and type(left.op) is type(operator)
            made = ast.BinOp(_normal(left, depth + (not same)), operator, _normal(right, depth + 1))
            if isinstance(operator, ast.Pow):
                _check_power(made)
            return made
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            name = _ALIASES.get(name, name)
            if name in FUNCTIONS and len(args) == (2 if name in _PAIRS else 1):
                inside = [_normal(arg, depth + 1) for arg in args]
                return ast.Call(ast.Name(name, ast.Load()), inside, [])
    raise GrammarError(f"programs are not written with {_shown(node)}")


def _check_power(power: ast.BinOp) -> None:
    exponent = [n.value for n in ast.walk(power.right) if isinstance(n, ast.Constant)]
    if not any(isinstance(n, ast.Name) for n in ast.walk(power.left)):
        raise GrammarError("the formula has a number to a power")
    if any(abs(value) > _MOST_POWER for value in exponent):  # type: ignore[arg-type]
        raise GrammarError(f"the formula has a power higher than {_MOST_POWER}")


def _shown(node: ast.expr) -> str:
    text = ast.unparse(node)
    return repr(text if len(text) <= 40 else text[:39] + "…")


def names_in(tree: ast.expr) -> list[str]:
    """The symbols of a formula, functions left out, in the order in which they first stand."""
    return list(dict.fromkeys(_symbols(tree)))


def _symbols(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Name(id=name):
            yield name
        case ast.UnaryOp(operand=inner):
            yield from _symbols(inner)
        case ast.BinOp(left=left, right=right):
            yield from _symbols(left)
            yield from _symbols(right)
        case ast.Call(args=args):
            for arg in args:
                yield from _symbols(arg)


def text_of(tree: ast.expr) -> str:
    """A formula or expression as text."""
    return ast.unparse(tree).replace(" ** ", "**")


def is_linear(tree: ast.expr, amplitudes: frozenset[str]) -> bool:
    """Whether every term of the formula has exactly one amplitude, as a factor."""
    return _degree(tree, amplitudes) == 1


def _degree(node: ast.expr, amplitudes: frozenset[str]) -> float:
    """Degree in the amplitudes; not a number where there is none."""
    match node:
        case ast.Name(id=name):
            return float(name in amplitudes)
        case ast.UnaryOp(operand=inner):
            return _degree(inner, amplitudes)
        case ast.BinOp(left=left, op=operator, right=right):
            a, b = _degree(left, amplitudes), _degree(right, amplitudes)
            if isinstance(operator, ast.Add | ast.Sub):
                return a if a == b else math.nan
            if isinstance(operator, ast.Mult):
                return a + b
            if isinstance(operator, ast.Div) and b == 0:
                return a
            return 0.0 if a == b == 0 else math.nan
        case ast.Call(args=args):
            return 0.0 if all(_degree(arg, amplitudes) == 0 for arg in args) else math.nan
    return 0.0


# -- code ----------------------------------------------------------------------------------------


def statements(law: Law, tree: ast.expr) -> tuple[list[tuple[str, ast.expr]], ast.expr]:
    """The formula as named intermediate terms, in order, and what is returned.

    Repeated parts, sums inside of other operations and the larger terms of the whole sum get names.
    """
    return _Namer(law, tree).run()


_WORDS = {
    Role.SIZE: "size",
    Role.DATA: "data",
    Role.UNIQUE_DATA: "unique",
    Role.RATE: "rate",
    Role.BATCH: "batch",
    Role.FRACTION: "share",
    Role.LOGGED: "input",
    Role.COUNT: "count",
}


class _Namer:
    """Goes through a formula from the inside out; equal parts share one name."""

    def __init__(self, law: Law, tree: ast.expr) -> None:
        self._tree = tree
        roles = Counter(slot.role for slot in law.slots)
        self._words = {
            s.symbol: _WORDS[s.role] if roles[s.role] == 1 else s.symbol for s in law.slots
        }
        self._taken = {s.symbol for s in law.slots} | set(law.names) | {"np", "inputs", "params"}
        self._repeated = _repeated(tree)
        self._named: dict[str, str] = {}
        self.lines: list[tuple[str, ast.expr]] = []

    def run(self) -> tuple[list[tuple[str, ast.expr]], ast.expr]:
        terms = list(_terms(self._tree))
        if len(terms) == 1:
            return self.lines, self._visit(self._tree, top=True)
        return self.lines, self._sum(self._tree)

    def _sum(self, node: ast.expr) -> ast.expr:
        """The whole sum, its larger terms named."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            left = self._sum(node.left)
            return ast.BinOp(left, node.op, self._term(node.right))
        return self._term(node)

    def _term(self, node: ast.expr) -> ast.expr:
        made = self._visit(node, top=True)
        if _operations(made) < 3 or isinstance(made, ast.UnaryOp):
            return made
        return self._name(node, made, "term")

    def _visit(self, node: ast.expr, *, top: bool = False) -> ast.expr:
        text = text_of(node)
        if text in self._named:
            return ast.Name(self._named[text], ast.Load())
        made = node
        match node:
            case ast.UnaryOp(op=operator, operand=inner):
                made = ast.UnaryOp(operator, self._visit(inner))
            case ast.BinOp(left=left, op=operator, right=right):
                # The parts of one sum stay together.
                inside = isinstance(operator, ast.Add | ast.Sub)
                made = ast.BinOp(self._visit(left, top=inside), operator, self._visit(right))
            case ast.Call(func=func, args=args):
                made = ast.Call(func, [self._visit(arg) for arg in args], [])
        kind = self._kind(node)
        repeated = text in self._repeated and kind != "negative"
        nested = not top and kind in ("sum", "offset") and _operations(made) > 2
        if text in self._named:  # by a part that is equal
            return ast.Name(self._named[text], ast.Load())
        heavy = kind in ("exp", "tanh") and _operations(made) > 4
        return self._name(node, made, kind) if repeated or nested or heavy else made

    def _kind(self, node: ast.expr) -> str:
        match node:
            case ast.UnaryOp():
                return "negative"
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return "offset" if _subtracts(node) else "sum"
            case ast.BinOp(op=ast.Div()):
                return "ratio"
            case ast.BinOp(op=ast.Pow()):
                return "power"
            case ast.Call(func=ast.Name(id=name)):
                return {"ln": "log", "lesser": "min", "greater": "max"}.get(name, name.lower())
        return "factor"

    def _name(self, node: ast.expr, made: ast.expr, kind: str) -> ast.expr:
        words = [self._words[n] for n in names_in(node) if n in self._words]
        if kind == "log" and _operations(node) == 1 and len(names_in(node)) == 1:
            wanted = f"log_{names_in(node)[0]}"
        else:
            if kind == "offset" and any(isinstance(part, ast.Call) for part in _terms(node)):
                words = words[:1]  # the distance of one input from what the others say
            stem = "_".join(words) if 0 < len(words) <= 3 else "joint" if words else "shared"
            wanted = f"{stem}_{kind}"
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        self._named[text_of(node)] = name
        self.lines.append((name, made))
        return ast.Name(name, ast.Load())


def _repeated(tree: ast.expr) -> set[str]:
    """Parts that stand more than once, but not those that only do so inside of larger ones."""
    counts = Counter(text_of(node) for node in _expressions(tree))
    found = {text_of(tree)} if counts[text_of(tree)] > 1 else set()
    for parent in _expressions(tree):
        around = counts[text_of(parent)]
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.UnaryOp | ast.BinOp | ast.Call):
                text = text_of(node)
                if counts[text] > 1 and counts[text] != around:
                    found.add(text)
    return found


def _subtracts(tree: ast.expr) -> bool:
    while isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub):
        if isinstance(tree.op, ast.Sub):
            return True
        tree = tree.left
    return False


def _expressions(tree: ast.expr) -> Iterator[ast.expr]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.UnaryOp | ast.BinOp | ast.Call))


def _operations(tree: ast.expr) -> int:
    return sum(1 for _ in _expressions(tree))


def _terms(tree: ast.expr) -> Iterator[ast.expr]:
    while isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub):
        yield tree.right
        tree = tree.left
    yield tree


def to_code(tree: ast.expr) -> str:
    """Numpy code of an expression."""
    return text_of(_Coder().visit(ast.parse(ast.unparse(tree), mode="eval").body))


class _Coder(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        assert isinstance(node.func, ast.Name)
        if node.func.id == "exp" and not _falls(node.args[0]):
            node.args = [_numpy("minimum", node.args[0], ast.Constant(OVERFLOW))]
        return _numpy(FUNCTIONS[node.func.id], *node.args)


def _numpy(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Attribute(ast.Name("np", ast.Load()), name, ast.Load()), list(args), [])


def _falls(exponent: ast.expr) -> bool:
    """Whether it is minus a square: such an exponential cannot overflow."""
    match exponent:
        case ast.UnaryOp(operand=ast.BinOp(op=ast.Pow(), right=ast.Constant(value=2))):
            return True
    return False


def from_code(tree: ast.expr, values: Mapping[str, ast.expr]) -> ast.expr:
    """The formula's tree of a numpy expression, with named terms replaced by their values.

    Raises:
        GrammarError: It has a part that no formula has.
    """
    return _Decoder(values).visit(ast.parse(ast.unparse(tree), mode="eval").body)  # type: ignore[no-any-return]


class _Decoder(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self._values = values
        self._left = 4 * _MOST_NODES

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self._values.get(node.id)
        if value is None:
            return node
        self._left -= sum(1 for _ in ast.walk(value))
        if self._left < 0:
            raise GrammarError(f"the formula has more than {_MOST_NODES} parts")
        return value

    def visit_Call(self, node: ast.Call) -> ast.expr:
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="np"), attr="exp"),
                args=[
                    ast.Call(
                        func=ast.Attribute(value=ast.Name(id="np"), attr="minimum"),
                        args=[inner, ast.Constant(value=100)],
                    )
                ],
            ):
                return ast.Call(ast.Name("exp", ast.Load()), [self.visit(inner)], [])
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr=name), args=args):
                if name in _FORMULAS and not node.keywords:
                    inside = [self.visit(arg) for arg in args]
                    return ast.Call(ast.Name(_FORMULAS[name], ast.Load()), inside, [])
        raise GrammarError(f"programs are not written with {_shown(node)}")
