"""A run's figures as files for a paper, from the data that the page is drawn from."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sldagent.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("pdf", "png", "svg")
_WIDTH, _HEIGHT = 3.4, 2.6  # inches: one column of a two-column paper
_COLUMNS = 3
_NEAR_ZERO = 0.05  # of the largest target: below it, relative residuals mislead
_STYLE: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # text stays text
    "svg.fonttype": "none",
    "svg.hashsalt": "sldagent",  # the same data give the same file
}
COLOURS = ("#1f5fbf", "#d4711c", "#1a7f4b", "#a23f97", "#b3362b", "#007c89", "#7a5c00", "#5b5fc7")
NO_DATE = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}


def write_plots(data: dict[str, Any], folder: Path, formats: tuple[str, ...]) -> list[Path]:
    """Writes every figure that the data allow, in every format; returns the files.

    `data` is what `sldagent.api.report` gives.

    Raises:
        UsageError: A format is unknown, or the folder cannot be written.
    """
    for name in formats:
        if name not in FORMATS:
            raise UsageError(f"plots come as {', '.join(FORMATS)}, not as '{name}'")
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with drawing():
            for name, draw in _figures(data):
                figure = draw()
                for kind in formats:
                    path = folder / f"{name}.{kind}"
                    figure.savefig(path, bbox_inches="tight", metadata=NO_DATE[kind])
                    written.append(path)
    except OSError as error:
        raise UsageError(f"cannot write into {folder}: {error.strerror}") from None
    return written


@contextmanager
def drawing() -> Iterator[None]:
    """Matplotlib without a screen and in our style, the caller's settings left alone."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        yield


def _figures(data: dict[str, Any]) -> Iterator[tuple[str, "Callable[[], Figure]"]]:
    if any(score is not None for score in data["candidates"]["score"]):
        yield "score", partial(_score, data["candidates"])
        yield "pareto", partial(_pareto, data["candidates"], data["best"])
    picture = data["picture"]
    if "reason" in picture:
        return
    for target, column in enumerate(picture["targets"]):
        end = f"-{_file_name(column['name'])}" if len(picture["targets"]) > 1 else ""
        yield f"predicted{end}", partial(_predicted, picture, target)
        yield f"residuals{end}", partial(_residuals, picture, target)
        if picture["curves"]:
            yield f"extrapolation{end}", partial(_extrapolation, picture, target)


def _file_name(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in text)


