"""What a fit minimises: sum_i w_i * rho(r_i) of plain or logarithmic residuals.

Plain residuals are y_hat - y, logarithmic ones ln(y_hat / y), about the relative error. A plain
objective's delta is in standard deviations of the target within its group, so that the unit of the
target does not matter.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sldagent.laws.expressions import Array


class Rho(StrEnum):
    """The loss on one residual; delta marks where it turns from square to absolute value."""

    SQUARE = "square"  # r^2/2
    HUBER = "huber"  # r^2/2 within delta, delta (|r| - delta/2) beyond (Huber 1964)
    SOFT_L1 = "soft_l1"  # delta^2 (sqrt(1 + (r/delta)^2) - 1)


@dataclass(frozen=True, slots=True)
class Objective:
    """A residual and a loss on it."""

    name: str
    log: bool
    rho: Rho
    delta: float = 1.0

    def loss(self, r: Array, delta: Array | float) -> Array:
        """Value of rho."""
        if self.rho is Rho.SQUARE:
            return np.asarray(r * r / 2)
        size = np.abs(r)
        if self.rho is Rho.HUBER:
            return np.where(size <= delta, r * r / 2, delta * (size - delta / 2))
        # r^2 / (1 + sqrt(..)) keeps the digits that sqrt(1 + t) - 1 loses for small t.
        return np.asarray(r * r / (1 + np.sqrt(1 + (r / delta) ** 2)))

    def weight(self, r: Array, delta: Array | float) -> Array:
        """Weight rho'(r)/r of iteratively re-weighted least squares."""
        if self.rho is Rho.SQUARE:
            return np.ones_like(r)
        if self.rho is Rho.HUBER:
            return np.minimum(1.0, delta / np.maximum(np.abs(r), 1e-300))
        return np.asarray(1 / np.sqrt(1 + (r / delta) ** 2))


SQUARED = Objective("squared", False, Rho.SQUARE)
LOG_SQUARED = Objective("log_squared", True, Rho.SQUARE)
# delta = 1e-3 as in Hoffmann et al. 2022, section 3.3.
HUBER_LOG = Objective("huber_log", True, Rho.HUBER, 1e-3)
SOFT_L1 = Objective("soft_l1", False, Rho.SOFT_L1, 0.1)
OBJECTIVES = {o.name: o for o in (SQUARED, LOG_SQUARED, HUBER_LOG, SOFT_L1)}
