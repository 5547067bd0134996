"""`sldagent best`: what a run has found."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import click

from sldagent import api
from sldagent.cli._options import data_option, json_option, runs_option, unprotected_option
from sldagent.cli._results import best_lines
from sldagent.errors import SldagentError


@click.command()
@click.argument("run", metavar="RUN", default="latest")
@click.option("--source", is_flag=True, help="Print the program's source and nothing else.")
@click.option("--formula", is_flag=True, help="Print its formula, fitted to all training rows.")
@click.option("--latex", is_flag=True, help="The same as LaTeX.")
@data_option
@unprotected_option
@runs_option
@json_option
def best(
    run: str, source: bool, formula: bool, latex: bool, data: str | None, unprotected: bool,
    runs: str, as_json: bool,
) -> None:  # fmt: skip
    """Show a run's best program and how it was judged.

    RUN is a folder, a name, a unique beginning of one, or `latest`; the run may be going on.

    A formula is printed with each group's constants; of several groups the form comes first. Exit
    code 1 where the program has none.
    """
    if source + formula + latex > 1:
        raise click.UsageError("give one of --source, --formula and --latex")
    found = api.open_run(run, runs)
    winner = found.best()
    if winner is None:
        raise SldagentError(f"run '{found.folder.name}' has no valid candidate yet")
    candidate, program = winner
    if formula or latex:
        form, params = api.best_formula(found, data, unprotected)
        _show_formula(form.latex if latex else form.text, params, "%" if latex else "#", as_json)
    elif source:
        click.echo(program.source, nl=False)
    elif as_json:
        values = {"number": candidate.number, **candidate.evaluation.as_dict()}
        click.echo(json.dumps({**values, "source": program.source}, indent=2))
    else:
        for line in best_lines(found):
            click.echo(line)


def _show_formula(
    write: Callable[..., str], params: Mapping[str, Any], comment: str, as_json: bool
) -> None:
    groups = {name: write(values) for name, values in params.items()}
    if as_json:
        click.echo(json.dumps({"formula": write(), "groups": groups}, indent=2))
        return
    if len(groups) > 1:
        click.echo(write())
    for name, text in groups.items():
        if len(groups) > 1:
            click.echo(f"\n{comment} {name}")
        click.echo(text)
