"""Laws of tables: fitted, and what fitted laws and runs predict and decide."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sldagent.api.rerunning import at_hand
from sldagent.api.tasks import load_task, parse_roles, table_file
from sldagent.errors import DataError, UsageError
from sldagent.plain import rows_of

if TYPE_CHECKING:
    import pandas

    from sldagent.data.newtask import Draft
    from sldagent.fitted import FittedLaw
    from sldagent.laws.expressions import Array
    from sldagent.laws.worth import Crossing, Worth
    from sldagent.run import Run
    from sldagent.tablefit import TableFit
    from sldagent.task import Task


def fit(
    table: "str | Path | pandas.DataFrame | None" = None,
    task: "Task | str | None" = None,
    data: str | None = None,
    features: "Sequence[str]" = (),
    targets: "str | Sequence[str]" = (),
    group: "str | Sequence[str] | None" = None,
    law: str = "auto",
    draws: int = 500,
    level: float = 0.95,
    ignore: "Sequence[str]" = (),
    roles: "Mapping[str, str] | None" = None,
    limit: int | None = None,
    keep: "Sequence[str]" = (),
    objective: str = "squared",
) -> "TableFit":
    """A law for a table: `law` by name, or the family that extrapolates best.

    Either `table` (a CSV or parquet file, or a DataFrame) with `targets`, or a `task` whose rows
    are found as everywhere. Of a table's columns those in `features`, as NAME=ROLE, are read and no
    others; where no feature is named, all but those in `ignore` are guessed, with `roles` by column
    for some. Of several `group` columns each combination has constants of its own; `limit` is of
    the parameters a group; `keep` names rows not to leave out, as in `new_task`. A law that is
    named is fitted even where no rows can be held out. What is made least is the `objective`:
    squared, log_squared, or huber_log and soft_l1, which forgive outlying rows. The result has
    `report()`, `predict`, `latex()`, `sympy()`, and `draft`, what was made of a table.

    Raises:
        UsageError: Table and task are named, or neither; what is for a table is said of a task.
    """
    from sldagent.data.choices import make_wishes
    from sldagent.data.newtask import draft_task
    from sldagent.data.sources import load_or_measured
    from sldagent.laws.families import LawNotFound, find
    from sldagent.tablefit import fit_table

    _require("level", level, 1.0)
    if draws < 1:
        raise UsageError(f"draws must be one at least: {draws}")
    if (table is None) == (task is None):
        raise UsageError("name either a TABLE with --target, or a --task")
    if table is not None:
        if features and (roles or ignore):
            raise UsageError("--role and --ignore are for a TABLE without --feature")
        groups = [] if group is None and features else group
        named = parse_roles(features, "--feature") if features else dict(roles or {})
        wishes = make_wishes(
            targets, groups, ignore, named, limit=limit, keep=keep, others=not features,
            role_option="--feature" if features else "--role",
        )  # fmt: skip
        with table_file(table) as path:
            draft = draft_task(path, wishes, must_cut=law == "auto")
        if limit and law != "auto":
            named_law = find(law, [column.role for column in draft.task.features])
            needed = len(named_law.parameters) * len(draft.task.targets)
            if needed > limit:
                raise UsageError(
                    f"{law} has {needed} parameters a group, more than --limit {limit}"
                )
        try:
            found = fit_table(draft.task, draft.table, law, draws, level, draft.runs, objective)
        except LawNotFound as error:
            raise DataError(f"{error}{_left_out(draft)}") from None
        return replace(found, draft=draft)
    if features or targets or group or ignore or roles or keep or limit is not None:
        raise UsageError("columns, --limit and --keep are for a TABLE; a task says them already")
    assert task is not None
    chosen, rows = load_or_measured(load_task(task) if isinstance(task, str) else task, data)
    return fit_table(chosen, rows, law, draws, level, objective=objective)


def _left_out(draft: "Draft") -> str:
    """Which features a law can have of a table, and why no others."""
    from sldagent.data.choices import Use

    there = ", ".join(f"{c.name} ({c.role})" for c in draft.task.features)
    gone = "; ".join(f"{c.name}: {c.why}" for c in draft.columns if c.use is Use.LEFT_OUT)
    return f"; features are {there}" + (f"; left out are {gone}" if gone else "")


def price_worth(
    found: "TableFit", table: "str | Path | pandas.DataFrame", price: str, draws: int = 100
) -> "tuple[list[Worth], list[Crossing], bool]":
    """What the price column of a fitted table buys, and where a group is worth it.

    The rows are those of the fit. The law's values make the frontier, see `laws.worth`; a target
    that rises with price, as accuracies do, is turned round.

    Returns:
        What price buys in each group, where groups cross, and whether the target rises.

    Raises:
        UsageError: The fit has several targets, or is none of a table.
        DataError: The column is none, or has values that are no prices.
    """
    import numpy as np

    from sldagent.data.choices import Wishes
    from sldagent.data.naming import rises_by_name
    from sldagent.data.rows import read_shaped
    from sldagent.laws.worth import worth
    from sldagent.scales import on_scale
    from sldagent.scoring import is_error

    task, known = found.task, found.table
    if found.draft is None:
        raise UsageError("prices are a column of a table: fit one")
    if len(task.targets) > 1:
        raise UsageError(f"a price buys one target; here are {', '.join(task.target_names)}")
    with table_file(table) as path:
        frame, _ = read_shaped(path, Wishes(task.target_names))
    frame.require([price], "--price")
    paid = frame.at(found.draft.places).numbers(price)
    there = np.isfinite(paid)
    if not there.any():
        raise DataError(f"{price}: the column holds no numbers")
    paid = paid[there]
    if (paid <= 0).any() or np.ptp(paid) == 0:
        what = "one value in every row" if np.ptp(paid) == 0 else f"{paid.min():g} in some row"
        raise DataError(f"{price} has {what}: a price is above zero and differs between runs")
    x, groups = known.x[there], np.array(known.groups)[there]
    names = groups.tolist()
    drawn = replace(found.drawn, draws=found.drawn.draws[:draws])
    values = np.vstack([found.fit.predict(x, names).T, drawn.predict(x, names)[..., 0]])
    target = task.target_names[0]
    scales = [
        on_scale(column, feature.role) for column, feature in zip(x.T, task.features, strict=True)
    ]
    rises = rises_by_name(target) or (not is_error(target) and _rises(paid, values[0], groups))
    single, crossings = worth(
        paid, -values if rises else values, np.column_stack(scales), names, found.level
    )
    return single, crossings, rises


def _rises(paid: "Array", values: "Array", groups: "Array") -> bool:
    """Whether dearer runs of a group have more of the target; groups may differ in both."""
    import numpy as np

    net = 0.0
    for group in np.unique(groups):
        own = groups == group
        away = np.log(paid[own]) - np.log(paid[own]).mean()
        net += float(away @ values[own])
    return net > 0


def predict(
    source: "FittedLaw | TableFit | Run",
    points: "Mapping[str, Any] | Sequence[Mapping[str, Any]] | pandas.DataFrame",
    data: str | None = None,
    unprotected: bool = False,
    level: float = 0.8,
    seconds: float = 30.0,
    candidate: int | None = None,
) -> list[dict[str, Any]]:
    """Values at points, with intervals and what parameters and forms add to the doubt.

    Args:
        source: A fit or its law (`fit`, `load_fit`), or a run, whose best program is run again.
        points: A number for every feature; where there are groups a `group`, or the columns that
            name it. One point may stand alone; those of a DataFrame are its rows, with what has a
            name in its index.
        data: Where the rows of a run are.
        unprotected: Run a run's program even where there is no sandbox.
        level: Of a run's intervals; a fitted law has its own.
        seconds: That refits of a run's program may take.
        candidate: Of a run; None is the best.

    Returns:
        For each point and group: `group`, `at`, `values` by target with value, low and high (where
        a new run may land, at `level`), parameter and model (half-widths), and `warnings`.

    Raises:
        UsageError: A feature is missing, or a group is not known.
    """
    from sldagent.fitted import FittedLaw
    from sldagent.predicting import predict_fitted, predict_run
    from sldagent.run import Run

    _require("level", level, 1.0)
    rows = rows_of(points)
    if not rows:
        return []
    if not isinstance(source, Run):
        return predict_fitted(source if isinstance(source, FittedLaw) else source.law, rows)
    with at_hand(source, candidate, data, unprotected) as (found, refitter):
        return predict_run(found, refitter, rows, level, seconds)


def point_names(source: "FittedLaw | Run") -> list[str]:
    """What the points of `predict` may have: features, `group` and the group columns."""
    from sldagent import predicting
    from sldagent.fitted import FittedLaw

    if isinstance(source, FittedLaw):
        return predicting.point_names(source.features, source.group_column)
    task = source.task()
    return predicting.point_names(task.feature_names, task.group_column)


def allocate(
    source: "FittedLaw | TableFit | Run",
    flops: float | None = None,
    given: "Mapping[str, float] | None" = None,
    group: str | None = None,
    data: str | None = None,
    unprotected: bool = False,
    level: float = 0.8,
    seconds: float = 30.0,
    candidate: int | None = None,
) -> list[dict[str, Any]]:
    """The best size and data for a budget of FLOPs (6ND), for every group, with intervals.

    Sizes and data are in the table's own `units`. With the best learning rate and batch size where
    the law has them. `given` has values of the other features; with size and data among them no
    budget is needed. A target that rises with size and data, as accuracy does, is to be largest.
    Where the law has no optimum, size, data and loss are None and the warning says so. Else as for
    `predict`.
    """
    from sldagent.fitted import FittedLaw
    from sldagent.predicting import allocate_fitted, allocate_run
    from sldagent.run import Run

    _require("level", level, 1.0)
    if flops is not None:
        _require("flops", flops)
    for name, value in (given or {}).items():
        if not math.isfinite(value):
            raise UsageError(f"{name} must be a finite number: {value:g}")
    if not isinstance(source, Run):
        law = source if isinstance(source, FittedLaw) else source.law
        return allocate_fitted(law, flops, given or {}, group)
    with at_hand(source, candidate, data, unprotected) as (found, refitter):
        return allocate_run(found, refitter, flops, given or {}, group, level, seconds)


def _require(name: str, value: float, most: float = math.inf) -> None:
    if not 0 < value < most:
        raise UsageError(f"{name} must be above zero and below {most:g}: {value:g}")


def read_points(path: str | Path) -> list[dict[str, Any]]:
    """Rows of a table, each with the columns' names, for `predict`; numbers stay as written.

    Raises:
        DataError: The file cannot be read, or is no table.
    """
    from sldagent.data.frames import read_frame
    from sldagent.data.units import parse_number

    frame = read_frame(Path(path))
    rows = [
        dict(zip(frame.columns, cells, strict=True))
        for cells in zip(*frame.columns.values(), strict=True)
    ]
    if frame.decimal_comma:
        for row in rows:
            for name, cell in row.items():
                number = parse_number(cell, True)
                # Labels such as 3.1 stay as they are.
                if number is not None and number != parse_number(cell):
                    row[name] = number
    return rows


def read_number(text: str) -> float | None:
    """A number as people write them, `7B` or `6.4%` too; None where there is none."""
    from sldagent.data.units import parse_number

    return parse_number(text)


def plot_fit(found: "TableFit", file: str | Path) -> Path:
    """Writes a fit's figure, predictions against what was measured and residuals."""
    from sldagent.reporting.fit_plot import plot_fit as plot

    return plot(found, Path(file))


def load_fit(path: str | Path) -> "FittedLaw":
    """The law in what `sldagent fit … --json` printed, to predict and allocate with."""
    from sldagent.fitted import read_fitted

    return read_fitted(Path(path))
