"""Counts the numbers that are written into a law instead of being fitted.

A number counts where it can reach the law's value (see `sldagent.evaluation.slicing`). Small whole
numbers, powers of ten, clip bounds, indices, axes and data types do not. A number that is hidden in
text counts as well. When in doubt it counts.
"""

import ast
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from sldagent.evaluation.slicing import reaching
from sldagent.program import Program, ProgramKind
from sldagent.trees import children, walk

_SMALL = 10
_KEPT = 50
_FREE_BOUNDS = 6  # more clip bounds than any honest law has: maximum(0 * x, c) is c
_BYTES_A_NUMBER = 8
_BITS_A_NUMBER = 64
_LONG_WORD = 32  # longer than the names that a law looks up
_DEEPEST = 40  # constant arithmetic that is folded
_NUMBER = re.compile(r"(?<![\w.])(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?")
_NAME = re.compile(r"[^\W\d][\w .:/-]{0,60}")
_BOUNDED = frozenset({"maximum", "minimum", "fmax", "fmin", "max", "min"})
_LAYING_OUT = frozenset({"range", "arange", "reshape", "squeeze", "expand_dims"})
_SETTINGS = frozenset("axis dtype ndmin keepdims order casting copy indexing".split())
_SHAPES = frozenset({"shape", "ndim", "size", "len"})
# A program that uses one of these can spell numbers with letters.
_DECODERS = frozenset(
    "ord hash encode bytearray bytes frombuffer fromstring fromhex from_bytes unhexlify a2b_hex "
    "b64decode b32decode b16decode a85decode b85decode crc32 adler32 md5 sha1 sha256 sha512 index "
    "find rfind rindex translate maketrans eval exec unpack getsource".split()
)


@dataclass(frozen=True, slots=True)
class Literals:
    """How many literals reach the law's value, and the first fifty of them as `text (line n)`."""

    count: int
    values: tuple[str, ...] = ()


def count_literals(program: Program) -> Literals:
    """The literals of a program's law; none where it does not parse or has no law."""
    if program.syntax_error is not None or program.kind is None:
        return Literals(0)
    law = "law" if program.kind is ProgramKind.LAW else "scaling_law_func"
    counter = _Counter()
    counter.scan(reaching(program.tree, law))
    return counter.result()


