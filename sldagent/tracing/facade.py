"""Names of numpy, scipy, `math` and the builtins that do not ask their arguments how to act.

Replaced for good, in a process that is thrown away after one tracing.
"""

import builtins
import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

from .arrays import Traced, array_of, as_traced, bare, cast, has_symbols, lifted, true_types, wrap
from .elements import functions, symbolic, trace_math
from .nodes import Symbolic, number


def trace_numpy() -> None:
    """Lets the creators of arrays, and what else takes no overrides, give traced arrays."""
    for name in ("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray"):
        setattr(np, name, _converter(getattr(np, name), copies=name == "array"))
    for name in ("zeros", "ones", "eye", "identity", "linspace", "logspace"):
        setattr(np, name, _creator(getattr(np, name)))
    vars(np).update(empty=_empty(np.empty), full=_full(np.full), float64=Float64, double=Float64)
    for name in ("c_", "r_"):
        setattr(np, name, _Joiner(getattr(np, name)))
    trace_math()
    for name, ours in (("logsumexp", _logsumexp), ("softmax", _softmax)):
        setattr(scipy.special, name, _if_traced(ours, getattr(scipy.special, name)))


def traced_builtins() -> types.ModuleType:
    """The builtins that a program gets: some of them take symbols."""
    module = types.ModuleType("builtins")
    module.__dict__.update(vars(builtins))
    module.__dict__.update(float=Float, max=_extreme("maximum", max), min=_extreme("minimum", min))
    return module


class _Number(type):
    """A type of floats that lets symbols pass."""

    plain: type

    def __call__(cls, value: Any = 0.0, /) -> Any:
        if isinstance(value, Traced) and value.size == 1:
            value = bare(value).reshape(())[()]
        return number(value) if isinstance(value, Symbolic) else cls.plain(value)

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, cls.plain) or (isinstance(value, Symbolic) and not value.truth)


class Float(float, metaclass=_Number):
    """Stands in for `float`."""

    plain = float
    dtype = np.dtype(float)  # what numpy takes this type for


class Float64(np.float64, metaclass=_Number):
    """Stands in for `numpy.float64`."""

    plain = np.float64


class _Joiner:
    """Stands in for `numpy.c_` and `numpy.r_`."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain

    def __getitem__(self, key: Any) -> Any:
        with true_types():
            return wrap(self._plain[lifted(key)])


def _converter(plain: Callable[..., Any], copies: bool) -> Callable[..., Any]:
    @functools.wraps(plain)
    def convert(value: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        if isinstance(value, list | tuple):
            raw = bare(value)
            value = array_of(value) if isinstance(raw, np.ndarray) else value
        elif isinstance(value, Symbolic):
            value = as_traced(value)
        if isinstance(value, Traced) and has_symbols(bare(value)):
            least = kwargs.get("ndmin", 0)
            result = cast(value, dtype, copy=copies and kwargs.get("copy", True) is not False)
            return result.reshape((1,) * max(0, least - result.ndim) + result.shape)
        return _owned(plain(_as_numbers(value), dtype, *args, **kwargs))

    return convert


def _as_numbers(value: Any) -> Any:
    if isinstance(value, Traced):
        return bare(value).astype(float)
    if isinstance(value, list | tuple) and any(isinstance(part, Traced) for part in value):
        return [_as_numbers(part) for part in value]
    return value


def _owned(array: Any) -> Any:
    """Arrays of floats are traced, since a program may write symbols into them."""
    if isinstance(array, np.ndarray) and array.dtype.kind == "f":
        return as_traced(array)
    return array


def _creator(plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def create(*args: Any, **kwargs: Any) -> Any:
        return _owned(plain(*args, **kwargs))

    return create


def _empty(plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def create(*args: Any, **kwargs: Any) -> Any:
        result = plain(*args, **kwargs)
        if result.dtype.kind == "f":
            result.fill(np.nan)
        return _owned(result)

    return create


def _full(plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def create(shape: Any, fill_value: Any, *args: Any, **kwargs: Any) -> Any:
        value = bare(fill_value)
        if not has_symbols(value):
            return _owned(plain(shape, value, *args, **kwargs))
        result = plain(shape, None, dtype=object)
        result[...] = value
        return as_traced(result)

    return create


def _extreme(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def choose(*args: Any, **kwargs: Any) -> Any:
        values = list(args[0]) if len(args) == 1 else list(args)
        if symbolic(*values) and not kwargs:
            return functools.reduce(functions[name], values)
        return plain(*((values,) if len(args) == 1 else args), **kwargs)

    return choose


def _if_traced(ours: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def choose(a: Any, *args: Any, **kwargs: Any) -> Any:
        if has_symbols(bare(a)) or any(has_symbols(bare(v)) for v in kwargs.values()):
            return ours(as_traced(a), *args, **kwargs)
        return plain(np.asarray(_as_numbers(a)), *args, **kwargs)

    return choose


def _logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    if b is None and not return_sign:
        reduce: Callable[..., Any] = np.logaddexp.reduce
        return reduce(a, axis=axis, keepdims=keepdims)
    weighted = np.multiply(1.0 if b is None else b, np.exp(a))
    return np.log(np.sum(weighted, axis=axis, keepdims=keepdims))


def _softmax(x: Any, axis: Any = None) -> Any:
    return wrap(np.exp(np.subtract(x, _logsumexp(x, axis, keepdims=True))))
