"""Where a law errs, in words: along which feature, and in which group."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sldagent.table import Table

Floats = NDArray[np.float64]
_PARTS = ("low", "middle", "high")
_NOTABLE = 0.02  # of the targets' spread; smaller means are not worth a line
_WORST_GROUPS = 3


def describe_residuals(
    predicted: Floats, rows: Table, features: tuple[str, ...], targets: tuple[str, ...]
) -> tuple[str, ...]:
    """Lines about predictions (N, T) for the rows: overall, by thirds of a feature, by group.

    All numbers are in units of the target's standard deviation over the rows.
    """
    lines: list[str] = []
    for t, target in enumerate(targets):
        spread = float(rows.y[:, t].std())
        error = predicted[:, t] - rows.y[:, t]
        if not spread or not np.isfinite(error).all():
            continue
        scaled = error / spread
        about = f'"{target}": ' if len(targets) > 1 else ""
        lines.append(f"{about}root mean square {np.sqrt(np.mean(scaled**2)):.3f}")
        lines += [about + line for line in _along(scaled, rows.x, features)]
        lines += [about + line for line in _groups(scaled, rows)]
    return tuple(lines)


def _along(error: Floats, x: Floats, features: tuple[str, ...]) -> Iterator[str]:
    for column, name in zip(x.T, features, strict=True):
        edges = np.quantile(column, [1 / 3, 2 / 3])
        part = np.searchsorted(edges, column, side="left")
        means = [error[part == k].mean() if (part == k).any() else None for k in range(3)]
        known = [mean for mean in means if mean is not None]
        if len(known) > 1 and max(map(abs, known)) >= _NOTABLE:
            words = ", ".join(
                f"{word} {mean:+.3f}"
                for word, mean in zip(_PARTS, means, strict=True)
                if mean is not None
            )
            yield f'along "{name}": {words}'


def _groups(error: Floats, rows: Table) -> Iterator[str]:
    if len(rows.group_names) < 2:
        return
    size = {
        name: (float(np.sqrt(np.mean(own**2))), float(own.mean()))
        for code, name in enumerate(rows.group_names)
        if len(own := error[rows.group_codes == code])
    }
    worst = sorted(size, key=lambda name: -size[name][0])[:_WORST_GROUPS]
    words = ", ".join(f'"{n}" {size[n][0]:.3f} (mean {size[n][1]:+.3f})' for n in worst)
    yield f"worst groups: {words}"