class _Counter:
    """Goes through expressions without recursion; every literal is counted once."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[ast.expr, int]] = {}
        self._texts: list[ast.Constant] = []
        self._waiting: list[ast.AST] = []
        self._done: set[int] = set()
        self._arithmetic: set[int] = set()  # what consists of numbers and operators only
        self._decodes = False
        self._bounds = 0

    def result(self) -> Literals:
        for node in self._texts:
            if count := _text_weight(node.value, self._decodes):
                self._found[id(node)] = node, count
        found = sorted(self._found.values(), key=lambda item: (item[0].lineno, item[0].col_offset))
        shown = (f"{_shown(node)} (line {node.lineno})" for node, _ in found[:_KEPT])
        return Literals(sum(count for _, count in found), tuple(shown))

    def scan(self, expressions: Iterable[ast.AST]) -> None:
        self._waiting = list(expressions)
        for expression in self._waiting:
            self._mark(expression)
        while self._waiting:
            node = self._waiting.pop()
            # Expressions of the slice may lie inside each other.
            if id(node) not in self._done:
                self._done.add(id(node))
                self._visit(node)

    def _mark(self, expression: ast.AST) -> None:
        for node in reversed(walk(expression)):  # children come before their parents
            if isinstance(node, ast.Constant):
                marked = not isinstance(node.value, str | bytes)
            elif isinstance(node, ast.UnaryOp):
                marked = id(node.operand) in self._arithmetic
            elif isinstance(node, ast.BinOp):
                marked = {id(node.left), id(node.right)} <= self._arithmetic
            else:
                continue
            if marked:
                self._arithmetic.add(id(node))

    def _is_arithmetic(self, node: ast.AST) -> bool:
        return id(node) in self._arithmetic

    def _visit(self, node: ast.AST) -> None:
        later = self._waiting
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str | bytes):
                self._texts.append(node)
            elif count := _number_weight(node.value):
                self._found[id(node)] = node, count
        elif isinstance(node, ast.Name):
            self._decodes |= node.id in _DECODERS
        elif self._is_arithmetic(node):
            self._fold(node)
        elif isinstance(node, ast.Attribute):
            self._decodes |= node.attr in _DECODERS
            later.append(node.value)
        elif isinstance(node, ast.Subscript):
            later.append(node.value)
            if not _is_index(node.slice):
                later.append(node.slice)
        elif isinstance(node, ast.Dict):
            later.extend(node.values)
            later.extend(key for key in node.keys if key is not None and not _is_name(key))
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Compare) and any(map(_is_shape, (node.left, *node.comparators))):
            sides = (node.left, *node.comparators)
            later.extend(side for side in sides if not _is_index(side))
        elif isinstance(node, ast.FormattedValue):
            later.append(node.value)  # the format specification is layout
        elif not isinstance(node, ast.expr_context | ast.operator | ast.unaryop | ast.cmpop):
            later.extend(children(node))

    def _fold(self, node: ast.AST) -> None:
        """Arithmetic of numbers only is one number: 1/3 is, though 1 and 3 are free."""
        numbers = [leaf for leaf in walk(node) if isinstance(leaf, ast.Constant)]
        heavy = sum(weight for leaf in numbers if (weight := _number_weight(leaf.value)) > 1)
        if heavy or not _is_free(_folded(node)):
            assert isinstance(node, ast.expr)
            self._found[id(node)] = node, max(heavy, 1)

    def _call(self, node: ast.Call) -> None:
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        args: list[ast.expr] = list(node.args)
        keywords = [keyword for keyword in node.keywords if keyword.arg not in _SETTINGS]
        if name == "clip":
            # np.clip(x, lowest, highest), or x.clip(lowest, highest) where x is not the module
            first = [] if args and self._is_arithmetic(args[0]) else args[:1]
            args = first + self._beyond_bounds(args[len(first) :])
            keywords = [k for k in keywords if self._beyond_bounds([k.value])]
        elif name in _BOUNDED and not all(map(self._is_arithmetic, args)):
            args = self._beyond_bounds(args)
        elif name in _LAYING_OUT:
            args = [arg for arg in args if not _is_index(arg)]
        elif name in ("get", "pop") and args and _is_name(args[0]):
            args = args[1:]
        elif name == "int" and len(args) + len(keywords) > 1:
            self._decodes = True  # int("zz", 36)
        elif name == "len" and args and isinstance(args[0], ast.Constant):
            self._found[id(node)] = node, math.ceil(len(str(args[0].value)) / _BYTES_A_NUMBER)
            args = []
        self._waiting.extend([node.func, *args, *(keyword.value for keyword in keywords)])

    def _beyond_bounds(self, args: list[ast.expr]) -> list[ast.expr]:
        """The arguments without constant bounds, of which a law may have a few for nothing."""
        kept = []
        for arg in args:
            if not self._is_arithmetic(arg):
                kept.append(arg)
            elif not _is_free(_folded(arg)):
                self._bounds += 1
                if self._bounds > _FREE_BOUNDS:
                    kept.append(arg)
        return kept


def _is_index(node: ast.AST) -> bool:
    """Whether it only says which element: whole numbers, names of keys, slices, tuples of them."""
    waiting: list[ast.AST | None] = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.Tuple):
            waiting.extend(part.elts)
        elif isinstance(part, ast.Slice):
            waiting += [part.lower, part.upper, part.step]
        elif isinstance(part, ast.UnaryOp):
            waiting.append(part.operand)
        elif isinstance(part, ast.Constant):
            whole = isinstance(part.value, int) and part.value.bit_length() <= _BITS_A_NUMBER
            if not (whole or _is_name(part) or part.value is None or part.value is Ellipsis):
                return False
        elif part is not None:
            return False
    return True


def _is_name(node: ast.AST) -> bool:
    """Whether it is a text that can be the name of a parameter, group or column."""
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and _NAME.fullmatch(node.value) is not None
    )


def _is_shape(node: ast.AST) -> bool:
    """Whether it is a size of an array or list: x.ndim, x.shape[1], len(x), np.ndim(x)."""
    if isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Call):
        node = node.func
    return getattr(node, "attr", getattr(node, "id", "")) in _SHAPES


def _is_free(value: object) -> bool:
    """Whether a number is small and whole, or a power of ten."""
    if value is None or value is Ellipsis or isinstance(value, bool):
        return True
    if not isinstance(value, int | float):
        return False
    try:
        size = abs(float(value))
    except OverflowError:
        return False
    if not math.isfinite(size):
        return isinstance(value, float)  # 1e999, which holds no information
    if size <= _SMALL and size.is_integer():
        return True
    return size == float(f"1e{round(math.log10(size))}")


def _number_weight(value: object) -> int:
    """How many fitted numbers a literal can hold; a long whole number can be a table."""
    if _is_free(value):
        return 0
    return math.ceil(value.bit_length() / _BITS_A_NUMBER) if isinstance(value, int) else 1


def _text_weight(value: object, decodes: bool) -> int:
    """How many numbers a text can hold, by the digits in it or, if need be, by its length."""
    assert isinstance(value, str | bytes)
    by_length = math.ceil(len(value) / _BYTES_A_NUMBER)
    if decodes or isinstance(value, bytes):
        return by_length
    count = 0
    for word in value.split():
        numbers = [number for number in _NUMBER.findall(word) if not _is_small_text(number)]
        count += sum(max(1, len(number) // (2 * _BYTES_A_NUMBER)) for number in numbers)
        if not numbers and len(word) > _LONG_WORD:
            count += math.ceil(len(word) / _BYTES_A_NUMBER)
    return count


def _is_small_text(number: str) -> bool:
    try:
        return _is_free(float(number))
    except ValueError:
        return False


def _folded(node: ast.AST, depth: int = 0) -> object:
    """The value of arithmetic of numbers; a complex one, which counts, where it is not worth it."""
    unknown = 0j
    if isinstance(node, ast.Constant):
        return node.value
    try:
        if depth > _DEEPEST:
            return unknown
        if isinstance(node, ast.UnaryOp):
            inner = _folded(node.operand, depth + 1)
            return -inner if isinstance(node.op, ast.USub) else inner  # type: ignore[operator]
        assert isinstance(node, ast.BinOp)
        left = float(_folded(node.left, depth + 1))  # type: ignore[arg-type]
        right = float(_folded(node.right, depth + 1))  # type: ignore[arg-type]
        match node.op:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
            case ast.Div():
                return left / right
            case ast.Pow():
                return left**right
    except (TypeError, ValueError, ArithmeticError):
        pass
    return unknown


def _shown(node: ast.expr) -> str:
    try:
        text = ast.unparse(node)
    except (RecursionError, ValueError):
        text = type(node).__name__
    return text if len(text) <= 40 else text[:39] + "…"
