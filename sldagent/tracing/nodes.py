"""Symbolic scalars: what a program computes with them is written down as nodes.

A node is a tuple: ("x", row, feature), ("p", index), ("c", number) or (operation, node, …), with
nodes given by their index. Equal nodes are one node.
"""

import numbers
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

PROGRAM = "<program>"  # the file name that the harness gives a program
_MOST_NODES = 200_000
_MIXED = -1


class Untraceable(BaseException):
    """The program did what no formula can say.

    No Exception: a program's own `except Exception` must not turn it into another law.
    """


nodes: list[tuple[Any, ...]] = []
_known: dict[tuple[Any, ...], int] = {}
_rows: list[int | None] = []  # the row that a node belongs to; None for parameters and constants
mixed_in: dict[int, int | None] = {}  # nodes that join several rows: the program's line


def program_line() -> int | None:
    """The line of the program that runs now."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename == PROGRAM:
            return frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return None


def _intern(node: tuple[Any, ...]) -> int:
    known = _known.get(node)
    if known is not None:
        return known
    if len(nodes) >= _MOST_NODES:
        raise Untraceable(f"the law takes more than {_MOST_NODES} operations")
    index = len(nodes)
    row: int | None = node[1] if node[0] == "x" else None
    if node[0] not in ("x", "p", "c"):
        for part in node[1:]:
            theirs = _rows[part]
            if row is None or theirs == _MIXED:
                row, source = theirs, part
            elif theirs not in (None, row) and row != _MIXED:
                row, source = _MIXED, index
        if row == _MIXED:
            mixed_in[index] = program_line() if source == index else mixed_in[source]
    nodes.append(node)
    _rows.append(row)
    _known[node] = index
    return index


def index_of(value: Any) -> int:
    """The node of a symbol or of a number."""
    if isinstance(value, Symbolic):
        return value.index
    return _intern(("c", float(value)))


def apply(operation: str, *values: Any) -> "Symbolic":
    """A new symbol: an operation on symbols and numbers."""
    return Symbolic(_intern((operation, *(index_of(number(value)) for value in values))))


def test(operation: str, *values: Any) -> "Symbolic":
    """A new truth value: a comparison of numbers."""
    parts = (index_of(number(value)) for value in values)
    return Symbolic(_intern((operation, *parts)), truth=True)


def combine(operation: str, *values: "Symbolic") -> "Symbolic":
    """A new truth value made of truth values."""
    return Symbolic(_intern((operation, *(value.index for value in values))), truth=True)


def choose(condition: "Symbolic", yes: Any, no: Any) -> Any:
    """`yes` where the condition holds, else `no`."""
    if isinstance(yes, Symbolic) and isinstance(no, Symbolic) and yes.truth and no.truth:
        return combine(
            "or", combine("and", condition, yes), combine("and", combine("not", condition), no)
        )
    parts = (index_of(number(value)) for value in (yes, no))
    return Symbolic(_intern(("where", condition.index, *parts)))


def number(value: Any) -> Any:
    """A truth value as 1 or 0; anything else as it is."""
    if isinstance(value, Symbolic) and value.truth:
        return choose(value, 1.0, 0.0)
    return value


def feature(row: int, column: int) -> "Symbolic":
    """The symbol of one cell of the data points."""
    return Symbolic(_intern(("x", row, column)))


def parameter(index: int) -> "Symbolic":
    """The symbol of one parameter, by its place in the flattened parameters."""
    return Symbolic(_intern(("p", index)))


def _depends_on_data(index: int) -> bool:
    waiting, seen = [index], {index}
    while waiting:
        node = nodes[waiting.pop()]
        if node[0] == "x":
            return True
        if node[0] not in ("p", "c"):
            fresh = set(node[1:]) - seen
            seen |= fresh
            waiting += fresh
    return False


# Set by `arrays`: the functions of elements by numpy's name, and the array around a symbol.
functions: dict[str, Callable[..., Any]] = {}
as_array: Callable[[Any], Any] = np.asarray


def _binary(name: str, swapped: bool = False) -> Callable[[Any, Any], Any]:
    def method(self: "Symbolic", other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented  # the array takes the operation, element by element
        if not isinstance(other, numbers.Number | np.generic):
            return NotImplemented
        pair = (other, self) if swapped else (self, other)
        return functions[name](*pair)

    return method


class Symbolic:
    """One number, or truth value, that a program has computed from symbols."""

    __slots__ = ("index", "truth")
    ndim = 0
    shape = ()
    size = 1
    dtype = np.dtype(float)

    def __init__(self, index: int, truth: bool = False) -> None:
        self.index = index
        self.truth = truth

    __add__, __radd__ = _binary("add"), _binary("add", True)
    __sub__, __rsub__ = _binary("subtract"), _binary("subtract", True)
    __mul__, __rmul__ = _binary("multiply"), _binary("multiply", True)
    __truediv__, __rtruediv__ = _binary("divide"), _binary("divide", True)
    __pow__, __rpow__ = _binary("power"), _binary("power", True)
    __and__, __rand__ = _binary("logical_and"), _binary("logical_and", True)
    __or__, __ror__ = _binary("logical_or"), _binary("logical_or", True)
    __lt__, __le__ = _binary("less"), _binary("less_equal")
    __gt__, __ge__ = _binary("greater"), _binary("greater_equal")
    __eq__, __ne__ = _binary("equal"), _binary("not_equal")
    __hash__ = object.__hash__

    def __neg__(self) -> Any:
        return functions["negative"](self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return functions["absolute"](self)

    def __invert__(self) -> Any:
        return functions["logical_not"](self)

    def __bool__(self) -> bool:
        what = "the data points" if _depends_on_data(self.index) else "the parameters"
        raise Untraceable(f"what happens here depends on the values of {what}")

    def _plain(self, *_: Any) -> Any:
        raise Untraceable("a value of the law must be a plain number here")

    __float__ = __int__ = __index__ = __complex__ = __round__ = __trunc__ = _plain
    __floor__ = __ceil__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _plain

    def __format__(self, spec: str) -> str:
        return "<symbol>"

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return as_array(self).__array_ufunc__(ufunc, method, *inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return as_array(self).__array_function__(function, types, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in functions:  # numpy asks an object in a plain array for `.exp` and the like
            return lambda *others: functions[name](self, *others)
        return getattr(as_array(self), name)


numbers.Real.register(Symbolic)
