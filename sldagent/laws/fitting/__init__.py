"""Fits that find the optimum: variable projection, batched minimisation, a status to read."""

from sldagent.laws.fitting.objectives import (
    HUBER_LOG,
    LOG_SQUARED,
    OBJECTIVES,
    SOFT_L1,
    SQUARED,
    Objective,
)
from sldagent.laws.fitting.result import Fit, FitStatus, Outcome
from sldagent.laws.fitting.solve import Effort, fit, pooled_r2
from sldagent.laws.fitting.units import Units, roles_for, units_of

__all__ = [
    "HUBER_LOG",
    "LOG_SQUARED",
    "OBJECTIVES",
    "SOFT_L1",
    "SQUARED",
    "Effort",
    "Fit",
    "FitStatus",
    "Objective",
    "Outcome",
    "Units",
    "fit",
    "pooled_r2",
    "roles_for",
    "units_of",
]
