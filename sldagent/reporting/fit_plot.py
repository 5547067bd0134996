"""The figure of a fit: predictions against what was measured, and what is left over."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sldagent.errors import UsageError
from sldagent.reporting.plots import COLOURS, FORMATS, NO_DATE, drawing

if TYPE_CHECKING:
    from sldagent.tablefit import TableFit

_GROUPS = 8  # that have a colour and a name of their own


def plot_fit(found: "TableFit", file: Path) -> Path:
    """Writes the figure; its format is the file's ending. A row of panels for each target.

    Raises:
        UsageError: The format is unknown, or the file cannot be written.
    """
    import matplotlib.figure

    kind = file.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise UsageError(f"{file}: a plot's name ends in .{', .'.join(FORMATS)}")
    table, targets = found.table, found.task.target_names
    predicted = found.fit.predict(table.x, table.groups)
    with drawing():
        figure = matplotlib.figure.Figure(figsize=(6.8, 2.6 * len(targets)), layout="constrained")
        axes = figure.subplots(len(targets), 2, squeeze=False)
        for t, target in enumerate(targets):
            left, right = axes[t]
            for g, group in enumerate(table.group_names):
                mine = table.group_codes == g
                y, guess = table.y[mine, t], predicted[mine, t]
                look = {"s": 9, "color": COLOURS[g % len(COLOURS)], "linewidths": 0}
                left.scatter(guess, y, **look, label=group if g < _GROUPS else None)
                right.scatter(guess, y - guess, **look)
            ends = [float(np.nanmin(table.y[:, t])), float(np.nanmax(table.y[:, t]))]
            left.plot(ends, ends, color="#888888", zorder=0)
            right.axhline(0, color="#888888", zorder=0)
            left.set(xlabel=f"{target}, predicted", ylabel=f"{target}, measured")
            right.set(xlabel=f"{target}, predicted", ylabel="measured − predicted")
        if len(table.group_names) > 1:
            axes[0, 0].legend()
        figure.suptitle(f"{found.fit.law.name}: {found.fit.law.formula}", fontsize=8)
        try:
            figure.savefig(file, metadata=NO_DATE[kind])
        except OSError as error:
            raise UsageError(f"cannot write {file}: {error.strerror}") from None
    return file
