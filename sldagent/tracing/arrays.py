"""Arrays of symbols: ordinary numpy arrays of objects, whose functions are those of `elements`.

Shapes, indexing, broadcasting and joining are numpy's own.
"""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from . import nodes
from .elements import functions
from .nodes import Symbolic, Untraceable, choose

_FLOAT = np.dtype(float)


_inside_numpy: list[bool] = []


@contextlib.contextmanager
def true_types() -> Iterator[None]:
    """While numpy's Python code runs, which makes arrays of the type that it sees."""
    _inside_numpy.append(True)
    try:
        yield
    finally:
        _inside_numpy.pop()


class Traced(np.ndarray):
    """An array whose elements are symbols or numbers; says of itself that it holds floats."""

    @property
    def dtype(self) -> Any:
        """float64 or bool, so that programs which ask treat it so; to numpy's own code, object."""
        if _inside_numpy:
            return np.ndarray.dtype.__get__(self)
        kinds = {isinstance(v, Symbolic) and v.truth for v in plain(self).flat}
        return np.dtype(bool) if kinds == {True} else _FLOAT

    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(_index(key))
        return np.float64(value) if isinstance(value, float | int) else value

    def __setitem__(self, key: Any, value: Any) -> None:
        mask = key if isinstance(key, Traced) else None
        if mask is None or not _has_truth(mask):
            super().__setitem__(_index(key), value)
            return
        if np.ndim(value) and np.shape(value) != self.shape:
            raise Untraceable("values are set at places that depend on the data")
        shaped = mask.reshape(mask.shape + (1,) * (self.ndim - mask.ndim))
        super().__setitem__(Ellipsis, select(shaped, value, self))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", (None,))[0]
        arrays = [bare(value) for value in inputs]
        if method == "at":
            raise Untraceable(f"numpy.{ufunc.__name__}.at cannot be traced")
        if not any(has_symbols(array) for array in arrays):
            result = getattr(ufunc, method)(*map(concrete, arrays), **_concrete_kwargs(kwargs))
        elif ufunc is np.matmul:
            result = np.matmul(*arrays)
        else:
            result = _elementwise(ufunc.__name__, method, arrays, kwargs, out)
        if out is None:
            return wrap(result)
        if not isinstance(out, Traced):
            raise Untraceable("a value of the law is written into an array of plain numbers")
        plain(out)[...] = bare(result)
        return out

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        handler = array_functions.get(function.__name__)
        if handler is not None:
            return wrap(handler(*args, **kwargs))
        args, kwargs = lifted(args), lifted(kwargs)
        if not _any_symbols((args, kwargs)):
            return wrap(function(*_numeric(args), **_numeric(kwargs)))
        own = (*(t for t in types if t is not Symbolic), Traced)
        try:
            with true_types():
                return wrap(super().__array_function__(function, own, args, kwargs))
        except (TypeError, AttributeError) as error:
            text = " ".join(str(error).split())[:120]
            raise Untraceable(f"numpy.{function.__name__} cannot be traced here ({text})") from None

    def astype(self, dtype: Any, *_: Any, **__: Any) -> Any:
        """A copy; truth values become 0 and 1."""
        return cast(self, dtype, copy=True)

    def dot(self, other: Any, out: Any = None) -> Any:
        """The dot product."""
        return wrap(np.dot(bare(self), bare(other)))

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, **more: Any) -> Any:
        """The arithmetic mean."""
        sums = np.sum(self, axis=axis, **more)
        return np.divide(sums, self.size / max(1, np.size(sums)))

    def var(  # type: ignore[override]
        self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, **more: Any
    ) -> Any:
        """The variance."""
        about = self.mean(axis=axis, keepdims=True)
        sums = np.sum(np.square(np.subtract(self, about)), axis=axis, **more)
        return np.divide(sums, self.size / max(1, np.size(sums)) - ddof)

    def std(self, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The standard deviation."""
        return np.sqrt(self.var(axis, *args, **kwargs))


def plain(array: Any) -> Any:
    """The same elements as a base-class array."""
    return np.ndarray.view(array, np.ndarray)


def bare(value: Any) -> Any:
    """A base-class array of objects where there are symbols, else what numpy makes of it."""
    if isinstance(value, Traced):
        return plain(value)
    if isinstance(value, Symbolic):
        cell = np.empty((), object)
        cell[()] = value
        return cell
    if isinstance(value, list | tuple) and _any_symbols(value):
        return plain(array_of(value))
    return value


def has_symbols(array: Any) -> bool:
    """Whether there is a symbol in what `bare` returned."""
    if not isinstance(array, np.ndarray):
        return isinstance(array, Symbolic)
    return array.dtype == object and any(isinstance(v, Symbolic) for v in array.flat)


def concrete(value: Any) -> Any:
    """An array of objects without symbols as floats (truth values stay such)."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        kinds = {type(v) for v in value.flat}
        return value.astype(bool if kinds <= {bool, np.bool_} and kinds else float)
    return value


def wrap(value: Any) -> Any:
    """What an operation gave: one element bare, floats and symbols `Traced`, the rest as it is."""
    if isinstance(value, tuple | list):
        return type(value)(wrap(part) for part in value) if type(value) in (tuple, list) else value
    if not isinstance(value, np.ndarray):
        return value
    value = plain(value)
    if value.ndim == 0:
        return value[()]
    if value.dtype == object and not has_symbols(value):
        value = concrete(value)
    return as_traced(value) if value.dtype == object or value.dtype.kind == "f" else value


def as_traced(value: Any) -> Traced:
    """A `Traced` array of what numpy makes an array of; always a new one for floats."""
    return np.asarray(bare(value), dtype=object).view(Traced)


nodes.as_array = as_traced


def array_of(values: Any) -> Traced:
    """An array of nested sequences with symbols in them."""
    result = _make_array(_unwrapped(values), dtype=object)
    if any(isinstance(v, list | tuple | np.ndarray) for v in result.flat):
        raise ValueError("the sequences differ in length: they make no array")
    return as_traced(result)


_make_array = np.array  # the facade replaces the name in numpy


def _unwrapped(values: Any) -> Any:
    if isinstance(values, list | tuple):
        return [_unwrapped(v) for v in values]
    if isinstance(values, np.ndarray):
        return values[()] if values.ndim == 0 else plain(values)
    return values


def cast(array: Any, dtype: Any, copy: bool) -> Any:
    """The array as this type: floats, or what is concrete as anything."""
    if not has_symbols(plain(array)):
        return wrap(concrete(plain(array)).astype(dtype))
    if dtype is not None and np.dtype(dtype).kind not in "fO":
        raise Untraceable(f"values of the law are turned into {np.dtype(dtype).name}")
    values = np.frompyfunc(nodes.number, 1, 1)(plain(array))
    return array if array.dtype == _FLOAT and not copy else as_traced(values)


def select(condition: Any, yes: Any, no: Any) -> Any:
    """`numpy.where` with three arguments, which broadcast."""
    return wrap(np.frompyfunc(_select, 3, 1)(*(bare(v) for v in (condition, yes, no))))


def _select(condition: Any, yes: Any, no: Any) -> Any:
    if isinstance(condition, Symbolic):
        chosen = condition if condition.truth else functions["not_equal"](condition, 0.0)
        return choose(chosen, yes, no)
    return yes if condition else no


def _has_truth(array: Any) -> bool:
    return any(isinstance(v, Symbolic) and v.truth for v in plain(array).flat)


def _index(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(_index(part) for part in key)
    if isinstance(key, Traced):
        if _has_truth(key):
            raise Untraceable("rows are selected by their values")
        return concrete(plain(key))
    return key


def _any_symbols(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_any_symbols, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_any_symbols, value))
    return isinstance(value, Symbolic) or (isinstance(value, Traced) and has_symbols(plain(value)))


def lifted(value: Any) -> Any:
    """Arguments with arrays in place of single symbols."""
    if isinstance(value, dict):
        return {name: lifted(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(lifted(v) for v in value)
    return as_traced(value) if isinstance(value, Symbolic) else value


def _numeric(value: Any) -> Any:
    """Arguments with plain arrays of floats in place of traced ones that hold no symbol."""
    if isinstance(value, dict):
        return {name: _numeric(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_numeric(v) for v in value)
    return concrete(plain(value)) if isinstance(value, Traced) else value


def _concrete_kwargs(kwargs: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = _numeric(kwargs)
    return result


def _elementwise(
    name: str, method: str, arrays: list[Any], kwargs: dict[str, Any], out: Any
) -> Any:
    function = functions.get(name)
    if function is None:
        raise Untraceable(f"the function {name} has no symbolic form")
    where = kwargs.get("where", True)
    if method == "__call__":
        result = np.frompyfunc(function, len(arrays), 1)(*arrays)
        return result if where is True else select(where, result, np.nan if out is None else out)
    if where is not True:
        arrays = [plain(as_traced(select(where, arrays[0], _neutral(name))))]
    ufunc = np.frompyfunc(function, 2, 1)
    if method in ("accumulate", "outer"):
        return getattr(ufunc, method)(*arrays, **{k: v for k, v in kwargs.items() if k == "axis"})
    if method != "reduce":
        raise Untraceable(f"numpy.{name}.{method} cannot be traced")
    return _reduce(function, name, *arrays, **kwargs)


def _neutral(name: str) -> float:
    neutral = {"add": 0.0, "multiply": 1.0, "maximum": -np.inf, "minimum": np.inf}
    if name not in neutral:
        raise Untraceable(f"numpy.{name}.reduce with where= cannot be traced")
    return neutral[name]


def _reduce(
    function: Callable[[Any, Any], Any], name: str, array: Any, axis: Any = 0, dtype: Any = None,
    keepdims: Any = False, initial: Any = None, where: Any = True,
) -> Any:  # fmt: skip
    axes = range(array.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    shape = list(array.shape)
    each = np.frompyfunc(function, 2, 1)
    for one in sorted((a % array.ndim for a in axes), reverse=True):
        if array.shape[one] == 0:
            array = np.full(np.delete(array.shape, one), _neutral(name), dtype=object)
        else:
            first, *others = (bare(lane) for lane in np.moveaxis(array, one, 0))
            array = functools.reduce(lambda a, b: bare(each(a, b)), others, first)
        shape[one] = 1
    if initial is not None and not isinstance(initial, type(np._NoValue)):
        array = bare(each(array, initial))
    result = np.empty(np.shape(array), object)
    result[...] = array
    return result.reshape(shape) if keepdims is True else result


def _where(condition: Any, *branches: Any) -> Any:
    if not branches:
        raise Untraceable("rows are selected by their values")
    return select(condition, *branches)


def _filled(prototype: Any, value: Any, shape: Any) -> Any:
    result = np.empty(np.shape(prototype) if shape is None else shape, object)
    result[...] = bare(value)
    return result.view(Traced) if result.ndim else result


def _select_list(conditions: Iterable[Any], choices: Iterable[Any], default: Any = 0) -> Any:
    result = default
    for condition, choice in reversed(list(zip(conditions, choices, strict=True))):
        result = select(condition, choice, result)
    return result


def _every(value: Any, *_: Any, **__: Any) -> Any:
    return as_traced(value)


# numpy's functions that take arrays and are no ufuncs, where numpy's own way does not serve.
array_functions: dict[str, Callable[..., Any]] = {
    "where": _where,
    "select": _select_list,
    "nan_to_num": _every,
    "real": _every,
    "copy": lambda a, *_, **__: plain(as_traced(a)).copy(),
    "real_if_close": _every,
    "zeros_like": lambda a, dtype=None, order="K", subok=True, shape=None: _filled(a, 0.0, shape),
    "ones_like": lambda a, dtype=None, order="K", subok=True, shape=None: _filled(a, 1.0, shape),
    "empty_like": lambda a, dtype=None, order="K", subok=True, shape=None: _filled(
        a, np.nan, shape
    ),
    "full_like": lambda a, fill_value, dtype=None, order="K", subok=True, shape=None: _filled(
        a, fill_value, shape
    ),
}
