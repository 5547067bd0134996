"""`sldagent lineage`: the candidates of a run, and where each came from."""

import json
from typing import TYPE_CHECKING, Any

import click

from sldagent import api
from sldagent.cli._options import json_option, runs_option
from sldagent.errors import UsageError

if TYPE_CHECKING:
    from sldagent.candidate import Candidate
    from sldagent.run import Run


@click.group()
def lineage() -> None:
    """Look at the candidates of a run."""


@lineage.command("list")
@click.argument("run", metavar="RUN", default="latest")
@runs_option
@json_option
def list_(run: str, runs: str, as_json: bool) -> None:
    """List every candidate by number."""
    rows = api.open_run(run, runs).store.rows()
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        score = "      -" if row["score"] is None else f"{row['score']:7.4f}"
        parents = " ".join(f"#{parent}" for parent in row["parents"])
        click.echo(
            f"#{row['number']:<5d} generation {row['generation']:<4d} {row['status']:8s} "
            f"{score}  {f'from {parents} ' if parents else ''}{row['proposer']}: "
            f"{row['reason'] or row['change']}"
        )


@lineage.command()
@click.argument("run", metavar="RUN")
@click.argument("number", type=int)
@runs_option
@json_option
def show(run: str, number: int, runs: str, as_json: bool) -> None:
    """Show one candidate: how it was made, how it was judged, its program."""
    found = api.open_run(run, runs)
    candidate = _candidate(found, number)
    source = found.store.program(candidate.program_hash).source
    if as_json:
        click.echo(json.dumps({**_as_dict(candidate), "source": source}, indent=2))
        return
    evaluation = candidate.evaluation
    parents = ", ".join(f"#{parent}" for parent in candidate.parents) or "none"
    click.echo(f"candidate  #{number}, generation {candidate.generation}, slot {candidate.slot}")
    click.echo(f"made by    {candidate.proposer}: {candidate.change}")
    click.echo(f"parents    {parents}")
    click.echo(
        f"status     {evaluation.status}{': ' if evaluation.reason else ''}{evaluation.reason}"
    )
    if evaluation.metrics is not None:
        click.echo(f"score      {evaluation.score:.4f}")
        click.echo(f"R²         {evaluation.metrics.r2:.4f} over all cuts")
        for cut in evaluation.cuts:
            click.echo(f"  {cut.metrics.r2:8.4f}  {cut.name}")
            for group, params in (cut.params or {}).items():
                click.echo(f"            {group}: {params}")
    for warning in evaluation.warnings:
        click.echo(f"warning    {warning}")
    click.echo()
    click.echo(source, nl=False)


@lineage.command()
@click.argument("run", metavar="RUN")
@click.argument("first", type=int, metavar="A")
@click.argument("second", type=int, required=False, metavar="[B]")
@runs_option
def diff(run: str, first: int, second: int | None, runs: str) -> None:
    """Show the change from candidate A to B, or from A's parent to A."""
    found = api.open_run(run, runs)
    if second is None:
        parents = _candidate(found, first).parents
        if not parents:
            raise UsageError(f"candidate #{first} has no parent; name a second candidate")
        first, second = parents[0], first
    before, after = (
        found.store.program(_candidate(found, number).program_hash) for number in (first, second)
    )
    click.echo(before.diff(after, f"#{first}", f"#{second}"), nl=False)


def _candidate(run: "Run", number: int) -> "Candidate":
    for candidate in run.candidates():
        if candidate.number == number:
            return candidate
    raise UsageError(f"run '{run.folder.name}' has no candidate #{number}")


def _as_dict(candidate: "Candidate") -> dict[str, Any]:
    names = ("number", "generation", "island", "slot", "program_hash", "proposer", "change")
    values = {name: getattr(candidate, name) for name in names}
    links = {"parents": list(candidate.parents), "exemplars": list(candidate.exemplars)}
    return {**values, **links, **candidate.evaluation.as_dict()}
