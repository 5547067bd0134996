"""Options that several commands share; those made by `option` can be set as SLDAGENT_<NAME>.

What is said of one table, and consent, is typed: a variable would say it of every table.
"""

import re
from collections.abc import Callable
from typing import Any

import click

from sldagent import api
from sldagent.config import EvaluationConfig


def option(flag: str, **settings: Any) -> Callable[[Any], Any]:
    """A click option that the environment variable SLDAGENT_<FLAG> can set."""
    return click.option(
        flag, envvar="SLDAGENT_" + flag.strip("-").replace("-", "_").upper(), **settings
    )


class Duration(click.ParamType[float]):
    """Seconds, or a number with s, m, h or d."""

    name = "duration"
    _units = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}  # noqa: RUF012

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Reads `600`, `10m` or `1.5h`."""
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([smhd]?)\s*", str(value))
        if match is None:
            self.fail(f"'{value}' is no time: write 600, 10m or 1h", param, ctx)
        return float(match[1]) * self._units[match[2]]


# A number of something stored, which SQLite keeps in 64 bits.
STORED = click.IntRange(0, 2**63 - 1)
data_option = option(
    "--data",
    metavar="PATH",
    default=None,
    help="Folder with <task>/train.csv (and perhaps test.csv), or one table; CSV or parquet.",
)
runs_option = option(
    "--runs", default="runs", show_default=True, metavar="DIR", help="Folder that holds runs."
)
unprotected_option = click.option(
    "--unprotected", is_flag=True, help="Run the program even where there is no sandbox."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")


def evaluation_options(command: Any) -> Any:
    """Adds what limits an evaluation; `evaluation_config` takes the values."""
    timeout = option(
        "--eval-timeout",
        type=float,
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="CPU seconds that the fit of one group may take.",
    )
    memory = option(
        "--memory",
        type=int,
        default=2048,
        show_default=True,
        metavar="MIB",
        help="Memory that a candidate's process may take.",
    )
    return timeout(memory(command))


def evaluation_config(
    eval_timeout: float, memory: int, reject_literals: bool = False
) -> EvaluationConfig:
    """The configuration that the options of `evaluation_options` ask for."""
    return EvaluationConfig(eval_timeout, memory, reject_literals)


_KEEP = ("copies", "diverged", "steps", "unfinished")
keep_option = click.option(
    "--keep", type=click.Choice(_KEEP), multiple=True,
    help="Keep rows that would be left out; repeatable.",
)  # fmt: skip
_TABLE_OPTIONS = (
    click.option("--group", "groups", multiple=True, metavar="COL",
                 help="Names a row's group; several together.  [default: guessed]"),
    click.option("--no-group", is_flag=True, help="All rows are one group."),
    click.option("--ignore", multiple=True, metavar="COL", help="No law sees it; repeatable."),
    click.option("--role", "roles", multiple=True, metavar="COL=ROLE",
                 help="Repeatable. Roles: size, data, unique_data, rate, batch, fraction, logged,"
                 " count."),
    click.option("--axis", "axes", multiple=True, metavar="COL",
                 help="Hold out rows along it only; repeatable."),
    click.option("--limit", type=int, default=None, metavar="N",
                 help="Fitted numbers a group; 0 for no limit.  [default: suggested]"),
    keep_option,
)  # fmt: skip


def table_options(required: bool, targets: str) -> Callable[[Any], Any]:
    """Adds what can be said of a table of one's own; `table_wishes` takes the values.

    `targets` is the help of the option that names the columns to predict.
    """

    def add(command: Any) -> Any:
        for decorate in reversed(_TABLE_OPTIONS):
            command = decorate(command)
        return click.option(
            "--target", "targets", multiple=True, required=required, metavar="COL", help=targets
        )(command)

    return add


def table_wishes(
    targets: tuple[str, ...], groups: tuple[str, ...], no_group: bool, ignore: tuple[str, ...],
    roles: tuple[str, ...], axes: tuple[str, ...], limit: int | None, keep: tuple[str, ...],
) -> dict[str, Any]:  # fmt: skip
    """What the options of `table_options` ask for, as `api.new_task` and EvolveConfig take it."""
    if no_group and groups:
        raise click.UsageError("give --group or --no-group, not both")
    return {
        "targets": targets,
        "groups": groups or (() if no_group else None),
        "ignore": ignore,
        "roles": api.parse_roles(roles) if roles else {},
        "axes": axes,
        "limit": limit,
        "keep": keep,
    }
