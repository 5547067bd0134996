"""`sldagent evaluate`: one program through the whole evaluation."""

import json
from typing import Any

import click

from sldagent import api
from sldagent.cli._options import data_option, evaluation_config, evaluation_options

_KEYS = (
    "status", "reason", "split", "metrics", "cuts", "groups", "params", "literals", "seconds",
    "warnings", "score", "output",
)  # fmt: skip


@click.command()
@click.argument("program", type=click.Path(), metavar="PROGRAM.py")
@click.option("--task", required=True, help="Name of a task, or path of its folder or task.toml.")
@click.option(
    "--split",
    type=click.Choice(["held-out", "test"]),
    default="held-out",
    show_default=True,
    help="Cuts of the training rows, or the test rows (fitted on all training rows).",
)
@data_option
@evaluation_options
@click.option("--unprotected", is_flag=True, help="Run it even where there is no sandbox.")
@click.option("--json", is_flag=True, help="Errors as JSON too; the result always is.")
def evaluate(
    program: str,
    task: str,
    split: str,
    data: str | None,
    unprotected: bool,
    json: bool,
    **limits: Any,
) -> int:
    """Judge one program, anybody's, and print one JSON object.

    PROGRAM.py defines `scaling_law_func(data_points, params)` and `fit_scaling_law(data_points,
    loss_values)`, or a published `law(input_data, group)` with frozen constants. Exit code 1 where
    its status is not `ok`.
    """
    result = api.evaluate(program, task, split, data, evaluation_config(**limits), unprotected)
    values = result.as_dict()
    if split == "test":
        click.echo("sldagent: the test rows were read once for this; no run counts it", err=True)
    click.echo(_dumps({key: values[key] for key in _KEYS}))
    return 0 if result.status == "ok" else 1


def _dumps(value: Any) -> str:
    return json.dumps(value, indent=2, allow_nan=False)
