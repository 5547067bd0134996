"""Counts the numbers that are written into a law instead of being fitted.

A number counts where it can reach the law's value: in `scaling_law_func` (or `law`), in defaults,
and in whatever functions, classes and module-level values they refer to. When in doubt it counts.
Small whole numbers, powers of ten, clip bounds, indices, axes and data types do not. A number that
is hidden in text counts as well.
"""

import ast
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sldagent.program import Program, ProgramKind

_LARGEST_SMALL = 10
_KEPT = 50
_FREE_BOUNDS = 6  # more clip bounds than any honest law: maximum(0 * x, c) is c
_BYTES_A_NUMBER = 8
_LONG_TEXT = 32
_NUMBER = re.compile(r"[0-9][0-9a-zA-Z_.+/=-]*")
_DTYPE = re.compile(r"[<>=|]?(?:float|u?int|complex|bool|[fiucb])[0-9]{0,3}")
_BOUNDED = {"maximum", "minimum", "fmax", "fmin", "max", "min"}
_SHAPING = {"range", "reshape", "squeeze", "expand_dims"}
_DECODING = {"len", "ord", "hash", "sum", "map", "list", "tuple", "sorted", "bytearray", "bytes"}
_SETTINGS = {"axis", "dtype", "ndmin", "keepdims", "order", "casting", "copy", "indexing"}
_SILENT = {"print", "warn"}

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class Literals:
    """How many literals reach the law's value, and the first of them as `text (line n)`."""

    count: int
    values: tuple[str, ...] = ()


def count_literals(program: Program) -> Literals:
    """The literals of a program's law; none where it does not parse or has no law."""
    if program.syntax_error is not None or program.kind is None:
        return Literals(0)
    root = "law" if program.kind is ProgramKind.LAW else "scaling_law_func"
    counter = _Counter(program.tree)
    counter.follow(root)
    return Literals(counter.count, tuple(counter.values))


class _Counter:
    """Walks from the law outwards; every definition is visited once."""

    def __init__(self, tree: ast.Module) -> None:
        self.count = 0
        self.values: list[str] = []
        self._module = _bindings(tree.body)
        self._done: set[int] = set()
        self._bounds = 0

    def follow(self, name: str) -> None:
        """Counts what a module-level name stands for."""
        for node in self._module.get(name, ()):
            if id(node) not in self._done:
                self._done.add(id(node))
                self._visit(node)

    def _note(self, node: ast.AST, count: int) -> None:
        self.count += count
        if count and len(self.values) < _KEPT:
            text = ast.unparse(node)
            self.values.append(f"{text[:40]} (line {getattr(node, 'lineno', 0)})")

    def _visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self._visit(node)

    def _visit(self, node: ast.AST) -> None:
        if _is_constant(node):
            self._constant(node)
        elif isinstance(node, ast.Name):
            self.follow(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._visit_all([*node.args.defaults, *node.args.kw_defaults, *node.decorator_list])
            self._body(node.body)
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Subscript):
            self._visit(node.value)
            if not _is_index(node.slice):
                self._visit(node.slice)
        elif isinstance(node, ast.Raise | ast.Assert | ast.Import | ast.ImportFrom):
            return
        elif isinstance(node, ast.Dict):
            self._visit_all(node.values)
            self._visit_all(key for key in node.keys if key is not None and not _is_index(key))
        elif isinstance(node, ast.ClassDef):
            self._visit_all([*node.bases, *node.decorator_list, *node.body])
        elif isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.Try | ast.Match):
            self._visit_all(child for child in ast.iter_child_nodes(node))
        else:
            self._visit_all(ast.iter_child_nodes(node))

    def _body(self, body: list[ast.stmt]) -> None:
        """A function's statements, without docstrings and without assignments that nobody reads."""
        read = _names_read(body)
        for statement in body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue
            if isinstance(statement, ast.Assign) and all(
                isinstance(target, ast.Name) and target.id not in read
                for target in statement.targets
            ):
                continue
            self._visit(statement)

    def _constant(self, node: ast.AST) -> None:
        """A literal, or arithmetic of literals only."""
        leaves = [leaf for leaf in ast.walk(node) if isinstance(leaf, ast.Constant)]
        counted = sum(_weight(leaf.value) for leaf in leaves)
        if not counted and len(leaves) > 1 and not _is_free(_value(node)):
            counted = 1  # 1/3: made of small numbers, but a number of its own
        self._note(node, counted)

    def _call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        if name in _SILENT:
            return
        self._visit(node.func)
        args, keywords = list(node.args), [k for k in node.keywords if k.arg not in _SETTINGS]
        if name == "clip":
            args = self._without_bounds(args)
            keywords = [k for k in keywords if self._without_bounds([k.value])]
        elif name in _BOUNDED and not all(map(_is_constant, args)):
            args = self._without_bounds(args)
        elif name in _SHAPING:
            args = [arg for arg in args if not _is_index(arg)]
        elif name in ("get", "pop") and args and _is_index(args[0]):
            args = args[1:]
        elif name in _DECODING:
            for arg in args:  # the length or the letters of a text can spell a number
                if isinstance(arg, ast.Constant) and isinstance(arg.value, str | bytes):
                    self._note(arg, max(1, math.ceil(len(arg.value) / _BYTES_A_NUMBER)))
            args = [a for a in args if not (isinstance(a, ast.Constant) and _is_text(a.value))]
        self._visit_all([*args, *(keyword.value for keyword in keywords)])

    def _without_bounds(self, args: list[ast.expr]) -> list[ast.expr]:
        """The arguments without constant bounds, of which a law may have a few for nothing."""
        kept = []
        for arg in args:
            if not _is_constant(arg):
                kept.append(arg)
            elif not _is_free(_value(arg)):
                self._bounds += 1
                if self._bounds > _FREE_BOUNDS:
                    kept.append(arg)
        return kept


