"""What numpy's and scipy's elementwise functions mean for one element, symbol or number."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

from . import nodes
from .nodes import Symbolic, apply, choose, combine, test

Element = Callable[..., Any]


def symbolic(*values: Any) -> bool:
    """Whether one of the values is a symbol."""
    return any(isinstance(value, Symbolic) for value in values)


def _folding(rule: Element, plain: Element) -> Element:
    """The rule where a symbol is among the arguments, else the plain function."""

    def function(*values: Any) -> Any:
        return rule(*values) if symbolic(*values) else plain(*values)

    return function


def _operation(name: str) -> Element:
    return lambda *values: apply(name, *values)


def _test(name: str, swapped: bool = False) -> Element:
    return lambda a, b: test(name, b, a) if swapped else test(name, a, b)


def _logical(name: str, decided: bool) -> Element:
    """`and` or `or`; `decided` is the truth value that decides it alone."""

    def rule(a: Any, b: Any) -> Any:
        for one, other in ((a, b), (b, a)):
            if not isinstance(one, Symbolic):
                return decided if bool(one) is decided else _truth(other)
        return combine(name, _truth(a), _truth(b))

    return rule


def _truth(value: Any) -> Any:
    if isinstance(value, Symbolic):
        return value if value.truth else test("ne", value, 0.0)
    return bool(value)


def _not(value: Any) -> Any:
    return combine("not", _truth(value))


def _equal(a: Any, b: Any) -> Any:
    if all(isinstance(value, Symbolic) and value.truth for value in (a, b)):
        return combine("or", combine("and", a, b), combine("and", _not(a), _not(b)))
    return test("eq", a, b)


def _larger(a: Any, b: Any) -> Any:
    if -math.inf in _numbers(a, b):
        return a if symbolic(a) else b
    return apply("max", a, b)


def _smaller(a: Any, b: Any) -> Any:
    if math.inf in _numbers(a, b):
        return a if symbolic(a) else b
    return apply("min", a, b)


def _numbers(*values: Any) -> list[float]:
    return [float(value) for value in values if not isinstance(value, Symbolic)]


def _clip(value: Any, low: Any, high: Any) -> Any:
    return functions["minimum"](functions["maximum"](value, low), high)


def _step(value: Any, middle: Any) -> Any:
    below, above = test("lt", value, 0.0), test("lt", 0.0, value)
    return choose(below, 0.0, choose(above, 1.0, middle))


def _hypotenuse(a: Any, b: Any) -> Any:
    return apply("sqrt", apply("add", apply("mul", a, a), apply("mul", b, b)))


def _cube_root(value: Any) -> Any:
    return apply("mul", apply("sign", value), apply("pow", apply("abs", value), 1 / 3))


def _x_log_y(x: Any, y: Any) -> Any:
    return choose(_truth(test("eq", x, 0.0)), 0.0, apply("mul", x, apply("log", y)))


def _x_log1p_y(x: Any, y: Any) -> Any:
    return choose(_truth(test("eq", x, 0.0)), 0.0, apply("mul", x, apply("log1p", y)))


def _finite(value: Any) -> bool:
    """A formula is about finite numbers: at the probe points it is compared where it is finite."""
    return True


def _not_finite(value: Any) -> bool:
    return False


def _same(value: Any, *_: Any) -> Any:
    return nodes.number(value)


_UNARY = {
    "absolute": "abs", "negative": "neg", "fabs": "abs",
    **{name: name for name in """
        exp expm1 log log2 log10 log1p sqrt tanh sinh cosh sin cos tan arctan arcsinh sign
    """.split()},
}  # fmt: skip
_BINARY = {
    "add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "power": "pow",
    "float_power": "pow", "logaddexp": "logaddexp",
}  # fmt: skip
_RULES: dict[str, Element] = {
    **{name: _operation(operation) for name, operation in (_UNARY | _BINARY).items()},
    "maximum": _larger,
    "fmax": _larger,
    "minimum": _smaller,
    "fmin": _smaller,
    "clip": _clip,
    "square": lambda a: apply("mul", a, a),
    "reciprocal": lambda a: apply("div", 1.0, a),
    "exp2": lambda a: apply("pow", 2.0, a),
    "cbrt": _cube_root,
    "hypot": _hypotenuse,
    "heaviside": _step,
    "positive": _same,
    "conjugate": _same,
    "less": _test("lt"),
    "less_equal": _test("le"),
    "greater": _test("lt", swapped=True),
    "greater_equal": _test("le", swapped=True),
    "equal": _equal,
    "not_equal": lambda a, b: _not(_equal(a, b)),
    "logical_and": _logical("and", False),
    "bitwise_and": _logical("and", False),
    "logical_or": _logical("or", True),
    "bitwise_or": _logical("or", True),
    "logical_not": _not,
    "invert": _not,
    "isfinite": _finite,
    "isnan": _not_finite,
    "isinf": _not_finite,
}
_SPECIAL: dict[str, Element] = {
    "expit": _operation("expit"),
    "log_expit": lambda a: apply("neg", apply("logaddexp", 0.0, apply("neg", a))),
    "logit": lambda a: apply("log", apply("div", a, apply("sub", 1.0, a))),
    "xlogy": _x_log_y,
    "xlog1py": _x_log1p_y,
    "erf": _operation("erf"),
    "erfc": lambda a: apply("sub", 1.0, apply("erf", a)),
}
functions: dict[str, Element] = {
    **{name: _folding(rule, getattr(np, name)) for name, rule in _RULES.items()},
    **{name: _folding(rule, getattr(scipy.special, name)) for name, rule in _SPECIAL.items()},
}
nodes.functions.update(functions)


def total(values: Any) -> Any:
    """The sum of a few elements."""
    result: Any = 0.0
    for value in values:
        result = functions["add"](result, value)
    return result


# The functions of the module `math`, by their names there.
_MATH = {
    "fabs": "absolute", "pow": "power", "tan": "tan", "atan": "arctan", "asinh": "arcsinh",
    **{name: name for name in """
        exp expm1 log2 log10 log1p sqrt tanh sinh cosh sin cos exp2 cbrt hypot
        isfinite isnan isinf
    """.split()},
}  # fmt: skip


def _math_log(value: Any, *base: Any) -> Any:
    logarithm = functions["log"](value)
    return functions["divide"](logarithm, functions["log"](base[0])) if base else logarithm


def trace_math() -> None:
    """Lets the functions of the module `math` take symbols; for good."""
    for name, ours in _MATH.items():
        if hasattr(math, name):
            setattr(math, name, _folding(functions[ours], getattr(math, name)))
    math.log = _folding(_math_log, math.log)
    plain = math.fsum
    math.fsum = lambda values: total(v) if symbolic(*(v := list(values))) else plain(v)
