"""Formulas as plain data: a list of operations, as they come out of the tracing of a program.

A node is a list: ["x", feature], ["p", parameter], ["c", number] or [operation, node, ...], where
nodes are given by their index and stand before those that use them. What comes from a traced
program is that program's word: `read_tree` bounds its size before anything is made of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST_NODES = 5_000
MOST_TERMS = 1_000  # nodes with every shared one counted as often as it is used
MOST_NESTING = 20  # levels of the formula as it is printed: a sum is one level, whatever its length
MOST_POWER = 200  # product of nested whole exponents

_Numeric = Callable[..., Any]
# Operation -> (kinds of its arguments, kind of its value, numpy's function); n number, t truth.
OPERATIONS: dict[str, tuple[str, str, _Numeric]] = {
    "add": ("nn", "n", np.add), "sub": ("nn", "n", np.subtract), "mul": ("nn", "n", np.multiply),
    "div": ("nn", "n", np.divide), "pow": ("nn", "n", np.power), "neg": ("n", "n", np.negative),
    "abs": ("n", "n", np.absolute), "sign": ("n", "n", np.sign), "sqrt": ("n", "n", np.sqrt),
    "exp": ("n", "n", np.exp), "expm1": ("n", "n", np.expm1), "log": ("n", "n", np.log),
    "log1p": ("n", "n", np.log1p), "log2": ("n", "n", np.log2), "log10": ("n", "n", np.log10),
    "tanh": ("n", "n", np.tanh), "sinh": ("n", "n", np.sinh), "cosh": ("n", "n", np.cosh),
    "sin": ("n", "n", np.sin), "cos": ("n", "n", np.cos), "tan": ("n", "n", np.tan),
    "arctan": ("n", "n", np.arctan), "arcsinh": ("n", "n", np.arcsinh),
    "expit": ("n", "n", lambda a: special("expit", a)),
    "erf": ("n", "n", lambda a: special("erf", a)),
    "logaddexp": ("nn", "n", np.logaddexp),
    "max": ("nn", "n", np.maximum), "min": ("nn", "n", np.minimum),
    "where": ("tnn", "n", np.where),
    "lt": ("nn", "t", np.less), "le": ("nn", "t", np.less_equal),
    "eq": ("nn", "t", np.equal), "ne": ("nn", "t", np.not_equal),
    "and": ("tt", "t", np.logical_and), "or": ("tt", "t", np.logical_or),
    "not": ("t", "t", np.logical_not),
}  # fmt: skip
_PRODUCTS = ("mul", "div", "neg")
# What sympy writes as one operation with many arguments, however it was put together.
_CHAINS = (("add", "sub"), _PRODUCTS, ("logaddexp",), ("max",), ("min",))


def special(name: str, value: Any) -> Any:
    """A function of scipy.special, which loads when it is first used."""
    from scipy import special

    return getattr(special, name)(value)


class TreeError(ValueError):
    """What came back is no formula, or one beyond all bounds; the message says which."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A formula for each target, as operations on features and parameters.

    Attributes:
        nodes: The operations; arguments stand before those that use them.
        roots: The node of each target.
    """

    nodes: tuple[tuple[Any, ...], ...]
    roots: tuple[int, ...]

    def evaluate(self, x: Array, params: Array) -> Array:
        """Predictions (N, T) for data points (N, F) and flat parameters (P,).

        The operations are those of the program in its own order, so that the values are its too.
        """
        values: list[Any] = []
        with np.errstate(all="ignore"):
            for operation, *rest in self.nodes:
                if operation == "x":
                    values.append(x[:, rest[0]])
                elif operation == "p":
                    values.append(params[rest[0]])
                elif operation == "c":
                    values.append(np.float64(rest[0]))
                else:
                    values.append(OPERATIONS[operation][2](*(values[i] for i in rest)))
        columns = [np.broadcast_to(np.asarray(values[i], float), len(x)) for i in self.roots]
        return np.stack(columns, axis=1)

    def needed(self, target: int) -> list[int]:
        """The nodes that a target's formula is made of, in order."""
        seen, waiting = {self.roots[target]}, [self.roots[target]]
        while waiting:
            operation, *rest = self.nodes[waiting.pop()]
            if operation in OPERATIONS:
                fresh = set(rest) - seen
                seen |= fresh
                waiting += fresh
        return sorted(seen)

    def parameters(self, target: int) -> set[int]:
        """The parameters that a target's formula uses."""
        nodes = (self.nodes[i] for i in self.needed(target))
        return {argument for operation, argument, *_ in nodes if operation == "p"}


