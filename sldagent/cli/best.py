"""`sldagent best`: what a run has found."""

import json

import click

from sldagent import api
from sldagent.cli._options import json_option, runs_option
from sldagent.cli.evolve import best_lines
from sldagent.errors import SldagentError


@click.command()
@click.argument("run", metavar="RUN", default="latest")
@click.option("--source", is_flag=True, help="Print the program's source and nothing else.")
@runs_option
@json_option
def best(run: str, source: bool, runs: str, as_json: bool) -> None:
    """Show a run's best program and how it was judged.

    RUN is a folder, a name, a unique beginning of one, or `latest`; the run may be going on.
    """
    found = api.open_run(run, runs)
    winner = found.best()
    if winner is None:
        raise SldagentError(f"run '{found.folder.name}' has no valid candidate yet")
    candidate, program = winner
    if source:
        click.echo(program.source, nl=False)
    elif as_json:
        values = {"number": candidate.number, **candidate.evaluation.as_dict()}
        click.echo(json.dumps({**values, "source": program.source}, indent=2))
    else:
        for line in best_lines(found):
            click.echo(line)
