"""The peak learning rate as a function of size and tokens, from a sweep over a few of both."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sldagent.errors import DataError
from sldagent.measure.spec import Row, RunSpec, count_params


@dataclass(frozen=True, slots=True)
class TunedRate:
    """rate = exp(constant) * params**size * tokens**data."""

    constant: float
    size: float
    data: float

    def __call__(self, spec: RunSpec) -> float:
        """The peak learning rate of a run."""
        log = self.constant + self.size * math.log(count_params(spec.width))
        return float(f"{math.exp(log + self.data * math.log(spec.tokens)):.3g}")

    def __str__(self) -> str:
        return f"{math.exp(self.constant):.3g} * params^{self.size:.3f} * tokens^{self.data:.3f}"


def tune(rows: Sequence[Row]) -> TunedRate:
    """The power law through the best rates of a sweep's cells of size and tokens.

    A cell's best rate is the lowest point of the parabola, in the logarithm, through the rate of
    the lowest loss and its neighbours; at the edge of the sweep it is that rate.

    Raises:
        DataError: No run of some cell ended with a finite loss.
    """
    cells: dict[tuple[int, int], list[Row]] = defaultdict(list)
    for row in rows:
        cells[row.params, row.tokens].append(row)
    logs = [_best_log_rate(cell) for cell in cells.values()]
    design = np.array([[1.0, math.log(n), math.log(d)] for n, d in cells])
    constant, size, data = np.linalg.lstsq(design, np.array(logs))[0]
    return TunedRate(float(constant), float(size), float(data))


def _best_log_rate(cell: Sequence[Row]) -> float:
    points = sorted((math.log(row.rate), row.loss) for row in cell if row.loss is not None)
    if not points:
        raise DataError(f"every learning rate diverged: {', '.join(row.key for row in cell)}")
    best = min(range(len(points)), key=lambda i: points[i][1])
    if not 0 < best < len(points) - 1:
        return points[best][0]
    x, y = np.array(points[best - 1 : best + 2]).T
    curve, slope, _ = np.polyfit(x - x[1], y, 2)
    return float(x[1] - slope / (2 * curve))
