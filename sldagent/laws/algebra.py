"""The algebra of traced formulas: from a tree to sympy, within bounds, and to numbers again."""

import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sldagent.laws.tree import MOST_POWER, OPERATIONS, Tree, TreeError, special

_MOST_SECONDS = 10.0  # for all targets
_MOST_SIMPLIFIED = 100  # terms of a power or function that sympy may simplify
_MOST_INNER = 2  # conditions that another condition's value depends on
_MOST_EXACT = 1000  # whole numbers up to here, and halves, are written exactly


def to_sympy(tree: Tree, features: Sequence[Any], params: Sequence[Mapping[int, Any]]) -> list[Any]:
    """The formula of each target as a sympy expression.

    Args:
        tree: From `read_tree`.
        features: The symbol of each feature.
        params: For each target the symbol of each parameter that it uses, by its flat index.

    Raises:
        TreeError: A constant part of the formula has no finite value, or sympy cannot cope.
    """
    deadline = time.monotonic() + _MOST_SECONDS
    try:
        return [_expression(tree, t, features, own, deadline) for t, own in enumerate(params)]
    except TreeError:
        raise
    except (ArithmeticError, AttributeError, RecursionError, TypeError, ValueError) as error:
        name = type(error).__name__  # sympy has its own bugs, and a hostile formula finds them
        raise TreeError(f"sympy cannot write the formula ({name})") from None


def _expression(
    tree: Tree, target: int, features: Sequence[Any], params: Mapping[int, Any], deadline: float
) -> Any:
    """Constant parts are computed in floating point: sympy's exact numbers have no bound."""
    import sympy

    rules = _rules()
    constants: dict[int, Any] = {}
    made: dict[int, Any] = {}
    terms: dict[int, int] = {}
    for index in tree.needed(target):
        operation, *rest = tree.nodes[index]
        terms[index] = 1 + sum(terms[i] for i in rest) if operation in OPERATIONS else 1
        if operation == "c":
            constants[index] = float(rest[0])
        elif operation not in OPERATIONS:
            made[index] = (features if operation == "x" else params)[rest[0]]
        elif all(i in constants for i in rest):
            with np.errstate(all="ignore"):
                value = OPERATIONS[operation][2](*(constants[i] for i in rest))
            if not np.isfinite(value):
                raise TreeError("a constant part of the formula is not finite")
            constants[index] = bool(value) if OPERATIONS[operation][1] == "t" else float(value)
        else:
            if time.monotonic() > deadline:
                raise TreeError(f"writing the formula takes more than {_MOST_SECONDS:g} s")
            parts = [made[i] if i in made else exact(constants[i]) for i in rest]
            # What sympy tries to simplify in powers and functions costs too much for long ones.
            plain = terms[index] > _MOST_SIMPLIFIED and operation not in ("add", "sub", "mul")
            with sympy.evaluate(False) if plain else contextlib.nullcontext():
                made[index] = _bounded(rules[operation](*parts))
    root = tree.roots[target]
    return made[root] if root in made else exact(constants[root])


def _bounded(expression: Any) -> Any:
    """The expression, or in place of a long whole number or fraction its nearest float."""
    if expression.is_Rational and max(abs(expression.p), expression.q) > _MOST_EXACT:
        value = float(expression.evalf(17))
        if not math.isfinite(value):
            raise TreeError("a constant part of the formula is not finite")
        return exact(value)
    return expression


def _power(base: Any, exponent: Any) -> Any:
    import sympy

    if exponent.is_Rational and abs(exponent) > MOST_POWER:
        exponent = sympy.Float(exponent, 17)
    return base**exponent


def exact(value: Any) -> Any:
    """A number as sympy writes it best: whole numbers and halves exact, all others as floats."""
    import sympy

    if isinstance(value, bool):
        return sympy.true if value else sympy.false
    if abs(value) <= _MOST_EXACT and 2 * value == math.floor(2 * value):
        return sympy.Rational(int(2 * value), 2)
    return sympy.Float(value, 17)