def _whole(axes: "Axes") -> None:
    """Whole numbers along the horizontal axis."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _scale(axes: "Axes", feature: dict[str, Any]) -> None:
    """The horizontal axis of a feature, labelled at powers of ten only where it is logarithmic."""
    from matplotlib.ticker import LogFormatterSciNotation

    axes.set_xlabel(_label(feature))
    if feature["log"]:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(LogFormatterSciNotation(minor_thresholds=(0.5, 0.2)))


def _axes(columns: int = 1, rows: int = 1) -> tuple["Figure", "list[Axes]"]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH * columns, _HEIGHT * rows), layout="constrained")
    return figure, list(np.ravel(figure.subplots(rows, columns, squeeze=False)))


def _score(candidates: dict[str, Any]) -> "Figure":
    """What the score of each candidate and of the best one so far lacks to one, on each island."""
    figure, (axes,) = _axes()
    generation = np.array(candidates["generation"])
    island = np.array(candidates["island"])
    score = np.array(candidates["score"], dtype=float)
    valid = np.isfinite(score)
    error = np.maximum(1 - score, 1e-12)
    islands = np.unique(island)
    for k, number in enumerate(islands):
        mine = np.flatnonzero(valid & (island == number))
        colour = COLOURS[k % len(COLOURS)]
        axes.plot(generation[mine], error[mine], ".", color=colour, alpha=0.35, markersize=3)
        steps: list[tuple[float, float]] = []
        for i in mine[np.lexsort((error[mine], generation[mine]))]:
            if not steps or error[i] < steps[-1][1]:
                steps.append((generation[i], error[i]))
        if steps:
            steps.append((generation.max() + 0.5, steps[-1][1]))
            label = f"island {number}" if len(islands) > 1 else None
            axes.step(*np.transpose(steps), where="post", color=colour, label=label)
    least, usual = error[valid].min(), np.quantile(error[valid], 0.75)
    axes.set(xlabel="generation", ylabel="1 − selection score", yscale="log")
    axes.set_ylim(least / 1.2, max(2 * least, min(usual, 1.0)) * 1.2)
    _whole(axes)
    if len(islands) > 1:
        figure.legend(loc="outside lower center", ncols=4, title="best so far")
    return figure


def _pareto(candidates: dict[str, Any], best: int | None) -> "Figure":
    """Held-out error against the numbers that are fitted, with the Pareto front and the winner."""
    figure, (axes,) = _axes()
    params = np.array(candidates["params"], dtype=float)
    error = np.maximum(1 - np.array(candidates["r2"], dtype=float), 1e-12)
    known = np.isfinite(params) & np.isfinite(error)
    chosen = known & (np.array(candidates["number"]) == best)
    winner = params[chosen], error[chosen]
    params, error = params[known], error[known]
    axes.plot(params, error, ".", color="#9aa0aa", markersize=4)
    front: list[tuple[float, float]] = []
    for i in np.lexsort((error, params)):
        if not front or error[i] < front[-1][1]:
            front.append((params[i], error[i]))
    end = (params.max() + 0.5, front[-1][1])
    axes.step(*np.transpose([*front, end]), where="post", color=COLOURS[0], label="Pareto front")
    axes.plot(*np.transpose(front), "o", color=COLOURS[0], markersize=4)
    if len(winner[0]):
        axes.plot(*winner, "*", color=COLOURS[1], markersize=9, label="the run's law")
    axes.set(xlabel="fitted numbers a group", ylabel="held-out error, $1 - R^2$", yscale="log")
    worst = max(np.quantile(error, 0.9), max(e for _, e in front))
    axes.set_ylim(error.min() / 1.5, min(worst, 10.0 * max(e for _, e in front)) * 1.5)
    _whole(axes)
    axes.legend()
    return figure


def _groups(picture: dict[str, Any]) -> Iterator[tuple[int, str, str | None]]:
    """Number, colour and label of every group; labels where there are few."""
    count = len(picture["groups"])
    for g, name in enumerate(picture["groups"]):
        yield g, COLOURS[g % len(COLOURS)], _plain(name) if 1 < count <= 8 else None


def _plain(text: str) -> str:
    """Text that matplotlib does not take for mathematics."""
    return text.replace("$", r"\$")


def _r2(value: float) -> str:
    """Three digits, and as many more as tell a value from one."""
    digits = 3 if value >= 1 else min(6, max(3, 2 - int(np.floor(np.log10(1 - value)))))
    return f"{value:.{digits}f}"


def _label(column: dict[str, Any]) -> str:
    unit = column["unit"]
    return _plain(
        f"{column['name']} ({unit})" if unit not in ("", column["name"]) else column["name"]
    )


def _held_out(picture: dict[str, Any], target: int) -> Iterator[tuple[dict[str, Any], Any, Any]]:
    """Each cut with its held-out rows and what was predicted for them."""
    for cut in picture["cuts"]:
        rows = np.array(cut["held_out"], dtype=int)
        yield cut, rows, np.array(cut["predicted"][target], dtype=float)[rows]


def _predicted(picture: dict[str, Any], target: int) -> "Figure":
    """Predicted against actual on the held-out rows of each cut."""
    cuts = list(_held_out(picture, target))
    columns = min(max(len(cuts), 1), _COLUMNS)
    figure, every = _axes(columns, max(1, -(-len(cuts) // columns)))
    for axes in every[len(cuts) :]:
        axes.remove()
    actual = np.array(picture["rows"]["y"][target], dtype=float)
    group = np.array(picture["rows"]["group"])
    for axes, (cut, rows, given) in zip(every, cuts, strict=False):
        low, high = actual[rows].min(), actual[rows].max()
        room = 0.06 * (high - low) or 1.0
        axes.plot([low - room, high + room], [low - room, high + room], "--", color="#777777")
        for g, colour, label in _groups(picture):
            mine = group[rows] == g
            axes.plot(actual[rows][mine], given[mine], "o", color=colour, markersize=3, label=label)
        axes.set(
            title=f"{_plain(cut['name'])}, $R^2$ = {_r2(cut['r2'])}",
            xlabel=f"actual {_label(picture['targets'][target])}",
            ylabel="predicted",
        )
        if every[0].get_legend_handles_labels()[1]:
            axes.legend()
    return figure


def _residuals(picture: dict[str, Any], target: int) -> "Figure":
    """Relative residuals of held-out rows against each feature, all cuts together."""
    features = picture["features"]
    columns = min(len(features), _COLUMNS)
    figure, every = _axes(columns, -(-len(features) // columns))
    for axes in every[len(features) :]:
        axes.remove()
    actual = np.array(picture["rows"]["y"][target], dtype=float)
    group = np.array(picture["rows"]["group"])
    relative = bool(np.abs(actual).min() > _NEAR_ZERO * np.abs(actual).max())
    for j, axes in enumerate(every[: len(features)]):
        x = np.array(picture["rows"]["x"][j], dtype=float)
        for g, colour, label in _groups(picture):
            for k, (_, rows, given) in enumerate(_held_out(picture, target)):
                mine = group[rows] == g
                miss = (given - actual[rows])[mine]
                if relative:
                    miss = 100 * miss / np.abs(actual[rows][mine])
                axes.plot(
                    x[rows][mine], miss, "o", color=colour, markersize=2.5, alpha=0.6,
                    label=None if k else label,
                )  # fmt: skip
        axes.axhline(0, color="#777777", linestyle="--", linewidth=0.8)
        _scale(axes, features[j])
    every[0].set_ylabel("predicted − actual" + (" (%)" if relative else ""))
    if every[0].get_legend_handles_labels()[1]:
        every[0].legend()
    return figure


def _extrapolation(picture: dict[str, Any], target: int) -> "Figure":
    """Prediction along each axis: fit rows, held-out rows, interval; a column for each group.

    Of many groups the first few are drawn; one group has its axes side by side.
    """
    names = list(dict.fromkeys(curve["group"] for curve in picture["curves"]))[:_COLUMNS]
    shown = [curve for curve in picture["curves"] if curve["group"] in names]
    numbers = sorted({curve["axis"] for curve in shown})
    rows, columns = (len(numbers), len(names)) if len(names) > 1 else (1, len(numbers))
    figure, every = _axes(columns, rows)
    left = set(range(len(every)))
    for curve in shown:
        place = numbers.index(curve["axis"]) * len(names) + names.index(curve["group"])
        left.remove(place)
        _curve(every[place], picture, curve, target)
        every[place].set_title(_where(curve, len(picture["groups"]) > 1))
        if place % columns == 0:
            every[place].set_ylabel(_label(picture["targets"][target]))
    for place in left:  # a group that has no row beyond this cut
        every[place].remove()
    handles, labels = every[min(set(range(len(every))) - left)].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(3, 2 * columns))
    return figure


def _where(curve: dict[str, Any], groups: bool) -> str:
    """A curve's group and what the other features are along it, in lines that fit a panel."""
    fixed = [f"{name} = {value:.4g}" for name, value in curve["fixed"].items() if value is not None]
    lines = [curve["group"]] if groups else []
    lines += [", ".join(fixed[i : i + 2]) for i in range(0, min(len(fixed), 4), 2)]
    return _plain("\n".join(lines))


