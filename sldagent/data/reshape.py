"""Brings a table into the shape of one run a row, one column a quantity.

- long tables, with a column that names the metric and one with its value (TensorBoard's scalars);
- one curve a column, named `run - metric` (charts of Weights & Biases exported as CSV);
- one curve a file, with the columns Wall time, Step and Value (TensorBoard).
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sldagent.data.frames import RUN, Frame
from sldagent.data.naming import is_clock, words_of
from sldagent.errors import DataError

_VALUE_NAMES = ("value", "val", "values", "metric_value", "score", "result", "y")
_CURVE = {"wall time", "step", "value"}
_SETTING = re.compile(r"([A-Za-z][A-Za-z0-9_]*)=([^\s,;/_=]+)")


def to_wide(frame: Frame, targets: Sequence[str]) -> tuple[Frame, str]:
    """The frame with a column for each target, and what was done for that; empty if nothing.

    Raises:
        DataError: A target is no column and cannot be made one.
    """
    if all(target in frame.columns for target in targets):
        return frame, ""
    for reshape in (_curve_file, _curve_columns, _long):
        found = reshape(frame, targets)
        if found is not None:
            return found
    frame.require(targets, "--target")
    raise AssertionError("a missing target is an error")


def add_settings(frame: Frame) -> tuple[Frame, str]:
    """Columns for settings that stand in the names of runs, as in `n=300M_lr=3e-4`."""
    for name, cells in frame.columns.items():
        texts = [cell if isinstance(cell, str) else "" for cell in cells]
        if "=" not in texts[0]:
            continue
        settings = [dict(_SETTING.findall(text)) for text in texts]
        keys = [key for key in settings[0] if all(key in other for other in settings)]
        fresh = {
            key: tuple(values[key] for values in settings)
            for key in keys
            if key not in frame.columns
        }
        if fresh:
            note = f"columns {', '.join(fresh)} are made of what the names in '{name}' say"
            return replace(frame, columns={**frame.columns, **fresh}), note
    return frame, ""


def _curve_file(frame: Frame, targets: Sequence[str]) -> tuple[Frame, str] | None:
    by_name = {name.lower(): name for name in frame.columns}
    if not set(by_name) >= _CURVE or len(targets) > 1 or set(by_name) & {"tag", "metric"}:
        return None
    columns = {
        targets[0] if name == by_name["value"] else name: cells
        for name, cells in frame.columns.items()
    }
    return replace(frame, columns=columns), f"column '{by_name['value']}' is '{targets[0]}'"


def _curve_columns(frame: Frame, targets: Sequence[str]) -> tuple[Frame, str] | None:
    """One row for each run and step, of columns `run - metric`; bounds of the curves are left."""
    curves: dict[str, dict[str, str]] = defaultdict(dict)
    shared = []
    for name in frame.columns:
        run, dash, metric = name.rpartition(" - ")
        if not dash:
            shared.append(name)
        for target in targets:
            if dash and target in (metric, metric.rpartition("/")[2]):
                curves[run][target] = name
    complete = {run: names for run, names in curves.items() if len(names) == len(targets)}
    if not complete:
        return None
    columns: dict[str, list[Any]] = {name: [] for name in (RUN, *shared, *targets)}
    places = []
    for run, names in complete.items():
        empty = np.all([frame.missing(name) for name in names.values()], axis=0)
        for i in np.flatnonzero(~empty):
            columns[RUN].append(run)
            for name in shared:
                columns[name].append(frame.columns[name][i])
            for target in targets:
                columns[target].append(frame.columns[names[target]][i])
            places.append(f"{frame.places[i]}, {run}")
    cells = {name: tuple(values) for name, values in columns.items()}
    note = f"{len(complete)} curves, a column each, were put below each other"
    return replace(frame, columns=cells, places=tuple(places)), note


def _long(frame: Frame, targets: Sequence[str]) -> tuple[Frame, str] | None:
    """One row for all metrics of what agrees in every other column, the clock's excepted."""
    metric = next(
        (name for name in frame.columns if set(targets) <= set(frame.texts(name))),
        None,
    )
    if metric is None:
        return None
    value = _value_column(frame, metric)
    keys = [n for n in frame.columns if n not in (metric, value) and not is_clock(n)]
    names = frame.texts(metric)
    seen: dict[tuple[Any, ...], int] = defaultdict(int)
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    places: dict[tuple[Any, ...], str] = {}
    for i, name in enumerate(names):
        key = tuple(str(frame.columns[column][i]) for column in keys)
        seen[(key, name)] += 1
        place = (key, seen[(key, name)])  # the second value of a metric belongs to a second row
        cells = rows.setdefault(place, {column: frame.columns[column][i] for column in keys})
        cells[name] = frame.columns[value][i]
        places.setdefault(place, frame.places[i])
    chosen = {place: cells for place, cells in rows.items() if any(t in cells for t in targets)}
    columns = {
        column: tuple(cells.get(column) for cells in chosen.values())
        for column in (*(key for key in keys if key not in targets), *targets)
    }
    note = f"'{metric}' names the metric of each number in '{value}': one row for all of a run's"
    others = [m for m in dict.fromkeys(names) if m and m not in targets]
    if others:
        note += f"; not looked at: {', '.join(others[:4])}{' …' if len(others) > 4 else ''}"
    return replace(frame, columns=columns, places=tuple(places[p] for p in chosen)), note


def _value_column(frame: Frame, metric: str) -> str:
    named = [n for n in frame.columns if "_".join(words_of(n)) in _VALUE_NAMES and n != metric]
    if len(named) != 1:
        raise DataError(
            f"{frame.origin}: '{metric}' names metrics, but no column 'value' holds their numbers;"
            " rename that column to value"
        )
    return named[0]