def _rules() -> dict[str, Callable[..., Any]]:
    import sympy as s

    return {
        "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
        "div": lambda a, b: a / b, "pow": _power, "neg": lambda a: -a,
        "abs": s.Abs, "sign": s.sign, "sqrt": s.sqrt, "exp": _exponential,
        "expm1": lambda a: _exponential(a) - 1, "log": s.log, "log1p": lambda a: s.log(1 + a),
        "log2": lambda a: s.log(a) / s.log(2), "log10": lambda a: s.log(a) / s.log(10),
        "tanh": s.tanh, "sinh": s.sinh, "cosh": s.cosh, "sin": s.sin, "cos": s.cos, "tan": s.tan,
        "arctan": s.atan, "arcsinh": s.asinh, "erf": s.erf,
        "expit": lambda a: 1 / (1 + _exponential(-a)),
        "logaddexp": lambda a, b: s.log(_exponential(a) + _exponential(b)),
        "max": lambda a, b: _extreme(s.Max, a, b), "min": lambda a, b: _extreme(s.Min, a, b),
        "where": _piecewise,
        "lt": lambda a, b: s.Lt(a, b, evaluate=False),
        "le": lambda a, b: s.Le(a, b, evaluate=False),
        "eq": lambda a, b: s.Eq(a, b, evaluate=False),
        "ne": lambda a, b: s.Ne(a, b, evaluate=False),
        "and": lambda a, b: s.And(a, b, evaluate=False),
        "or": lambda a, b: s.Or(a, b, evaluate=False),
        "not": lambda a: s.Not(a, evaluate=False),
    }  # fmt: skip


def _exponential(exponent: Any) -> Any:
    """exp(a + b log x) as exp(a) x^b: programs fit power laws that way, nobody reads them so."""
    import sympy as s

    powers, others = [], []
    for term in s.Add.make_args(exponent):
        logs = [factor for factor in s.Mul.make_args(term) if isinstance(factor, s.log)]
        if len(logs) == 1:
            powers.append(logs[0].args[0] ** (term / logs[0]))
        else:
            others.append(term)
    return s.Mul(s.exp(s.Add(*others)), *powers)


def _piecewise(condition: Any, yes: Any, no: Any) -> Any:
    import sympy as s

    inner = condition.atoms(s.Piecewise)
    if inner:
        if len(inner) > _MOST_INNER or condition.count_ops() > _MOST_SIMPLIFIED:
            raise TreeError("a condition of the formula rests on too many others")
        # Sympy would write these as ITE, which neither readers nor its printers know.
        condition = s.piecewise_fold(condition)
        if isinstance(condition, s.Piecewise):
            condition = condition.rewrite(s.ITE)
        condition = condition.replace(s.ITE, lambda c, a, b: s.Or(s.And(c, a), s.And(s.Not(c), b)))
    others = no.args if isinstance(no, s.Piecewise) else [(no, True)]
    return s.Piecewise((yes, condition), *others, evaluate=False)


def _extreme(function: Any, a: Any, b: Any) -> Any:
    """Sympy compares all pairs to simplify, which takes long for anything but a symbol."""
    parts = [part for x in (a, b) for part in (x.args if isinstance(x, function) else (x,))]
    distinct = list(dict.fromkeys(parts))
    return distinct[0] if len(distinct) == 1 else function(*distinct, evaluate=False)


def evaluate_sympy(expression: Any, values: dict[Any, Any]) -> Any:
    """A sympy expression of such a formula in floating point, for arrays that broadcast."""
    import sympy as s

    if expression in values:
        return values[expression]
    if isinstance(expression, s.Number | s.NumberSymbol):
        return float(expression)
    if expression in (s.true, s.false):
        return bool(expression)
    if isinstance(expression, s.Piecewise):
        result: Any = np.nan
        for branch, condition in reversed(expression.args):
            result = np.where(
                evaluate_sympy(condition, values), evaluate_sympy(branch, values), result
            )
        return result
    function = _numpy_functions().get(type(expression))
    if function is None:
        raise TreeError(f"the formula has a part of an unexpected kind, {expression.func}")
    parts = [evaluate_sympy(part, values) for part in expression.args]
    result = parts[0]
    if len(parts) == 1:
        return function(result)
    for part in parts[1:]:
        result = function(result, part)
    return result


def _numpy_functions() -> dict[Any, Callable[..., Any]]:
    import sympy as s

    return {
        s.Add: np.add, s.Mul: np.multiply, s.Pow: np.float_power, s.exp: np.exp, s.log: np.log,
        s.Abs: np.absolute, s.sign: np.sign, s.tanh: np.tanh, s.sinh: np.sinh, s.cosh: np.cosh,
        s.sin: np.sin, s.cos: np.cos, s.tan: np.tan, s.atan: np.arctan, s.asinh: np.arcsinh,
        s.cot: lambda a: 1 / np.tan(a), s.coth: lambda a: 1 / np.tanh(a),
        s.erf: lambda a: special("erf", a), s.erfc: lambda a: special("erfc", a),
        s.Max: np.maximum, s.Min: np.minimum, s.StrictLessThan: np.less, s.LessThan: np.less_equal,
        s.StrictGreaterThan: np.greater, s.GreaterThan: np.greater_equal, s.Equality: np.equal,
        s.Unequality: np.not_equal, s.And: np.logical_and, s.Or: np.logical_or,
        s.Not: np.logical_not,
    }  # fmt: skip
