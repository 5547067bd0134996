"""Many small problems as one array computation: one a group and target, padded to a rectangle.

The solver's coordinates are the amplitudes (for targets divided by their scale), then the shapes, a
`log` shape by its logarithm.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sldagent.laws.expressions import Array, Compiled, Law, compiled
from sldagent.laws.fitting.objectives import Objective
from sldagent.task import Role

NDArrayBool = NDArray[np.bool_]
NDArrayInt = NDArray[np.intp]

_FLOOR = 1e-12  # least prediction, in target scales, that a logarithm is taken of


@dataclass(frozen=True)
class Batch:
    """P problems of at most n rows.

    Attributes:
        x: One array (P, n) per slot of the law, in O(1) units.
        y: Targets (P, n) over their scale.
        w: Weights (P, n); zero marks padding.
        delta: Delta (P,) of the objective, in the units of the residual.
    """

    law: Law
    objective: Objective
    x: tuple[Array, ...]
    y: Array
    w: Array
    delta: Array

    @cached_property
    def functions(self) -> Compiled:
        """The law's compiled functions."""
        return compiled(self.law)

    @property
    def count(self) -> int:
        """Number of amplitudes."""
        return len(self.law.amplitudes)

    @cached_property
    def logs(self) -> NDArrayBool:
        """Which shapes are searched by their logarithm."""
        return np.array([p.log for p in self.law.shapes], dtype=bool)

    @cached_property
    def bounds(self) -> tuple[Array, Array]:
        """Lower and upper bounds in the solver's coordinates."""
        pairs = [
            (np.log(p.lower), np.log(p.upper)) if p.log else (p.lower, p.upper)
            for p in self.law.parameters
        ]
        low, high = np.array(pairs, float).T
        return low, high

    def take(self, which: NDArrayInt) -> "Batch":
        """A batch of the chosen problems, in that order, with repetition."""
        return replace(
            self,
            x=tuple(a[which] for a in self.x),
            y=self.y[which],
            w=self.w[which],
            delta=self.delta[which],
        )

    def values(self, q: Array) -> Array:
        """Parameters from the solver's coordinates (..., p)."""
        out = np.array(q, float)
        shapes = out[..., self.count :]
        shapes[..., self.logs] = np.exp(shapes[..., self.logs])
        return out

    def coordinates(self, values: Array) -> Array:
        """The solver's coordinates from parameters (..., p)."""
        out = np.array(values, float)
        shapes = out[..., self.count :]
        shapes[..., self.logs] = np.log(shapes[..., self.logs])
        return out

    def residual(self, f: Array) -> tuple[Array, Array]:
        """Residuals of predictions (P, n) and their slope in the prediction."""
        if not self.objective.log:
            return f - self.y, np.ones_like(f)
        safe = np.maximum(f, _FLOOR)
        return np.log(safe / self.y), np.where(f > _FLOOR, 1 / safe, 0.0)

    def losses(self, f: Array) -> Array:
        """Objective (P,) of predictions (P, n); infinite where a prediction is not finite."""
        r, _ = self.residual(f)
        total = np.sum(self.w * self.objective.loss(r, self.delta[:, None]), axis=1)
        return np.where(np.isfinite(total), total, np.inf)

    def predictions(self, q: Array) -> Array:
        """Predictions (P, n) at coordinates (P, p)."""
        v = self.values(q)
        phi = self.functions.basis(*self.x, *(v[:, self.count :, None].transpose(1, 0, 2)))
        total = sum(v[:, k, None] * f for k, f in enumerate(phi))
        return np.broadcast_to(np.asarray(total, float), self.y.shape)

    def jacobian(self, q: Array) -> tuple[Array, Array]:
        """Predictions (P, n) and their slopes (P, p, n) in the solver's coordinates."""
        v = self.values(q)
        columns = v[:, :, None].transpose(1, 0, 2)
        with np.errstate(all="ignore"):
            parts = self.functions.slopes(*self.x, *columns)
        jac = np.empty((len(q), v.shape[1], self.y.shape[1]))
        for k, part in enumerate(parts):
            jac[:, k] = part
        if any(slot.role is Role.FRACTION for slot in self.law.slots):
            jac[np.isnan(jac)] = 0.0  # the slope x^b ln x of a share's power, where the share is 0
        for log in np.flatnonzero(self.logs):
            k = self.count + int(log)
            jac[:, k] *= v[:, k, None]
        return np.einsum("pk,pkn->pn", v[:, : self.count], jac[:, : self.count]), jac

    def model(self, q: Array, *, hessian: bool = True) -> tuple[Array, Array, Array]:
        """Objective (P,), gradient (P, p) and Gauss-Newton matrix (P, p, p) at coordinates (P, p).

        Robust losses enter as iteratively re-weighted least squares, whose matrix majorises the
        objective, so that its step descends.
        """
        f, jac = self.jacobian(q)
        with np.errstate(all="ignore"):
            r, slope = self.residual(f)
            loss = self.losses(f)
            jac *= slope[:, None, :]
            weight = self.w * self.objective.weight(r, self.delta[:, None])
            gradient = np.einsum("pkn,pn->pk", jac, weight * r)
            matrix = (
                (jac * weight[:, None, :]) @ jac.transpose(0, 2, 1)
                if hessian
                else np.empty((0, 0, 0))
            )
        return loss, np.nan_to_num(gradient), np.nan_to_num(matrix)
