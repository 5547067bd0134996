"""`sldagent evaluate`: one program through the whole evaluation."""

import json
from typing import Any

import click

from sldagent import api
from sldagent.cli._draft import short_lines
from sldagent.cli._options import (
    data_option,
    evaluation_config,
    evaluation_options,
    table_options,
    table_wishes,
)

_KEYS = (
    "status", "reason", "split", "metrics", "cuts", "groups", "params", "literals", "seconds",
    "warnings", "score", "output",
)  # fmt: skip


@click.command()
@click.argument("program", type=click.Path(), metavar="PROGRAM.py")
@click.option("--task", default=None, help="Name of a task, or path of its folder or task.toml.")
@click.option(
    "--split",
    type=click.Choice(["held-out", "test"]),
    default="held-out",
    show_default=True,
    help="Cuts of the training rows, or the test rows (fitted on all training rows).",
)
@data_option
@table_options(required=False, targets="Without --task: a column of --data to predict; repeatable.")
@evaluation_options
@click.option("--unprotected", is_flag=True, help="Run it even where there is no sandbox.")
@click.option("--json", is_flag=True, help="Errors as JSON too; the result always is.")
def evaluate(
    program: str,
    task: str | None,
    split: str,
    data: str | None,
    unprotected: bool,
    json: bool,
    eval_timeout: float,
    memory: int,
    **table: Any,
) -> int:
    """Judge one program, anybody's, and print one JSON object.

    \b
    sldagent evaluate program.py --task data_constrained
    sldagent evaluate program.py --data runs.csv --target loss

    PROGRAM.py defines `scaling_law_func(data_points, params)` and `fit_scaling_law(data_points,
    loss_values)`, or a published `law(input_data, group)` with frozen constants. Exit code 1 where
    its status is not `ok`. Without a task one is made of the table, as `tasks new` does.
    """  # noqa: D301
    chosen = api.name_or_draft(task, data, **table_wishes(**table))
    if not isinstance(chosen, str):
        for line in short_lines(chosen):
            click.echo(line, err=True)
    limits = evaluation_config(eval_timeout, memory)
    result = api.evaluate(program, chosen, split, data, limits, unprotected)
    values = result.as_dict()
    if split == "test":
        click.echo("sldagent: the test rows were read once for this; no run counts it", err=True)
    click.echo(_dumps({key: values[key] for key in _KEYS}))
    return 0 if result.status == "ok" else 1


def _dumps(value: Any) -> str:
    return json.dumps(value, indent=2, allow_nan=False)
