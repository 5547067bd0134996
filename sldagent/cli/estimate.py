"""`sldagent estimate`: what models would cost, before any is asked."""

import json
from typing import Any

import click

from sldagent import api
from sldagent.cli._models import estimate_lines
from sldagent.cli._options import data_option, json_option, option
from sldagent.config import EvolveConfig


@click.command()
@option("--task", required=True, help="Name of a task, or path of its folder or task.toml.")
@click.option(
    "--models", required=True, multiple=True, metavar="NAME[;NAME…]",
    help="Models to compare, as `evolve --model` takes them; with ; between or repeated.",
)  # fmt: skip
@option("--base-url", metavar="URL", help="Their server; prices differ from one to another.")
@option("--generations", type=int, default=50, show_default=True, help="Of the search.")
@option("--islands", type=int, default=4, show_default=True, help="Sub-populations.")
@option("--offspring", type=int, help="Proposals of an island a generation.  [default: 2]")
@option("--proposer", metavar="NAME", help="mixed, or llm for models alone.  [default: mixed]")
@option("--reply-tokens", type=int, default=8192, show_default=True, help="Most of a reply.")
@data_option
@json_option
def estimate(models: tuple[str, ...], as_json: bool, **settings: Any) -> None:
    """Say what models would cost, as a table.

    Each as if it were the only model of the search. Nothing is called and no key is needed.
    """
    names = [name.strip() for text in models for name in text.split(";") if name.strip()]
    rows = [row for name in names for row in api.estimate(EvolveConfig(models=(name,), **settings))]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for line in estimate_lines(rows):
        click.echo(line)
