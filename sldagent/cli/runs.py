"""`sldagent runs`: the folders that searches have left."""

import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from sldagent import api
from sldagent.cli._options import json_option, runs_option
from sldagent.cli.evolve import best_lines
from sldagent.errors import UsageError

if TYPE_CHECKING:
    from sldagent.run import Run


@click.group()
def runs() -> None:
    """List, show and remove runs."""


@runs.command("list")
@runs_option
@json_option
def list_(runs: str, as_json: bool) -> None:
    """List runs by name."""
    rows = [_summary(run) for run in api.list_runs(runs)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        click.echo(f"no runs in {runs}", err=True)
    for row in rows:
        r2 = "   none" if row["held_out_r2"] is None else f"{row['held_out_r2']:7.4f}"
        click.echo(
            f"{row['name']}  {row['task']}  {row['state']}  {row['candidates']} candidates  "
            f"held-out R² {r2}"
        )


@runs.command()
@click.argument("run", metavar="RUN", default="latest")
@runs_option
@json_option
def show(run: str, runs: str, as_json: bool) -> None:
    """Show what a run was started with and where it stands."""
    found = api.open_run(run, runs)
    summary, row = _summary(found), found.store.run()
    if as_json:
        click.echo(json.dumps({**row, **summary}, indent=2))
        return
    click.echo(f"run       {row['name']}, {summary['state']}")
    click.echo(f"task      {row['task']}")
    click.echo(f"rows      {row['data_origin']} (SHA-256 {row['data_sha256'][:12]})")
    click.echo(f"started   {row['created_at']}")
    click.echo(f"finished  {row['finished_at'] or '-'}")
    click.echo(f"tests     the test rows were read {row['test_reads']} times")
    for name, value in row["config"].items():
        click.echo(f"  {name} = {value}")
    states = "  ".join(f"{state} {n}" for state, n in sorted(summary["statuses"].items()))
    click.echo(f"candidates {summary['candidates']}: {states}")
    for line in best_lines(found):
        click.echo(line)


@runs.command()
@click.argument("run", metavar="RUN")
@click.option("--yes", is_flag=True, help="Do not ask.")
@runs_option
def rm(run: str, yes: bool, runs: str) -> None:
    """Remove a run's folder."""
    found = api.open_run(run, runs)
    if found.is_driven():
        raise UsageError(f"run '{found.folder.name}' is going on; end it before you remove it")
    if not yes and not sys.stdin.isatty():
        raise UsageError(f"nobody can be asked whether to remove {found.folder}; give --yes")
    if not yes:
        click.confirm(f"remove {found.folder} with all its candidates?", abort=True, err=True)
    found.store.close()
    shutil.rmtree(found.folder)


def _summary(run: "Run") -> dict[str, Any]:
    row, candidates, best = run.store.run(), run.store.rows(), run.best()
    statuses: dict[str, int] = {}
    for candidate in candidates:
        statuses[candidate["status"]] = statuses.get(candidate["status"], 0) + 1
    state = "finished" if row["finished_at"] else "interrupted"
    if run.is_driven():
        state = "going on"
    metrics = best[0].evaluation.metrics if best else None
    return {
        "name": row["name"],
        "task": row["task"],
        "state": state,
        "candidates": len(candidates),
        "statuses": statuses,
        "best": best[0].number if best else None,
        "held_out_r2": metrics.r2 if metrics else None,
    }
