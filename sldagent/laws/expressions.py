"""Laws as data: a formula over features and parameters, and the numpy functions made from it.

Every law is written so that it is linear in its amplitudes,

    y = sum_k a_k * phi_k(x; theta),

because that is what makes it fittable: amplitudes follow from linear least squares, so that only
the shapes theta (exponents, shifts, breaks) must be searched (variable projection, Golub & Pereyra
1973).
Features enter in O(1) units, see `fitting.units`; `Parameter.unit` says how a value comes back to
the table's units.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sldagent.task import Role

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a feature in a formula: its symbol, its role, its column in the data points."""

    symbol: str
    role: Role
    column: int


@dataclass(frozen=True, slots=True)
class Parameter:
    """One fitted number.

    Attributes:
        linear: An amplitude, solved by linear least squares; bounds are 0 or infinite.
        lower: Lower bound, in O(1) units.
        upper: Upper bound, in O(1) units.
        log: A positive shape whose starts and steps are even in its logarithm.
        unit: Factor from O(1) units to the table's, as sympy text over the slots' symbols (which
            stand for the features' centres there) and parameters; "1" for a pure number. The
            target's unit, which every amplitude carries, is left out.
    """

    name: str
    linear: bool
    lower: float
    upper: float
    log: bool = False
    unit: str = "1"


def amplitude(name: str, sign: int = 0, unit: str = "1") -> Parameter:
    """A linear parameter; `sign` 1 keeps it at or above zero, -1 at or below, 0 leaves it free."""
    return Parameter(
        name, True, 0.0 if sign > 0 else -math.inf, 0.0 if sign < 0 else math.inf, unit=unit
    )


def shape(
    name: str, lower: float, upper: float, *, log: bool = False, unit: str = "1"
) -> Parameter:
    """A parameter that must be searched, in a box of O(1) units."""
    return Parameter(name, False, lower, upper, log, unit)


@dataclass(frozen=True)
class Law:
    """A formula with its parameters, bound to the columns of a table by role.

    Attributes:
        name: Family and slots, for example `additive(N,D)`; the same for every table of such roles.
        formula: Sympy text over slot symbols and parameter names, linear in the amplitudes.
        centred: The formula shows features against their centres (logarithms and logged inputs),
            so its parameters have no value in the table's own units.
        source: Where the form was published.
    """

    name: str
    formula: str
    slots: tuple[Slot, ...]
    parameters: tuple[Parameter, ...]
    source: str
    centred: bool = False

    def __post_init__(self) -> None:
        # Amplitudes first: the fitter addresses both kinds by slices.
        ordered = sorted(self.parameters, key=lambda parameter: not parameter.linear)
        object.__setattr__(self, "parameters", tuple(ordered))
        if not self.amplitudes:
            raise ValueError(f"{self.name}: a law needs a linear amplitude")

    @cached_property
    def amplitudes(self) -> tuple[Parameter, ...]:
        """The linear parameters."""
        return tuple(p for p in self.parameters if p.linear)

    @cached_property
    def shapes(self) -> tuple[Parameter, ...]:
        """The nonlinear parameters."""
        return tuple(p for p in self.parameters if not p.linear)

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in the order of every parameter vector."""
        return tuple(p.name for p in self.parameters)

    @property
    def columns(self) -> tuple[int, ...]:
        """Columns of the data points that the law reads, in the order of its slots."""
        return tuple(slot.column for slot in self.slots)

    def expression(self) -> Any:
        """The formula as a sympy expression in real symbols (positive for sizes and shapes)."""
        return parse(self.formula, self)

    def evaluate(self, x: Array, values: Sequence[float] | Array) -> Array:
        """Predictions (N,) for data points (N, F), both in the units that `values` are in."""
        return compiled(self).value([x[:, c] for c in self.columns], np.asarray(values, float))


def symbols(law: Law) -> dict[str, Any]:
    """Sympy symbols of a law's slots and parameters."""
    import sympy

    signed = (Role.LOGGED, Role.FRACTION)
    table = {s.symbol: sympy.Symbol(s.symbol, real=True) for s in law.slots if s.role in signed}
    table |= {
        s.symbol: sympy.Symbol(s.symbol, positive=True) for s in law.slots if s.role not in signed
    }
    return table | {
        p.name: sympy.Symbol(p.name, positive=True)
        if p.lower > 0
        else sympy.Symbol(p.name, real=True)
        for p in law.parameters
    }


def parse(text: str, law: Law) -> Any:
    """Sympy expression of `text`, which must come from a `Law` (sympy's parser runs it)."""
    import sympy

    helpers = {
        # Written with Abs: numpy's printer turns Min and Max into reductions that do not broadcast.
        "lesser": lambda a, b: (a + b - sympy.Abs(a - b)) / 2,
        "greater": lambda a, b: (a + b + sympy.Abs(a - b)) / 2,
        "ln": sympy.log,
        "exp": sympy.exp,
        "tanh": sympy.tanh,
        "sqrt": sympy.sqrt,
    }
    return sympy.sympify(text, locals=helpers | symbols(law))


@dataclass(frozen=True, slots=True)
class Compiled:
    """Numpy functions of one law; features and parameters broadcast against each other.

    Attributes:
        basis: (features, shapes) -> phi, one array or scalar per amplitude.
        slopes: (features, all parameters) -> phi, then dy/dtheta per shape.
    """

    law: Law
    basis: Callable[..., list[Any]]
    slopes: Callable[..., list[Any]]

    def value(self, features: Sequence[Array], values: Array) -> Array:
        """Predictions for feature arrays (N,) under one parameter vector."""
        count = len(self.law.amplitudes)
        phi = self.basis(*features, *values[count:])
        total = sum(a * f for a, f in zip(values[:count], phi, strict=True))
        return np.broadcast_to(np.asarray(total, float), features[0].shape).copy()


@lru_cache(maxsize=1024)
def compiled(law: Law) -> Compiled:
    """The law's functions, made once per law."""
    import sympy

    table = symbols(law)
    expression = parse(law.formula, law)
    linear = [table[p.name] for p in law.amplitudes]
    nonlinear = [table[p.name] for p in law.shapes]
    features = [table[s.symbol] for s in law.slots]
    basis = [sympy.diff(expression, a) for a in linear]
    mixed = {a for phi in basis for a in linear if phi.has(a)}
    rest = expression.subs(dict.fromkeys(linear, 0))
    if mixed or (rest != 0 and sympy.simplify(rest) != 0):
        raise ValueError(f"{law.name}: the formula is not linear in its amplitudes")
    slopes = [sympy.diff(expression, theta) for theta in nonlinear]
    return Compiled(
        law,
        sympy.lambdify([*features, *nonlinear], basis, "numpy", cse=True),
        sympy.lambdify([*features, *linear, *nonlinear], [*basis, *slopes], "numpy", cse=True),
    )
