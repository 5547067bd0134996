"""`sldagent predict` and `allocate`: what a law says of runs that nobody has made."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sldagent import api
from sldagent.cli._options import STORED, data_option, json_option, runs_option, unprotected_option
from sldagent.cli._points import check_names, numbers, point
from sldagent.errors import DataError, UsageError

if TYPE_CHECKING:
    from sldagent.fitted import FittedLaw
    from sldagent.run import Run

_OF_TABLE = {"targets": "--target", "columns": "--column", "features": "--feature"}
_source = click.argument("source", metavar="SOURCE")
_level = click.option(
    "--level", type=click.FloatRange(0.5, 0.999), default=0.8, show_default=True,
    help="Of a run's or a table's intervals; a fit's JSON has its own.",
)  # fmt: skip


def _fit_options(command: Any) -> Any:
    """What a table is fitted with, and which of a run's programs is taken."""
    for add in (
        click.option("--candidate", type=STORED, default=None,
                     help="Of a run: another than the best."),
        click.option("--law", default="auto", show_default=True, help="A family, for a table."),
        click.option("--column", "columns", multiple=True, metavar="NAME",
                     help="For a table: names a row's group; several together."),
        click.option("--feature", "features", multiple=True, metavar="NAME=ROLE",
                     help="For a table; repeatable.  [default: guessed]"),
        click.option("--target", "targets", multiple=True, metavar="NAME",
                     help="For a table: what is predicted; repeatable."),
    ):  # fmt: skip
        command = add(command)
    return command


@click.command()
@_source
@click.option(
    "--at", "at", multiple=True, metavar="NAME=VALUE,…",
    help="Predict there; repeatable. group=NAME, or the group columns' own names, name one group, "
    "without them all are shown.",
)  # fmt: skip
@click.option(
    "--points", metavar="FILE",
    help="Table with a column for each feature, and perhaps `group` or the group columns.",
)  # fmt: skip
@_level
@_fit_options
@data_option
@unprotected_option
@runs_option
@json_option
def predict(
    source: str, at: tuple[str, ...], points: str | None, level: float, runs: str, as_json: bool,
    data: str | None, unprotected: bool, candidate: int | None, **table: Any,
) -> None:  # fmt: skip
    """Predict at new points, and say where the doubt comes from.

    \b
    sldagent fit runs.csv --target loss --json > fit.json
    sldagent predict fit.json --at params=7e9,tokens=2e12
    sldagent predict latest --at params=7e9,tokens=2e12
    sldagent predict runs.csv --target loss --at params=7e9,tokens=2e12

    SOURCE is the JSON of a fit, a run, or a table, which is fitted first. The interval is where a
    new run may land; ± parameters is what the constants leave open, ± form how far laws that are
    about as good differ.
    """  # noqa: D301
    wanted = [point(text, "--at") for text in at] + (api.read_points(points) if points else [])
    if not wanted:
        raise UsageError("say where: --at NAME=VALUE,… or --points FILE")
    law = _open(source, runs, level, table)
    check_names(wanted[: len(at)], "--at", law)
    rows = api.predict(law, wanted, data, unprotected, level, candidate=candidate)
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        click.echo(prediction_line(row))
        for words in row["warnings"]:
            click.echo(f"warning: {words}")


@click.command()
@_source
@click.option("--flops", type=float, default=None, help="Budget C = 6 N D.")
@click.option(
    "--fixed", multiple=True, metavar="NAME=VALUE", help="Other features; repeatable. With size "
    "and data, only the best rate and batch are looked for."
)  # fmt: skip
@click.option("--group", default=None, help="For this group only.")
@_level
@_fit_options
@data_option
@unprotected_option
@runs_option
@json_option
def allocate(
    source: str, flops: float | None, fixed: tuple[str, ...], group: str | None, level: float,
    runs: str, as_json: bool, data: str | None, unprotected: bool, candidate: int | None,
    **table: Any,
) -> None:  # fmt: skip
    """Split a budget between size and data, with learning rate and batch size where known.

    \b
    sldagent allocate fit.json --flops 1e22
    sldagent allocate latest --flops 1e22
    sldagent allocate fit.json --fixed params=7e9,tokens=2e12

    SOURCE is the JSON of a fit, a run, or a table, which is fitted first.
    """  # noqa: D301
    given = {k: v for text in fixed for k, v in numbers(text, "--fixed").items()}
    law = _open(source, runs, level, table)
    rows = api.allocate(law, flops, given, group, data, unprotected, level, candidate=candidate)
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for line in allocation_lines(rows):
        click.echo(line)


def prediction_line(row: dict[str, Any]) -> str:
    """One row of `api.predict` in words."""
    place = ", ".join(f"{name}={value:.6g}" for name, value in row["at"].items())
    parts = []
    for target, values in row["values"].items():
        if values["value"] is None:
            parts.append(f"{target} has no finite value")
            continue
        words = f"{target} {values['value']:.6g}"
        if values["low"] is not None and values["high"] is not None:
            ends = f"{values['low']:.6g} to {values['high']:.6g}"
            words += f" ({row['level']:.0%} interval {ends})"
        doubts = [
            # Where no other law is as good, nothing tells what the form leaves open.
            f"{name} ± {values[part]:.2g}"
            if values[part] or part == "parameter"
            else f"{name} unknown"
            for name, part in (("parameters", "parameter"), ("form", "model"))
            if values[part] is not None
        ]
        parts.append(words + (f"; {', '.join(doubts)}" if doubts else ""))
    return f"[{row['group']}] at {place}: {'; '.join(parts)}"


def allocation_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Rows of `api.allocate` in words."""
    several = len({row["target"] for row in rows}) > 1
    lines = []
    for row in rows:
        where = f"[{row['group']}] {row['flops']:.3g} FLOPs"
        where += f" for {row['target']}" if several else ""
        if row["size"] is None:
            lines.append(f"{where}: {row['warning']}")
            continue
        named = {name: row[name] for name in ("size", "data", "ratio", "loss")} | row["tuned"]
        for name, value in named.items():
            ends = row["intervals"].get(name)
            unit = row["units"].get(name)
            words = f" {unit}" if unit else ""
            words += f" ({ends[0]:.4g} to {ends[1]:.4g})" if ends else ""
            shown = row["target"] if name == "loss" else name
            lines.append(f"{where}: {shown} {value:.4g}{words}")
        lines += [f"warning: {row['warning']}"] if row["warning"] else []
    return lines


def _open(source: str, runs: str, level: float, table: dict[str, Any]) -> "FittedLaw | Run":
    path = Path(source)
    said = [flag for name, flag in _OF_TABLE.items() if table[name]]
    if path.suffix.lower() == ".json" and not said:
        fitted_law = api.load_fit(path)
        given = click.get_current_context().get_parameter_source("level")
        said_so = given is click.core.ParameterSource.COMMANDLINE and 0 < level < 1
        if said_so and level != fitted_law.level:
            raise UsageError(
                f"{path} has intervals of {fitted_law.level:g}: fit again with --level {level:g}"
            )
        return fitted_law
    if api.names_table(path) and (said or not path.is_dir()):
        if not path.exists():
            raise DataError(f"{path}: no such file")
        if not table["targets"]:
            raise UsageError("a table needs --target COLUMN")
        fitted = api.fit(
            path, features=table["features"], targets=table["targets"],
            group=table["columns"] or None, law=table["law"], level=level,
        )  # fmt: skip
        return fitted.law
    run = api.open_run(source, runs)
    said += ["--law"] if table["law"] != "auto" else []
    if said:
        raise UsageError(f"{said[0]} is for a table, and '{source}' is a run")
    return run
