"""Whether further terms explain more of a target than chance would: the F-test."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

Floats = NDArray[np.float64]

LEFT = 10  # rows beyond the terms, so that the test says something


def chance(less: Floats, more: Floats, target: Floats) -> float:
    """How often terms without a bearing on the target would explain as much of it as these do.

    `less` (N, K) are the terms without them, `more` (N, M) all terms. Zero where nothing can be
    told: too few rows, or terms that are but sums of the others.
    """
    terms = int(np.linalg.matrix_rank(more))
    gained, left = terms - int(np.linalg.matrix_rank(less)), len(target) - terms
    if left < LEFT or not gained:
        return 0.0
    without, with_it = (_misfit(design, target) for design in (less, more))
    return float(fdtrc(gained, left, (without - with_it) / gained / max(with_it / left, 1e-300)))


def _misfit(design: Floats, target: Floats) -> float:
    return float(((target - design @ np.linalg.lstsq(design, target, rcond=None)[0]) ** 2).sum())