def _bindings(body: list[ast.stmt]) -> dict[str, list[ast.AST]]:
    """For every module-level name the nodes that give it its value."""
    found: dict[str, list[ast.AST]] = {}
    for statement in _statements(body):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.setdefault(statement.name, []).append(statement)
            continue
        if isinstance(statement, ast.Import | ast.ImportFrom):
            continue
        stored = {
            node.id
            for node in ast.walk(statement)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        # What changes a value in place (TABLE[0] = 3.7, TABLE.append(3.7)) gives it its value too.
        touched = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        for name in stored if isinstance(statement, ast.Assign) and stored else touched:
            found.setdefault(name, []).append(statement)
    return found


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Top-level statements; those of `if` and `try` one by one."""
    for statement in body:
        if isinstance(statement, ast.If | ast.Try):
            inner = [*statement.body, *statement.orelse]
            if isinstance(statement, ast.Try):
                inner += [*statement.finalbody, *(s for h in statement.handlers for s in h.body)]
            yield from _statements(inner)
        else:
            yield statement


def _names_read(body: list[ast.stmt]) -> set[str]:
    return {
        node.id
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store)
    }


def _is_constant(node: ast.AST) -> bool:
    """Whether the expression is made of literals only."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.UnaryOp):
        return _is_constant(node.operand)
    return isinstance(node, ast.BinOp) and _is_constant(node.left) and _is_constant(node.right)


def _is_index(node: ast.AST) -> bool:
    """Whether it only says which element: constants, slices and tuples of them."""
    if isinstance(node, ast.Tuple):
        return all(map(_is_index, node.elts))
    if isinstance(node, ast.Slice):
        return all(p is None or _is_index(p) for p in (node.lower, node.upper, node.step))
    return isinstance(node, ast.Constant) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str | bytes)


def _is_free(value: object) -> bool:
    """Whether a number is small and whole, or a power of ten."""
    if value is None or value is Ellipsis or isinstance(value, bool):
        return True
    if isinstance(value, int) and abs(value) > 1 << 1000:
        return False
    if not isinstance(value, int | float) or not math.isfinite(value):
        return False
    size = abs(float(value))
    if size == int(size) and size <= _LARGEST_SMALL:
        return True
    return size == float(f"1e{round(math.log10(size))}")


def _weight(value: object) -> int:
    """How many numbers a literal holds."""
    if isinstance(value, bytes):
        return math.ceil(len(value) / _BYTES_A_NUMBER)
    if isinstance(value, str):
        if _DTYPE.fullmatch(value):
            return 0
        if len(value) >= _LONG_TEXT and " " not in value:
            return math.ceil(len(value) / _BYTES_A_NUMBER)
        tokens = _NUMBER.findall(value)
        return sum(math.ceil(len(text) / (2 * _BYTES_A_NUMBER)) for text in tokens)
    return 0 if _is_free(value) else 1


def _value(node: ast.AST) -> object:
    """The value of arithmetic of literals; NaN where it is not worth computing."""
    if isinstance(node, ast.Constant):
        return node.value
    try:
        if isinstance(node, ast.UnaryOp):
            inner = float(_value(node.operand))  # type: ignore[arg-type]
            return -inner if isinstance(node.op, ast.USub) else inner
        assert isinstance(node, ast.BinOp)
        left = float(_value(node.left))  # type: ignore[arg-type]
        right = float(_value(node.right))  # type: ignore[arg-type]
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
                return left**right if abs(right) < 400 else math.nan
    except (TypeError, ValueError, ArithmeticError):
        pass
    return math.nan
