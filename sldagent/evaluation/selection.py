"""What selection compares. It is no metric of the benchmark and is never shown as one."""

from collections.abc import Sequence

import numpy as np

_FLOOR = -1.0  # R² has no lower bound: one hopeless cut must not hide what the others say
_PER_NUMBER = 0.0005  # for each fitted parameter and each literal in the law
_SPREAD = 0.1  # times the standard deviation over cuts
_NOT_FINITE = 0.05  # predictions beyond the data that are not finite


def selection_score(
    cut_r2: Sequence[float], params: int, literals: int, finite_beyond: bool
) -> float:
    """Mean over cuts of R² clipped to [-1, 1], less prices; higher is better.

    Prices: `_PER_NUMBER` for every parameter and literal, `_SPREAD` times the spread over cuts,
    `_NOT_FINITE` where the law does not stay finite ten times beyond the data.
    """
    clipped = np.clip(np.asarray(cut_r2, dtype=float), _FLOOR, 1.0)
    price = _PER_NUMBER * (params + literals) + _SPREAD * float(clipped.std())
    return float(clipped.mean()) - price - (0.0 if finite_beyond else _NOT_FINITE)