def read_tree(data: object, features: int, targets: int, params: int) -> Tree:
    """The formula that `data` (what JSON gave) describes.

    Raises:
        TreeError: It is none, or larger, deeper or higher in its powers than a law can be.
    """
    nodes = data.get("nodes") if isinstance(data, dict) else None
    roots = data.get("roots") if isinstance(data, dict) else None
    if not isinstance(nodes, list) or not isinstance(roots, list) or len(roots) != targets:
        raise TreeError("the tracing gave no formula")
    if len(nodes) > MOST_NODES:
        raise TreeError(f"the formula takes more than {MOST_NODES} operations")
    kinds: list[str] = []
    measures: list[_Measure] = []
    for node in nodes:
        kinds.append(_check(node, kinds, features, params))
        measures.append(_measure(node, nodes, measures))
    for root in roots:
        if type(root) is not int or not 0 <= root < len(nodes) or kinds[root] != "n":
            raise TreeError("the tracing gave no formula")
    return Tree(tuple(tuple(node) for node in nodes), tuple(roots))


def _check(node: object, kinds: Sequence[str], features: int, params: int) -> str:
    """The kind of a well-formed node's value; raises TreeError for any other."""
    if isinstance(node, list) and node and isinstance(node[0], str):
        operation, *rest = node
        bound = {"x": features, "p": params}.get(operation)
        if bound is not None and len(rest) == 1 and type(rest[0]) is int and 0 <= rest[0] < bound:
            return "n"
        if operation == "c" and len(rest) == 1 and type(rest[0]) in (int, float):
            if not abs(rest[0]) < 1e308:
                raise TreeError("the formula has a constant that is not finite")
            return "n"
        if operation in OPERATIONS:
            wanted, kind, _ = OPERATIONS[operation]
            if len(rest) == len(wanted) and all(
                type(i) is int and 0 <= i < len(kinds) and kinds[i] == k
                for i, k in zip(rest, wanted, strict=True)
            ):
                return kind
    raise TreeError("the tracing gave no formula")


@dataclass(frozen=True, slots=True)
class _Measure:
    """How large the algebra of a node can become."""

    terms: int = 1
    nesting: int = 0
    power: float = 1.0


def _measure(node: list[Any], nodes: list[Any], known: Sequence[_Measure]) -> _Measure:
    operation, *rest = node
    if operation not in OPERATIONS:
        return _Measure()
    parts = [known[i] for i in rest]
    terms = 1 + sum(part.terms for part in parts)
    if terms > MOST_TERMS:
        raise TreeError(f"the formula has more than {MOST_TERMS} terms when it is written out")
    family = next((f for f in _CHAINS if operation in f), ())
    nesting = max(
        part.nesting + (nodes[i][0] not in family) for i, part in zip(rest, parts, strict=True)
    )
    if nesting > MOST_NESTING:
        raise TreeError(f"the formula is nested more than {MOST_NESTING} levels deep")
    power = max(part.power for part in parts)
    if operation in _PRODUCTS:
        power = sum(part.power for part in parts)
    elif operation == "pow" and nodes[rest[1]][0] == "c":
        power = parts[0].power * max(1.0, abs(nodes[rest[1]][1]))
    if power > MOST_POWER:
        raise TreeError(f"the formula has powers higher than {MOST_POWER}")
    return _Measure(terms, nesting, power)
