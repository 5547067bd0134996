"""Options that several commands share; every one can be set as SLDAGENT_<NAME>."""

from collections.abc import Callable
from typing import Any

import click

from sldagent.config import EvaluationConfig


def option(flag: str, **settings: Any) -> Callable[[Any], Any]:
    """A click option that the environment variable SLDAGENT_<FLAG> can set."""
    return click.option(
        flag, envvar="SLDAGENT_" + flag.strip("-").replace("-", "_").upper(), **settings
    )


data_option = option(
    "--data",
    metavar="PATH",
    default=None,
    help="Folder with <task>/train.csv (and perhaps test.csv), or one table; CSV or parquet.",
)
runs_option = option(
    "--runs", default="runs", show_default=True, metavar="DIR", help="Folder that holds runs."
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
