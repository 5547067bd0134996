"""`sldagent bench`: ways of searching compared, beside published forms and numbers."""

from pathlib import Path
from typing import Any

import click

from sldagent import api
from sldagent.cli._models import model_options
from sldagent.cli._options import (
    data_option,
    evaluation_config,
    evaluation_options,
    json_option,
    option,
)

_ASKING = (
    "models", "base_url", "prompts", "max_cost_usd", "max_tokens", "max_calls", "reply_tokens",
    "temperature", "call_timeout", "patience", "unprotected",
)  # fmt: skip


@click.command()
@click.option(
    "--tasks", multiple=True, metavar="TASK", help="Repeatable.  [default: SLDBench's, if at hand]"
)
@click.option("--seeds", type=int, default=5, show_default=True, help="Searches of each kind.")
@click.option(
    "--proposer", "proposers", multiple=True, default=("symbolic",), show_default=True,
    metavar="NAME", help="Who writes programs; repeatable.",
)  # fmt: skip
@click.option(
    "--ablate", "ablations", multiple=True,
    type=click.Choice(["best-of-n", "random", "no-islands", "no-exemplars", "no-seeds"]),
    help="Search without something, too, at equal evaluations; repeatable.",
)  # fmt: skip
@click.option(
    "--baseline", "baselines", multiple=True, type=click.Choice(["human"]),
    help="Fit the form that people published, and score their constants as printed.",
)  # fmt: skip
@option("--evaluations", type=int, default=400, show_default=True, help="Candidates of a search.")
@click.option(
    "--split", type=click.Choice(["test", "pseudo"]), default="test", show_default=True,
    help="Judge on the test rows, or on training rows that the search did not get.",
)  # fmt: skip
@click.option(
    "--pseudo-tests", type=int, default=3, show_default=True, help="Most pseudo-tests of a task."
)
@click.option(
    "--start-programs", type=int, help="Most programs that a search begins with.  [default: all]"
)
@option("--workers", type=int, default=None, help="Evaluating processes.  [default: one a core]")
@click.option("-o", "--out", metavar="DIR", default="bench", show_default=True)
@data_option
@evaluation_options
@model_options
@json_option
def bench(
    out: str, eval_timeout: float, memory: int, as_json: bool, tasks: tuple[str, ...],
    **settings: Any,
) -> None:  # fmt: skip
    """Compare ways of searching over tasks and seeds.

    \b
    sldagent bench --tasks parallel --tasks sft --seeds 3 --baseline human
    sldagent bench --proposer symbolic --proposer mixed --model gpt-5-mini --max-cost-usd 1
    sldagent bench --split pseudo --ablate best-of-n --ablate random

    Cells are searched one after the other on all cores. The same command with the same -o goes on
    where it was stopped, or adds tasks, seeds and arms. results.md and results.json in that folder
    are written after every cell. What models may cost is for each search. Published numbers stand
    in columns of their own.
    """  # noqa: D301
    asking = {name: settings.pop(name) for name in _ASKING}
    if not asking["models"]:
        asking = {}
    limits = evaluation_config(eval_timeout, memory, reject_literals=True)

    def watch(number: int, total: int, words: str) -> None:
        click.echo(f"{number}/{total} {words}", err=True)

    result = api.bench(Path(out), tasks, watch, evaluation=limits, asking=asking, **settings)
    click.echo(result.to_json() if as_json else api.bench_markdown(result))