def _curve(axes: "Axes", picture: dict[str, Any], curve: dict[str, Any], target: int) -> None:
    """One group's prediction along one axis, with its interval and the rows that lie on it."""
    x = np.array(curve["x"], dtype=float)
    fit, low, high, whole = (
        np.array(curve[name][target], dtype=float) for name in ("fit", "low", "high", "all")
    )
    first, last = curve["from"], curve["last"]
    if first is not None:
        axes.axvspan(
            min(first, last), max(first, last), color="#f0dfbc", linewidth=0, label="held out"
        )
    axes.axvspan(last, x[-1], color="#f3f3f3", linewidth=0, label="beyond all runs")
    if np.isfinite(low).any():
        words = f"{picture['level']:.0%} interval"
        axes.fill_between(x, low, high, color=COLOURS[0], alpha=0.2, linewidth=0, label=words)
    axes.plot(x, fit, color=COLOURS[0], label="fitted on smaller runs")
    axes.plot(x, whole, "--", color=COLOURS[1], label="fitted on all runs")
    at, y = np.array(curve["points"]["x"]), np.array(curve["points"]["y"][target])
    held = np.array(curve["points"]["held"], dtype=bool)
    open_, full = at[~held], at[held]
    axes.plot(open_, y[~held], "o", color="black", fillstyle="none", markersize=3.5,
              label="runs fitted to")  # fmt: skip
    axes.plot(full, y[held], "o", color="black", markersize=3.5, label="runs held out")
    _scale(axes, picture["features"][curve["axis"]])
    axes.set_xlim(x.min(), x.max())
    known = np.concatenate([y, *(line[np.isfinite(line)] for line in (fit, whole))])
    room = 0.1 * (known.max() - known.min())
    axes.set_ylim(known.min() - room, known.max() + room)
