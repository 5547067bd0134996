"""`sldagent measure`: train the runs of our own tables."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sldagent import api
from sldagent.cli._options import option

if TYPE_CHECKING:
    from sldagent.measure.campaign import Cost
    from sldagent.measure.spec import Row


@click.command()
@click.argument("task", metavar="TASK")
@click.option(
    "-o", "--output", metavar="DIR", help="Folder of the table.  [default: measured/TASK]"
)
@option("--workers", type=int, default=None, help="Training processes.  [default: one a core]")
@click.option(
    "--together",
    type=int,
    default=1,
    show_default=True,
    help="Runs of one width and length that a process trains at once; pays on a GPU.",
)
@click.option("--runs", "most", type=int, metavar="N", help="Stop after so many runs.")
@click.option("--dry-run", is_flag=True, help="Show the plan and its cost.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def measure(
    task: str,
    output: str | None,
    workers: int | None,
    together: int,
    most: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train the runs of a table of our own: data_constrained or lr_bsz.

    Small byte-level language models learn the sources of Python's standard library over a
    designed grid; needs JAX (`pip install 'sldagent[measure]'`). Every finished run is a row of
    DIR/runs.csv;
    whatever ends the command, the same command goes on from there.
    """
    folder = Path(output or Path("measured") / task)
    journal = api.open_measured(task, folder)
    cost = api.measuring_cost(journal)
    plan = journal.plan
    count = {stage: sum(s.stage == stage for s in plan.runs) for stage in ("train", "test")}
    click.echo(
        f"{task}: {len(plan.runs)} training runs ({len(plan.tuning)} to tune the learning rate, "
        f"{count['train']} for the table, {count['test']} larger ones to test), "
        f"{len(plan.runs) - cost.runs} done",
        err=True,
    )
    for name in ("params", "tokens", "unique_tokens"):
        values = [getattr(spec, name) for spec in plan.grid]
        click.echo(f"  {name:14s} {min(values):.3g} to {max(values):.3g}", err=True)
    click.echo(
        f"left: {cost.runs} runs, about {_minutes(cost.seconds)} of one core at "
        f"{cost.speed / 1e9:.1f} GFLOP/s ({'assumed' if cost.assumed else 'as in those done'})",
        err=True,
    )
    if not dry_run:
        done = len(plan.runs) - cost.runs

        def show(row: "Row", left: "Cost") -> None:
            nonlocal done
            done += 1
            loss = "diverged" if row.loss is None else f"loss {row.loss:.4f}"
            click.echo(
                f"[{done}/{len(plan.runs)}] {row.key}: {loss} after {row.seconds:.1f} s; "
                f"left: {_minutes(left.seconds)} of one core",
                err=True,
            )

        api.measure(journal, workers, together, most, show)
    rows = list(journal.rows.values())
    seconds = sum(row.seconds for row in rows)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "task": task,
                    "folder": str(folder),
                    "runs": len(plan.runs),
                    "done": len(rows),
                    "diverged": sum(row.loss is None for row in rows),
                    "seconds": seconds,
                    "seconds_left": api.measuring_cost(journal).seconds,
                }
            )
        )
        return
    click.echo(f"{len(rows)} of {len(plan.runs)} runs, {_minutes(seconds)} of one core: {folder}")


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
