"""Options that several commands share; every one can be set as SLDAGENT_<NAME>."""

from collections.abc import Callable
from typing import Any

import click


def option(flag: str, **settings: Any) -> Callable[[Any], Any]:
    """A click option that the environment variable SLDAGENT_<FLAG> can set."""
    return click.option(flag, envvar="SLDAGENT_" + flag.strip("-").replace("-", "_").upper(), **settings)


data_option = option(
    "--data",
    metavar="PATH",
    default=None,
    help="Folder with <task>/train.csv (and perhaps test.csv), or one table; CSV or parquet.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
