"""The formula behind a program, as `tracer.trace` finds it: algebra, numbers, text, LaTeX."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sldagent.errors import UsageError
from sldagent.laws.algebra import evaluate_sympy, to_sympy
from sldagent.laws.tree import Array, Tree
from sldagent.task import Role


@dataclass(frozen=True)
class Formula:
    """What a program predicts, as an expression for each target.

    Attributes:
        tree: The formula as operations on features and parameters, in the program's own order.
        features: Names of the features, in the order of the data points' columns.
        targets: Names of the targets.
        shape: The shape of a group's parameters.
        roles: Roles of the features.
    """

    tree: Tree
    features: tuple[str, ...]
    targets: tuple[str, ...]
    shape: tuple[int, ...]
    roles: tuple[Role | None, ...]

    @cached_property
    def places(self) -> tuple[tuple[int, ...], ...]:
        """For each target the places of its parameters p0, p1, … in the flattened parameters.

        A target with a row of two-dimensional parameters to itself counts within that row.
        """
        size = int(np.prod(self.shape))
        if len(self.shape) == 2 and self.shape[0] == len(self.targets):
            rows = np.arange(size).reshape(self.shape).tolist()
            if all(self.tree.parameters(t) <= set(row) for t, row in enumerate(rows)):
                return tuple(tuple(row) for row in rows)
        return (tuple(range(size)),) * len(self.targets)

    @cached_property
    def feature_symbols(self) -> tuple[Any, ...]:
        """Sympy symbols of the features: positive, or real for logarithms and fractions."""
        import sympy

        signed = (Role.LOGGED, Role.FRACTION)
        return tuple(
            sympy.Symbol(name, real=True) if role in signed else sympy.Symbol(name, positive=True)
            for name, role in zip(self.features, self.roles, strict=True)
        )

    @cached_property
    def parameter_symbols(self) -> tuple[tuple[Any, ...], ...]:
        """For each target the sympy symbols of its parameters, real, in the order of `places`."""
        import sympy

        stem = next(s for s in ("p", "theta", "parameter_") if not self._clashes(s))
        return tuple(
            tuple(sympy.Symbol(f"{stem}{i}", real=True) for i in range(len(places)))
            for places in self.places
        )

    def _clashes(self, stem: str) -> bool:
        return any(re.fullmatch(rf"{stem}\d+", name) for name in self.features)

    @cached_property
    def expressions(self) -> tuple[Any, ...]:
        """For each target a sympy expression in features and parameters."""
        table = [
            dict(zip(places, own, strict=True))
            for places, own in zip(self.places, self.parameter_symbols, strict=True)
        ]
        return tuple(to_sympy(self.tree, self.feature_symbols, table))

    @property
    def unused(self) -> tuple[str, ...]:
        """Features that no target's expression has."""
        used = {symbol for expression in self.expressions for symbol in expression.free_symbols}
        return tuple(
            name
            for name, symbol in zip(self.features, self.feature_symbols, strict=True)
            if symbol not in used
        )

    def substituted(self, params: ArrayLike) -> tuple[Any, ...]:
        """The expressions with a group's parameters in their places."""
        import sympy

        values = self._flat(params)
        return tuple(
            expression.xreplace(
                {s: sympy.Float(values[i], 17) for s, i in zip(own, places, strict=True)}
            )
            for expression, own, places in zip(
                self.expressions, self.parameter_symbols, self.places, strict=True
            )
        )

    def evaluate(self, x: ArrayLike, params: ArrayLike) -> Array:
        """Predictions (N, T) for data points (N, F) and a group's parameters."""
        return self.tree.evaluate(np.atleast_2d(np.asarray(x, float)), self._flat(params))

    def evaluate_expressions(self, x: ArrayLike, params: ArrayLike) -> Array:
        """The same by the sympy expressions, which may overflow where the tree does not."""
        rows, flat = np.atleast_2d(np.asarray(x, float)), self._flat(params)
        features = dict(zip(self.feature_symbols, rows.T, strict=True))
        columns = []
        with np.errstate(all="ignore"):
            for expression, own, places in zip(
                self.expressions, self.parameter_symbols, self.places, strict=True
            ):
                values = {s: flat[i] for s, i in zip(own, places, strict=True)}
                value = np.asarray(evaluate_sympy(expression, features | values), float)
                columns.append(np.broadcast_to(value, len(rows)))
        return np.stack(columns, axis=1)

    def text(self, params: ArrayLike | None = None, digits: int = 4) -> str:
        """A line `target = formula` for each target, with a group's constants where given.

        Numbers are rounded to so many digits, for reading only.
        """
        from sympy import sstr

        return self._lines(lambda expression: sstr(expression), str, params, digits)

    def latex(self, params: ArrayLike | None = None, digits: int = 4) -> str:
        """The same in LaTeX, a line for each target, without dollar signs."""
        from sympy import latex

        names = {
            symbol: _roman(name)
            for symbol, name in zip(self.feature_symbols, self.features, strict=True)
        }
        return self._lines(
            lambda expression: latex(expression, symbol_names=names), _roman, params, digits
        )

    def _lines(
        self, write: Callable[[Any], str], name: Callable[[str], str], params: ArrayLike | None,
        digits: int,
    ) -> str:  # fmt: skip
        expressions = self.expressions if params is None else self.substituted(params)
        return "\n".join(
            f"{name(target)} = {write(_rounded(expression, digits))}"
            for target, expression in zip(self.targets, expressions, strict=True)
        )

    def _flat(self, params: ArrayLike) -> Array:
        values = np.asarray(params, float)
        if values.size != int(np.prod(self.shape)):
            raise UsageError(
                f"the formula has {int(np.prod(self.shape))} parameters, not {values.size}"
            )
        return values.reshape(-1)


def _roman(name: str) -> str:
    escaped = re.sub(r"([_%&#$])", r"\\\1", name)
    escaped = re.sub(r"\s+", r"\\ ", escaped)  # mathematics has no blanks of its own
    return name if len(name) == 1 else rf"\mathrm{{{escaped}}}"


def _rounded(expression: Any, digits: int) -> Any:
    import sympy

    def short(value: Any) -> Any:
        text = f"{float(value):.{digits}g}"
        whole = float(text) == int(float(text)) and abs(float(text)) < 10**digits
        return sympy.Integer(int(float(text))) if whole else sympy.Float(text, digits)

    return expression.xreplace({value: short(value) for value in expression.atoms(sympy.Float)})
