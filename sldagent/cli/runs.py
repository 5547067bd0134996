"""`sldagent runs`: the folders that searches have left."""

import json
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from sldagent import api
from sldagent.cli._options import json_option, runs_option
from sldagent.cli._results import best_lines, counts_by_proposer
from sldagent.errors import SldagentError, UsageError

if TYPE_CHECKING:
    from sldagent.run import Run


@click.group()
def runs() -> None:
    """List, show, compare and remove runs."""


@runs.command("list")
@runs_option
@json_option
def list_(runs: str, as_json: bool) -> None:
    """List runs by name."""

    def left_out(words: object) -> None:
        click.echo(f"left out: {words}", err=True)

    rows = []
    for run in api.list_runs(runs, left_out):
        try:
            rows.append(_summary(run))
        except SldagentError as error:
            left_out(error)
        run.close()
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
    click.echo(f"run       {summary['name']}, {summary['state']}")
    click.echo(f"task      {row['task']}")
    click.echo(f"rows      {row['data_origin']} (SHA-256 {row['data_sha256'][:12]})")
    click.echo(f"started   {row['created_at']}")
    click.echo(f"finished  {row['finished_at'] or '-'}")
    click.echo(f"ended     {row['ended_because'] or '-'}")
    click.echo(f"tests     the test rows were read {row['test_reads']} times")
    for name, value in row["config"].items():
        click.echo(f"  {name} = {value}")
    states = "  ".join(f"{state} {n}" for state, n in sorted(summary["statuses"].items()))
    click.echo(f"candidates {summary['candidates']}: {states}")
    for proposer, counts in summary["proposers"].items():
        click.echo(f"  {proposer}: " + "  ".join(f"{state} {n}" for state, n in counts.items()))
    click.echo(f"model calls cost ${summary['usd']:.4f}")
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


@runs.command()
@click.argument("names", metavar="A B...", nargs=-1, required=True)
@runs_option
@json_option
def compare(names: tuple[str, ...], runs: str, as_json: bool) -> None:
    """Compare runs: what they were asked to do, and what they found.

    Scores compare only where all were judged on the same rows in the same way.
    """
    if len(names) < 2:
        raise UsageError(f"name a run to compare {names[0]} with")
    found = [api.open_run(name, runs) for name in names]
    rows = [run.store.run() for run in found]
    same = len({row["evaluation_key"] for row in rows}) == 1
    each = [{**_summary(run), **row["config"]} for run, row in zip(found, rows, strict=True)]
    known = dict.fromkeys(name for values in each for name in values if name not in _ALIKE)
    table = {
        name: [values.get(name) for values in each]
        for name in known
        if name in _ALWAYS or any(values.get(name) != each[0].get(name) for values in each)
    }
    cuts, laws = _cuts(found), [_law_of(run) for run in found]
    if as_json:
        compared = {"comparable": same, "differences": table, "cuts": cuts, "laws": laws}
        click.echo(json.dumps(compared, indent=2))
        return
    for name, values in table.items():
        click.echo(f"{name:15s} " + " ".join(f"{_short(v):32s}" for v in values).rstrip())
    click.echo("held-out R² of each cut")
    for name, reached in cuts.items():
        click.echo("  " + "".join(f"{_short(r2):13s} " for r2 in reached) + name)
    for run, law in zip(found, laws, strict=True):
        if law is not None:
            click.echo(f"best of {run.folder.name}: #{law['candidate']}, {law['parameters']} "
                       f"parameters a group: {law['made']}")  # fmt: skip
    if not same:
        click.echo("judged on other rows, cuts or limits: their scores do not compare", err=True)


_ALIKE = ("runs", "evaluation")
_ALWAYS = ("name", "task", "state", "candidates", "statuses", "score", "held_out_r2")


def _cuts(runs: Sequence["Run"]) -> dict[str, list[float | None]]:
    """What the best programs reach on every cut that either run has."""
    found: dict[str, list[float | None]] = {}
    for i, run in enumerate(runs):
        best = run.best()
        for cut in best[0].evaluation.cuts if best else ():
            found.setdefault(cut.name, [None] * len(runs))[i] = cut.metrics.r2
    return found


def _law_of(run: "Run") -> dict[str, Any] | None:
    best = run.best()
    if best is None:
        return None
    candidate = best[0]
    parameters = candidate.evaluation.params
    return {"candidate": candidate.number, "parameters": parameters, "made": candidate.change}


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {n}" for name, n in sorted(value.items())) or "-"
    return f"{value:.4f}" if isinstance(value, float) else "-" if value is None else str(value)


def _summary(run: "Run") -> dict[str, Any]:
    row, best, proposers = run.store.run(), run.best(), counts_by_proposer(run)
    spent = run.store.spent()
    statuses: Counter[str] = Counter()
    for counts in proposers.values():
        statuses.update(counts)
    state = "finished" if row["finished_at"] else "interrupted"
    if run.is_driven():
        state = "going on"
    metrics = best[0].evaluation.metrics if best else None
    return {
        "name": run.folder.name,
        "task": row["task"],
        "state": state,
        "candidates": statuses.total(),
        "statuses": dict(statuses),
        "proposers": proposers,
        "usd": spent["usd"] if spent else 0.0,
        "best": best[0].number if best else None,
        "score": best[0].evaluation.score if best else None,
        "held_out_r2": metrics.r2 if metrics else None,
    }
